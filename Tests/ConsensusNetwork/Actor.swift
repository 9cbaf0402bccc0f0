internal import PluginHost
internal import Primitives

/// A block of the simulator: what matters of it to engines.
struct SimulatedBlock {
    let id: Digest
    let height: UInt64
    let parent: Digest
    let timeMilliseconds: Int64
    /// When it was made, in true time.
    let madeAt: Int64
    let isGood: Bool
}

struct DecidedBlock {
    let block: SimulatedBlock
    let round: UInt32
    let certificate: [ConsensusEffect.VoteSignature]
}

/// What a process keeps on its disk.
struct Disk {
    var chain: [DecidedBlock] = []
    var state: [UInt8] = []
    var kept: [Digest: SimulatedBlock] = [:]
    var lastVote: ConsensusVote?
}

/// One process: a validator, or one of two that share a key.
struct Actor {
    let key: Int
    let treachery: Treachery?
    var disk = Disk()
    /// What is left of the disk after a crash, where syncs are lost.
    var syncedDisk = Disk()
    var engine: (any SimulatedEngine)?
    /// Counts lives: what was under way in an earlier one is gone.
    var life = 0
    var skew: Int64 = 0
    var lastTime: Int64 = 0
    var timers: [UInt64: Int64] = [:]
    /// Blocks that may be decided.
    var blocks: [Digest: SimulatedBlock] = [:]
    var waiting: UInt64 = 0
    /// Contradicting votes that were delivered here at the height in work.
    var contradictionsSeen = 0
    var delivered: [VotePlace: ConsensusVote] = [:]

    init(key: Int, treachery: Treachery?) {
        self.key = key
        self.treachery = treachery
    }

    var isHonest: Bool { treachery == nil }
    var height: UInt64 { UInt64(disk.chain.count) }
}

struct VotePlace: Hashable {
    let key: PublicKey
    let height: UInt64
    let round: UInt32
    let step: UInt32

    init(_ key: PublicKey, _ vote: ConsensusVote) {
        self.key = key
        height = vote.height
        round = vote.round
        step = vote.step.rawValue
    }
}

/// What will happen, and to whom.
enum Happening {
    case event(actor: Int, life: Int, ConsensusEvent.Body)
    case message(actor: Int, from: Int, ConsensusEffect.Message, block: SimulatedBlock?)
    case timer(actor: Int, life: Int, id: UInt64, due: Int64)
    case stored(actor: Int, life: Int, DecidedBlock, byCertificate: Bool)
    case restart(actor: Int, life: Int)
    /// Transactions come in, blocks are fetched, partitions are drawn.
    case tick
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
