/// What peers announced, we asked for, and has not come yet (gossipsub 1.1, "Spam Protection Measures").
struct GossipPromises: Sendable {
    /// More are not tracked: those that are suffice to catch who makes many.
    static let limit = 8_192

    private var promises: [GossipMessageID: [PeerIndex: Duration]] = [:]
    private var count = 0

    mutating func add(_ id: GossipMessageID, _ peer: PeerIndex, until time: Duration) {
        guard count < GossipPromises.limit, promises[id]?[peer] == nil else { return }
        promises[id, default: [:]][peer] = time
        count += 1
    }

    /// The message has come from anyone.
    mutating func keep(_ id: GossipMessageID) {
        guard let kept = promises.removeValue(forKey: id) else { return }
        count -= kept.count
    }

    /// How many promises each peer has broken since the last call, in the order of peers.
    mutating func broken(now: Duration) -> [(peer: PeerIndex, count: Int)] {
        var broken: [PeerIndex: Int] = [:]
        for (id, peers) in promises where peers.contains(where: { $0.value < now }) {
            let late = peers.filter { $0.value < now }
            for peer in late.keys { broken[peer, default: 0] += 1 }
            count -= late.count
            let open = peers.filter { $0.value >= now }
            promises[id] = open.isEmpty ? nil : open
        }
        return broken.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    }
}
