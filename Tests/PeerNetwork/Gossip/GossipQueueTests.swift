import PeerNetwork
import Testing

@Suite("Gossip send queue")
struct GossipQueueTests {
    private static func send(
        _ number: UInt8, _ kind: GossipKind, _ priority: GossipPriority = .other, bytes: Int = 10
    ) -> GossipSend {
        var rpc = GossipRPC()
        rpc.messages = [GossipMessage(topic: "t", data: [number] + [UInt8](repeating: 0, count: bytes))]
        return GossipSend(peer: GossipNetwork.id(1), rpc: rpc, kind: kind, priority: priority)
    }

    private static func numbers(_ sends: [GossipSend]) -> [UInt8] {
        sends.compactMap { $0.rpc.messages.first?.data[0] }
    }

    private static func drain(_ queue: inout GossipQueue, limit: Int = 1) -> [[UInt8]] {
        var batches: [[UInt8]] = []
        while let rpc = queue.next(atMost: limit) { batches.append(rpc.messages.map { $0.data[0] }) }
        return batches
    }

    @Test("sends the highest priority first, and within one what came first")
    func order() {
        var queue = GossipQueue()
        let sends = [
            Self.send(1, .gossip, .other), Self.send(2, .own, .blocks), Self.send(3, .control, .consensus),
            Self.send(4, .forwarded, .blocks), Self.send(5, .forwarded, .consensus), Self.send(6, .own, .other),
        ]
        for send in sends { #expect(queue.push(send) == []) }
        #expect(Self.drain(&queue) == [[3], [5], [2], [4], [1], [6]])
        #expect(queue.isEmpty && queue.byteCount == 0)
    }

    @Test("gives up gossip, then control, then messages of others, then own ones; the least priority, the oldest first")
    func drops() {
        var queue = GossipQueue(countLimit: 6)
        let kinds: [GossipKind] = [.own, .forwarded, .control, .gossip]
        for (number, kind) in kinds.enumerated() { _ = queue.push(Self.send(UInt8(number), kind, .consensus)) }
        _ = queue.push(Self.send(4, .forwarded, .other))
        _ = queue.push(Self.send(5, .forwarded, .other))
        var dropped: [UInt8] = []
        for number in UInt8(10)..<16 { dropped += Self.numbers(queue.push(Self.send(number, .own, .consensus))) }
        #expect(dropped == [3, 2, 4, 5, 1, 0])
        #expect(Self.numbers(queue.push(Self.send(20, .gossip, .consensus))) == [20], "what matters least of all")
    }

    @Test("never holds more bytes or entries than its bounds, and loses nothing silently")
    func bounds() {
        for seed in 1...UInt64(50) {
            var random = GossipRandom(seed: seed)
            var queue = GossipQueue(countLimit: 20, byteLimit: 2_000)
            var pushed = 0
            var dropped = 0
            var sent = 0
            for number in 0..<400 {
                let send = Self.send(
                    UInt8(number % 256), GossipKind.allCases.randomElement(using: &random) ?? .own,
                    GossipPriority.allCases.randomElement(using: &random) ?? .other,
                    bytes: Int.random(in: 0...2_500, using: &random))
                pushed += 1
                dropped += queue.push(send).count
                #expect(queue.count <= 20 && queue.byteCount <= 2_000, "seed \(seed)")
                if number % 5 == 0 { sent += queue.next(atMost: 900)?.messages.count ?? 0 }
            }
            #expect(pushed == dropped + sent + queue.count, "seed \(seed)")
        }
    }

    @Test("puts several in one RPC up to a length, and one that is longer alone")
    func batches() {
        var queue = GossipQueue()
        for number in UInt8(0)..<6 { _ = queue.push(Self.send(number, .forwarded, bytes: number == 3 ? 500 : 10)) }
        let one = Self.send(0, .forwarded).rpc.encodedByteCount
        #expect(Self.drain(&queue, limit: 2 * one) == [[0, 1], [2], [3], [4, 5]])
        #expect(queue.next(atMost: 100) == nil)
    }
}
