/// Where a node heard of an address; more than one may apply.
public enum AddressSource: UInt64, Hashable, Sendable, CaseIterable {
    /// In the node's own configuration.
    case configured = 0
    /// The peer itself said so, over a connection.
    case identify = 1
    case multicastDNS = 2
    case kademlia = 3
    case peerExchange = 4
    /// The peer connected to us from there.
    case inbound = 5
    /// Somebody passed on what the peer itself has signed.
    case signedRecord = 6
}

/// The addresses of peers that a node knows of, so built that nobody fills it with their own (after the address manager
/// of Bitcoin Core, and Heilman, Kendler, Zohar, Goldberg 2015, "Eclipse Attacks on Bitcoin's Peer-to-Peer Network").
///
/// Two tables of fixed size. An address that was only heard of goes into "new", in a place that a secret salt, its
/// address range and the range of whoever told us decide: one range of tellers reaches a sixteenth of the table. Once a
/// connection that we made to it worked, it goes into "tried", where its own range decides: one range reaches
/// `triedBucketsPerRange` buckets. A taken place in "tried" is given away only when its owner fails a check. Addresses
/// of exempt hosts (loopback, private) count each as a range of its own. Configured peers are kept outside both tables.
///
/// One owner at a time. `now` is the time since the Unix epoch, as it is persisted.
public struct AddressBook: Sendable {
    public struct Configuration: Hashable, Sendable {
        public var newBuckets = 256
        public var triedBuckets = 64
        public var bucketSize = 32
        /// Buckets of "new" that one range of tellers reaches.
        public var newBucketsPerSource = 16
        /// Buckets of "tried" that the addresses of one range reach.
        public var triedBucketsPerRange = 4
        public var addressesPerPeer = 8
        public var ranges = RangeRules()
        /// Addresses that nobody named for so long are dropped, and give way before.
        public var staleAfter: Duration = .seconds(30 * 24 * 3600)
        /// Failed attempts after which an address that never worked gives way.
        public var failureLimit = 3
        /// Failed attempts after which one that did work once gives way, if the last success is a week ago.
        public var triedFailureLimit = 10
        public var configuredLimit = 256
        /// Owners of places in "tried" that wait for a check.
        public var collisionLimit = 16

        public init() {}

        /// A book has at least one place, whatever a configuration says.
        var bounded: Configuration {
            var copy = self
            copy.newBuckets = min(max(newBuckets, 1), 4_096)
            copy.triedBuckets = min(max(triedBuckets, 1), 4_096)
            copy.bucketSize = min(max(bucketSize, 1), 1_024)
            copy.newBucketsPerSource = min(max(newBucketsPerSource, 1), copy.newBuckets)
            copy.triedBucketsPerRange = min(max(triedBucketsPerRange, 1), copy.triedBuckets)
            copy.addressesPerPeer = min(max(addressesPerPeer, 1), 64)
            return copy
        }
    }

    /// A peer at an address.
    public struct Key: Hashable, Sendable {
        public let peer: PeerID
        /// Without the peer's id at its end.
        public let address: Multiaddr

        public init(_ peer: PeerID, _ address: Multiaddr) {
            self.peer = peer
            self.address = address.withoutPeer
        }

        var bytes: [UInt8] { peer.bytes + address.bytes }
    }

    /// What is known of one address.
    public struct Entry: Hashable, Sendable {
        public let key: Key
        /// What diversity counts; nil for an exempt host.
        var range: AddressRange?
        /// What decides the place: the range, or the address alone for an exempt host.
        var rangeIdentity: [UInt8]
        public var sources: Set<AddressSource>
        /// Who told us first; nil for ourselves.
        let tellerRange: AddressRange?
        /// When it was last named or reached.
        public var lastSeen: Duration
        public var lastAttempt: Duration?
        public var lastSuccess: Duration?
        /// When a connection that we made first worked: who was there before an attack began is worth more.
        public var firstSuccess: Duration?
        /// Attempts in a row that failed.
        public var failures = 0
        var place: Place?
    }

    enum Place: Hashable, Sendable {
        case new(Int)
        case tried(Int)
    }

    /// What became of an address that was offered.
    public enum Addition: String, Hashable, Sendable {
        case added, updated, noPlace, peerHasTooMany, unusable
    }

    public let configuration: Configuration
    let salt: SecretHash
    var entries: [Key: Entry] = [:]
    var addressesOf: [PeerID: [Key]] = [:]
    /// Keys by place; nil where it is free.
    var new: [Key?]
    var tried: [Key?]
    /// Newcomers to "tried" whose place is taken, with the owner that is to be checked.
    var collisions: [(newcomer: Key, owner: Key)] = []
    var configured: [Key] = []

    /// - Parameter salt: sixteen secret bytes, the same for the life of the book; others are cut or filled up.
    public init(salt: [UInt8], configuration: Configuration = Configuration()) {
        self.configuration = configuration.bounded
        let zeros = [UInt8](repeating: 0, count: SecretHash.keyByteCount)
        self.salt = SecretHash(key: Array((salt + zeros).prefix(SecretHash.keyByteCount)))
        new = Array(repeating: nil, count: self.configuration.newBuckets * self.configuration.bucketSize)
        tried = Array(repeating: nil, count: self.configuration.triedBuckets * self.configuration.bucketSize)
    }

    public var addressCount: Int { entries.count }
    public var peerCount: Int { addressesOf.count }
    public var triedCount: Int { tried.count { $0 != nil } }
    public var newCount: Int { new.count { $0 != nil } }

    public subscript(key: Key) -> Entry? { entries[key] }

    /// The known addresses of a peer, those that worked last first.
    public func addresses(of peer: PeerID) -> [Entry] {
        (addressesOf[peer] ?? []).compactMap { entries[$0] }
            .sorted { ($0.lastSuccess ?? .zero, $1.failures) > ($1.lastSuccess ?? .zero, $0.failures) }
    }

    /// The peers of the configuration.
    public var configuredPeers: [Key] { configured }

    // MARK: Learning

    /// Notes an address that somebody named.
    /// - Parameter teller: the host of whoever named it; nil for the configuration and for the local network.
    public mutating func add(
        _ peer: PeerID, _ address: Multiaddr, source: AddressSource, teller: HostAddress?, now: Duration
    ) -> Addition {
        let key = Key(peer, address)
        guard !key.address.components.isEmpty, key.address.bytes.count <= Multiaddr.byteLimit else { return .unusable }
        if var entry = entries[key] {
            entry.sources.insert(source)
            entry.lastSeen = max(entry.lastSeen, now)
            entries[key] = entry
            return source == .configured ? addConfigured(key) : .updated
        }
        guard addressesOf[peer]?.count ?? 0 < configuration.addressesPerPeer || dropWorstAddress(of: peer, now: now)
        else { return .peerHasTooMany }
        let range = teller.map {
            $0.range(ip4Bits: configuration.ranges.ip4Bits, ip6Bits: configuration.ranges.ip6Bits)
        }
        let (own, identity) = rangeAndIdentity(of: key)
        var entry = Entry(
            key: key, range: own, rangeIdentity: identity, sources: [source], tellerRange: range, lastSeen: now)
        if source == .configured {
            insert(entry)
            return addConfigured(key)
        }
        let place = newPlace(of: entry)
        if let owner = new[place] {
            guard isExpendable(owner, now: now) else { return .noPlace }
            remove(owner)
        }
        entry.place = .new(place)
        new[place] = key
        insert(entry)
        return .added
    }

    /// Begins an attempt to connect, so that an address that is never answered for does not come up at once again.
    public mutating func attempted(_ key: Key, now: Duration) { entries[key]?.lastAttempt = now }

    /// A connection that we made to the address worked, and the peer proved to be that one.
    public mutating func succeeded(_ key: Key, now: Duration) {
        guard var entry = entries[key] else { return }
        entry.lastSeen = max(entry.lastSeen, now)
        entry.lastAttempt = now
        entry.lastSuccess = now
        entry.firstSuccess = entry.firstSuccess ?? now
        entry.failures = 0
        entries[key] = entry
        collisions.removeAll { $0.owner == key }
        guard case .new = entry.place else { return }
        moveToTried(key, now: now)
    }

    /// A connection to the address failed.
    public mutating func failed(_ key: Key, now: Duration) {
        guard var entry = entries[key] else { return }
        entry.lastAttempt = now
        entry.failures = min(entry.failures + 1, 1_000)
        entries[key] = entry
        guard let index = collisions.firstIndex(where: { $0.owner == key }) else { return }
        let newcomer = collisions.remove(at: index).newcomer
        evictFromTried(key, now: now)
        if entries[newcomer] != nil { moveToTried(newcomer, now: now) }
    }

    /// Forgets a peer, for one that is banned. Configured ones stay.
    public mutating func forget(_ peer: PeerID) {
        for key in addressesOf[peer] ?? [] where !configured.contains(key) { remove(key) }
    }

    /// Drops what is stale. Once an hour is enough.
    public mutating func expire(now: Duration) {
        for key in entries.keys where isStale(key, now: now) { remove(key) }
    }
}
