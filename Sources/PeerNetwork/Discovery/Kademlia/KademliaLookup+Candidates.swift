/// A peer that a search has heard of.
struct LookupPeer: Sendable {
    enum State: Hashable, Sendable {
        case unasked
        /// By one path, or (nil) by the joined end of the search.
        case asked(path: Int?)
        case answered
        case failed
    }

    var contact: KademliaContact
    let distance: KademliaDistance
    var state = State.unasked
    var attempts = 0
    /// The path that learnt of it first, or that asked it.
    var path: Int
}

/// One of the disjoint paths of a search.
struct LookupPath: Sendable {
    /// Nearest first.
    var candidates: [(peer: PeerID, distance: KademliaDistance)] = []
    var isBusy = false
    var requests = 0

    mutating func insert(_ peer: PeerID, at distance: KademliaDistance, limit: Int) -> Bool {
        if candidates.count >= limit, let last = candidates.last, last.distance < distance { return false }
        let place = candidates.firstIndex { !($0.distance < distance) } ?? candidates.count
        if place < candidates.count, candidates[place].peer == peer { return true }
        candidates.insert((peer, distance), at: place)
        if candidates.count > limit { candidates.removeLast() }
        return true
    }
}

extension KademliaLookup {
    /// Addresses that one answer may add for a peer, so that a liar's do not displace the true ones.
    private static let addressesPerAnswer = 4
    private static let attemptLimit = 3

    /// Notes a candidate of a path.
    mutating func learn(_ contact: KademliaContact, on path: Int) {
        guard contact.id != owner else { return }
        let named = Array(contact.addresses.prefix(KademliaLookup.addressesPerAnswer))
        guard var peer = known[contact.id] else {
            let distance = KademliaKey(contact.id).distance(to: target)
            guard paths[path].insert(contact.id, at: distance, limit: configuration.candidatesPerPath) else { return }
            known[contact.id] = LookupPeer(
                contact: KademliaContact(id: contact.id, addresses: named), distance: distance, path: path)
            forget()
            return
        }
        _ = paths[path].insert(contact.id, at: peer.distance, limit: configuration.candidatesPerPath)
        let new = named.filter { !peer.contact.addresses.contains($0) }
        guard !new.isEmpty else { return }
        switch peer.state {
        case .unasked:
            let room = max(0, KademliaMessage.Limits.keptAddresses - peer.contact.addresses.count)
            peer.contact.addresses += new.prefix(room)
        case .failed where peer.attempts < KademliaLookup.attemptLimit:
            // Whoever named it first may have lied about where it is.
            peer.contact.addresses = new
            peer.state = .unasked
        default: return
        }
        known[contact.id] = peer
    }

    /// Drops peers that no path keeps in mind, so that memory is bounded by the paths.
    private mutating func forget() {
        guard known.count > 2 * configuration.candidatesPerPath * paths.count else { return }
        let kept = Set(paths.flatMap { $0.candidates.map(\.peer) })
        known = known.filter { kept.contains($0.key) || $0.value.state != .unasked }
    }

    mutating func take(_ named: [KademliaContact]) {
        for contact in named.prefix(configuration.providersPerAnswer)
        where providers.count < configuration.providerLimit {
            if let place = providers.firstIndex(where: { $0.id == contact.id }) {
                let new = contact.addresses.filter { !providers[place].addresses.contains($0) }
                let room = max(0, KademliaMessage.Limits.keptAddresses - providers[place].addresses.count)
                providers[place].addresses += new.prefix(room)
            } else {
                providers.append(contact)
            }
        }
    }

    /// The first of the contacts, so that no address range has more than its share. The peer that is sought has no
    /// rivals.
    func diverse(_ contacts: some Sequence<KademliaContact>, limit: Int) -> [KademliaContact] {
        var counts: [AddressRange: Int] = [:]
        var kept: [KademliaContact] = []
        for contact in contacts {
            if kept.count >= limit { break }
            if case .peer(contact.id) = goal {
                kept.append(contact)
                continue
            }
            let ranges = Set(contact.addresses.compactMap(configuration.ranges.range(of:)))
            guard ranges.allSatisfy({ counts[$0, default: 0] < configuration.peersPerRange }) else { continue }
            for range in ranges { counts[range, default: 0] += 1 }
            kept.append(contact)
        }
        return kept
    }
}
