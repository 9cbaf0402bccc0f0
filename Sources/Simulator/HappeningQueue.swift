internal import PluginHost

/// What will happen, and to whom. `life` is the life of the process that it is for: in the next one it is gone.
enum Happening {
    case event(process: Int, life: Int, ConsensusEvent.Body)
    case message(process: Int, from: Int, Letter)
    case timer(process: Int, life: Int, id: UInt64, due: Int64)
    case stored(process: Int, life: Int, DecidedBlock, byCertificate: Bool)
    case restart(process: Int, life: Int)
    /// Transactions come in, blocks are fetched, partitions are drawn.
    case tick
}

/// A message on its way, with the block that goes along.
struct Letter {
    let sender: Int
    let message: ConsensusEffect.Message
    let block: SimulatedBlock?
    /// Every signature holds: what is sent again and again is checked once.
    let isSigned: Bool
}

/// A queue by time, then by the order in which things were put in.
struct HappeningQueue {
    private var heap: [(time: Int64, number: UInt64, what: Happening)] = []
    private var count: UInt64 = 0

    mutating func push(_ what: Happening, at time: Int64) {
        count += 1
        heap.append((time, count, what))
        var child = heap.count - 1
        while child > 0, precedes(child, (child - 1) / 2) {
            heap.swapAt(child, (child - 1) / 2)
            child = (child - 1) / 2
        }
    }

    mutating func pop() -> (time: Int64, what: Happening)? {
        guard let last = heap.popLast() else { return nil }
        guard let top = heap.first else { return (last.time, last.what) }
        heap[0] = last
        var parent = 0
        while 2 * parent + 1 < heap.count {
            var child = 2 * parent + 1
            if child + 1 < heap.count, precedes(child + 1, child) { child += 1 }
            guard precedes(child, parent) else { break }
            heap.swapAt(child, parent)
            parent = child
        }
        return (top.time, top.what)
    }

    private func precedes(_ left: Int, _ right: Int) -> Bool {
        (heap[left].time, heap[left].number) < (heap[right].time, heap[right].number)
    }
}
