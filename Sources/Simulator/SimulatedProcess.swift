internal import PluginHost
internal import Primitives

/// One process: a validator, or one of two that share a key.
struct SimulatedProcess {
    let key: Int
    let treachery: Treachery?
    /// Its disk forgets what it said it had: it keeps the rules as well as it can.
    let hasLyingDisk: Bool
    var disk = Disk()
    /// What is left of the disk after a crash, where syncs are lost.
    var syncedDisk = Disk()
    /// A row was damaged since the process was started.
    var isDamaged = false
    var engine: (any SimulatedEngine)?
    /// Counts lives: what was under way in an earlier one is gone.
    var life = 0
    /// How far the machine's clock is off, in milliseconds, and that of the node: this one never goes back.
    var wallOffset: Int64 = 0
    var clockOffset: Int64 = 0
    var lastTime: Int64 = 0
    var timers: [UInt64: Int64] = [:]
    /// Blocks that may be decided.
    var blocks: [Digest: SimulatedBlock] = [:]
    var waiting: UInt64 = 0
    /// The engine's newest records, where the disk has not taken them: nothing leaves before it does.
    var unsaved: EngineRecords?
    /// A decided block that the disk did not take: all else waits, and messages are lost.
    var isStalled = false
    var held: [ConsensusEvent.Body] = []
    /// The highest round at this height that it has signed in.
    var round: UInt32 = 0
    /// What was delivered here of the height in work and of the one below, for evidence.
    var watch = ContradictionWatch()
    /// The newest message of its own engine with votes: what it sends more of, where it breaks the rules.
    var template: ConsensusEffect.Message?

    init(key: Int, treachery: Treachery?, hasLyingDisk: Bool) {
        self.key = key
        self.treachery = treachery
        self.hasLyingDisk = hasLyingDisk
    }

    /// Keeps the rules: what it decides must hold.
    var isHonest: Bool { treachery == nil }
    /// Keeps the rules on a disk that keeps its word: it never contradicts itself.
    var isAccountable: Bool { treachery == nil && !hasLyingDisk }
    var height: UInt64 { UInt64(disk.chain.count) }
}

/// Where a vote stands: at most one of a key.
struct VotePlace: Hashable, Comparable {
    let height: UInt64
    /// Key, round and step in one number: compared and hashed for every vote that is delivered.
    let packed: UInt64

    init(key: Int, _ vote: ConsensusVote) {
        height = vote.height
        packed = UInt64(key) << 40 | UInt64(vote.round) << 4 | UInt64(vote.step.rawValue)
    }

    var key: Int { Int(packed >> 40) }

    static func < (left: VotePlace, right: VotePlace) -> Bool {
        (left.height, left.packed) < (right.height, right.packed)
    }
}

/// Votes of low rounds as they come, of the height in work and of the one below, and contradictions among them.
struct ContradictionWatch {
    private var current: [VotePlace: ConsensusVote] = [:]
    private var below: [VotePlace: ConsensusVote] = [:]
    /// At the height in work, and of the height below.
    private(set) var contradictions = 0
    private(set) var lateContradictions = 0

    /// The next height begins. Where its validators are others, the height below is not looked at any more.
    mutating func advance(sameValidators: Bool) {
        below = sameValidators ? current : [:]
        current = [:]
    }

    mutating func note(_ vote: ConsensusVote, key: Int, working height: UInt64) {
        // An engine may forget what is of far rounds.
        guard vote.round < 3 else { return }
        let place = VotePlace(key: key, vote)
        if vote.height == height {
            if let other = current[place], other != vote { contradictions += 1 }
            current[place] = vote
        } else if vote.height + 1 == height, let other = below[place], other != vote {
            lateContradictions += 1
        }
    }
}
