/// What waits for one peer's stream: bounded, ordered by priority, and at a loss for room without what matters least.
///
/// What goes first is the highest priority, and within one what came first. What is given up is gossip before control,
/// control before messages of others, and own messages last; within a kind the lowest priority, and the oldest of it.
/// Several go in one RPC up to a length. A value; one owner at a time.
public struct GossipQueue: Sendable {
    private struct Item: Sendable {
        let send: GossipSend
        let byteCount: Int
        let number: UInt64
    }

    public let countLimit: Int
    public let byteLimit: Int
    public private(set) var count = 0
    /// The length of all that waits, encoded.
    public private(set) var byteCount = 0
    private var number: UInt64 = 0
    /// One line for each kind and priority, by `line`: what is given up first stands first.
    private var lines: [GossipFIFO<Item>]

    private static let priorityCount = GossipPriority.allCases.count

    public init(countLimit: Int = 4_096, byteLimit: Int = 8 << 20) {
        self.countLimit = countLimit
        self.byteLimit = byteLimit
        lines = Array(repeating: GossipFIFO(), count: GossipKind.allCases.count * GossipQueue.priorityCount)
    }

    public var isEmpty: Bool { count == 0 }

    private static func line(_ kind: GossipKind, _ priority: GossipPriority) -> Int {
        Int(kind.rawValue) * priorityCount + Int(priority.rawValue)
    }

    /// Takes something in, and answers with what was given up for it, which may be itself. The router is told of it
    /// with `notSent`.
    public mutating func push(_ send: GossipSend) -> [GossipSend] {
        let size = send.rpc.encodedByteCount
        guard size <= byteLimit, countLimit > 0 else { return [send] }
        lines[GossipQueue.line(send.kind, send.priority)].append(Item(send: send, byteCount: size, number: number))
        number &+= 1
        count += 1
        byteCount += size
        var dropped: [GossipSend] = []
        while count > countLimit || byteCount > byteLimit {
            guard let line = lines.firstIndex(where: { $0.count > 0 }), let item = take(line) else { break }
            dropped.append(item.send)
        }
        return dropped
    }

    private mutating func take(_ line: Int) -> Item? {
        guard let item = lines[line].popFirst() else { return nil }
        count -= 1
        byteCount -= item.byteCount
        return item
    }

    /// What goes next, as one RPC of this length at most, unless the first alone is longer. Nil when nothing waits.
    public mutating func next(atMost limit: Int) -> GossipRPC? {
        guard let line = nextLine(), let first = take(line) else { return nil }
        var rpc = first.send.rpc
        var size = first.byteCount
        while let line = nextLine(), let item = lines[line].first, size + item.byteCount <= limit {
            _ = take(line)
            rpc.merge(item.send.rpc)
            size += item.byteCount
        }
        return rpc
    }

    private func nextLine() -> Int? {
        for priority in GossipPriority.allCases.reversed() {
            let waiting = GossipKind.allCases.compactMap { kind -> (line: Int, number: UInt64)? in
                let line = GossipQueue.line(kind, priority)
                return lines[line].first.map { (line, $0.number) }
            }
            if let next = waiting.min(by: { $0.number < $1.number }) { return next.line }
        }
        return nil
    }
}
