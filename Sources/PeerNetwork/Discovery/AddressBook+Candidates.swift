/// Whom to connect to.
extension AddressBook {
    /// What candidates must not be.
    public struct Exclusion: Sendable {
        public var peers: Set<PeerID>
        /// Ranges that connections exist in; they are used where no others are left, if `fallsBack`.
        public var ranges: Set<AddressRange>
        public var isBlocked: @Sendable (Key) -> Bool

        public init(
            peers: Set<PeerID> = [], ranges: Set<AddressRange> = [],
            isBlocked: @escaping @Sendable (Key) -> Bool = { _ in false }
        ) {
            self.peers = peers
            self.ranges = ranges
            self.isBlocked = isBlocked
        }
    }

    /// Which addresses are asked for.
    public enum Kind: Hashable, Sendable {
        /// Those that worked, the ones known longest first: an attacker's are newer than those from before the attack.
        case senior
        /// Those that worked, each range with the same chance.
        case tried
        /// Those that were only heard of, each range with the same chance.
        case new
    }

    /// Candidates of one kind, each of another range and another peer. A range is drawn first and an address in it
    /// then, so that a range with a thousand addresses is as likely as one with a single address.
    public func candidates(
        _ kind: Kind, count: Int, excluding exclusion: Exclusion, random: inout PeerRandom
    ) -> [Key] {
        let place = kind == .new ? new : tried
        var groups: [[UInt8]: [Entry]] = [:]
        var order: [[UInt8]] = []
        for case let key? in place {
            guard let entry = entries[key], !exclusion.peers.contains(key.peer), !exclusion.isBlocked(key) else {
                continue
            }
            if let range = entry.range, exclusion.ranges.contains(range) { continue }
            let identity = entry.rangeIdentity
            if groups[identity] == nil { order.append(identity) }
            groups[identity, default: []].append(entry)
        }
        order.shuffle(using: &random)
        if kind == .senior {
            let firsts = groups.mapValues { $0.compactMap(\.firstSuccess).min() ?? .seconds(Int64.max / 2) }
            order.sort { (firsts[$0] ?? .zero) < (firsts[$1] ?? .zero) }
        }
        var picked: [Key] = []
        var peers: Set<PeerID> = []
        for identity in order where picked.count < count {
            guard let group = groups[identity], let entry = pick(kind, of: group, random: &random) else { continue }
            if peers.insert(entry.key.peer).inserted { picked.append(entry.key) }
        }
        return picked
    }

    private func pick(_ kind: Kind, of group: [Entry], random: inout PeerRandom) -> Entry? {
        if kind == .senior {
            return group.min { ($0.firstSuccess ?? .zero, $0.failures) < ($1.firstSuccess ?? .zero, $1.failures) }
        }
        // Those that failed last time come after the others.
        let least = group.map(\.failures).min() ?? 0
        return group.filter { $0.failures <= least }.randomElement(using: &random)
    }

    /// An address for a short connection that shows whether it is one: first the owners of contested places in
    /// "tried", then an address that was only heard of.
    public func feeler(excluding exclusion: Exclusion, random: inout PeerRandom) -> Key? {
        let contested = collisions.first { !exclusion.peers.contains($0.owner.peer) && !exclusion.isBlocked($0.owner) }
        if let contested { return contested.owner }
        return candidates(.new, count: 1, excluding: exclusion, random: &random).first
    }

    /// A sample of peers with addresses for others, each of another range, of those that were seen lately. Nothing of
    /// private networks leaves for the public, and nothing public is hidden.
    public func sample(
        count: Int, seenSince: Duration, includesPrivate: Bool, random: inout PeerRandom
    ) -> [KademliaContact] {
        var picked: [KademliaContact] = []
        var seen: Set<PeerID> = []
        for kind in [Kind.tried, .new] {
            for key in candidates(kind, count: 4 * count, excluding: Exclusion(), random: &random) {
                guard picked.count < count, seen.insert(key.peer).inserted else { continue }
                let usable = addresses(of: key.peer).filter { entry in
                    guard entry.lastSeen >= seenSince, entry.failures == 0 else { return false }
                    guard let host = HostAddress(entry.key.address) else { return false }
                    return includesPrivate || !(host.isPrivate || host.isLoopback)
                }
                let addresses = usable.prefix(PeerExchangeMessage.Limits.addresses).map(\.key.address)
                if !addresses.isEmpty { picked.append(KademliaContact(id: key.peer, addresses: addresses)) }
            }
        }
        return picked
    }
}
