/// The messages that the validator has yet to judge.
struct GossipWaiting: Sendable {
    struct Entry: Sendable {
        let message: GossipMessage
        let source: PeerIndex
        let byteCount: Int
    }

    private let countLimit: Int
    private let byteLimit: Int
    private let lifetime: Duration
    private var entries: [GossipMessageID: Entry] = [:]
    private var order = GossipFIFO<(id: GossipMessageID, time: Duration)>()
    private(set) var byteCount = 0

    init(_ configuration: GossipConfiguration) {
        countLimit = configuration.waitingCount
        byteLimit = configuration.waitingByteCount
        lifetime = configuration.validationTime
    }

    var count: Int { entries.count }

    /// Whether a message finds room: the lower the priority, the more of it is left to others.
    func hasRoom(for byteCount: Int, _ priority: GossipPriority) -> Bool {
        let quarters: Int =
            switch priority {
            case .consensus: 4
            case .blocks: 3
            case .other: 2
            }
        // Of one message at least, whatever the part.
        let countPart = max(1, countLimit / 4 * quarters + countLimit % 4 * quarters / 4)
        return entries.count < countPart && self.byteCount + byteCount <= byteLimit / 4 * quarters
    }

    mutating func insert(_ id: GossipMessageID, _ entry: Entry, now: Duration) {
        guard entries.updateValue(entry, forKey: id) == nil else { return }
        byteCount += entry.byteCount
        order.append((id, now))
    }

    mutating func remove(_ id: GossipMessageID) -> Entry? {
        guard let entry = entries.removeValue(forKey: id) else { return nil }
        byteCount -= entry.byteCount
        // Judged messages leave the order from its front, so that it stays as short as what waits, nearly always.
        while let first = order.first, entries[first.id] == nil { _ = order.popFirst() }
        if order.count > 2 * entries.count + 64 { compact() }
        return entry
    }

    private mutating func compact() {
        var kept = GossipFIFO<(id: GossipMessageID, time: Duration)>()
        for item in order where entries[item.id] != nil { kept.append(item) }
        order = kept
    }

    /// The oldest message that has waited for too long.
    mutating func nextExpired(now: Duration) -> GossipMessageID? {
        while let first = order.first {
            guard entries[first.id] != nil else {
                _ = order.popFirst()
                continue
            }
            return now - first.time > lifetime ? first.id : nil
        }
        return nil
    }
}
