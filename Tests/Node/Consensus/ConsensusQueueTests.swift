import Ledger
import Testing

@testable import Node

@Suite("Node: what waits for another validator")
struct ConsensusQueueTests {
    private func expect(
        _ queue: inout ConsensusQueue, _ mark: UInt8, count: Int = 10, _ priority: ConsensusPriority,
        isTaken: Bool = true
    ) {
        let taken = queue.add(message(mark, count), priority)
        #expect(taken == isTaken, "message \(mark)")
    }

    private func message(_ mark: UInt8, _ count: Int = 10) -> [UInt8] { [UInt8](repeating: mark, count: count) }

    @Test("votes go before blocks, and blocks before what is asked for again; each in order")
    func order() {
        var queue = ConsensusQueue(limitBytes: 1_000)
        let sent: [(UInt8, ConsensusPriority)] = [
            (1, .catchUp), (2, .block), (3, .vote), (4, .catchUp), (5, .vote), (6, .block),
        ]
        for (mark, priority) in sent { expect(&queue, mark, priority) }
        var marks: [UInt8] = []
        while let next = queue.next() { marks.append(next[0]) }
        #expect(marks == [3, 5, 2, 6, 1, 4])
        #expect(queue.byteCount == 0)
    }

    @Test("where there is no room the least and oldest goes, and never for something less")
    func room() {
        var queue = ConsensusQueue(limitBytes: 40)
        for mark in 1...4 as ClosedRange<UInt8> { expect(&queue, mark, mark == 4 ? .vote : .catchUp) }
        // Makes room: the oldest of the least goes, then two more.
        expect(&queue, 5, .block)
        expect(&queue, 6, count: 20, .vote)
        // All that waits is of more.
        expect(&queue, 7, .catchUp, isTaken: false)
        #expect(queue.byteCount == 40)
        var marks: [UInt8] = []
        while let next = queue.next() { marks.append(next[0]) }
        #expect(marks == [4, 6, 5])
    }

    @Test("a message that is larger than everything is dropped, whatever it is")
    func tooLarge() {
        var queue = ConsensusQueue(limitBytes: 40)
        expect(&queue, 1, count: 41, .vote, isTaken: false)
        #expect(queue.byteCount == 0)
    }

    @Test("bytes are counted through any sequence of events", arguments: 0..<20 as Range<UInt64>)
    func count(seed: UInt64) {
        var generator = SeededRandom(seed: seed)
        var queue = ConsensusQueue(limitBytes: 300)
        var waiting = 0
        for _ in 0..<500 {
            if Bool.random(using: &generator) {
                let priority = ConsensusPriority(rawValue: UInt8.random(in: 0...2, using: &generator)) ?? .vote
                _ = queue.add(message(1, Int.random(in: 0...80, using: &generator)), priority)
            } else {
                _ = queue.next()
            }
            #expect(queue.byteCount <= 300 && queue.byteCount >= 0, "seed \(seed)")
        }
        while let next = queue.next() { waiting += next.count }
        #expect(queue.byteCount == 0, "seed \(seed): \(waiting) bytes came out at last")
    }
}
