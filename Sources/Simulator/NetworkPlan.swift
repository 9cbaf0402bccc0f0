/// How a validator that breaks the rules does it.
package enum Treachery: String, CaseIterable, Sendable {
    /// Two engines with one key, each with its own half of the network.
    case twins
    /// A second vote beside each, for something else.
    case doubleVote
    /// Twins that forget all at times.
    case amnesia
    case silent
    /// Blocks that are not valid.
    case badBlocks
    /// Blocks with a time far in the past or the future.
    case wrongTimes
    /// Votes of keys that are no validator's.
    case phantoms
    /// Votes of far rounds and heights, without end.
    case futureRounds
    /// Votes with signatures that do not hold, without end.
    case badSignatures

    var fault: Fault { Fault.allCases.first { $0.treachery == self } ?? .silence }

    /// Whether its votes in the rounds that others work in contradict one another.
    var contradictsItself: Bool { isDoubled || self == .doubleVote }

    /// Whether two processes have the key.
    var isDoubled: Bool { self == .twins || self == .amnesia }
}

/// What goes wrong around the validators, while faults are on.
package struct NetworkFaults: Sendable {
    /// Of a thousand messages.
    package var lost: UInt64 = 0
    package var doubled: UInt64 = 0
    /// Milliseconds on the way.
    package var delay: ClosedRange<Int64> = 1...20
    /// Messages overtake one another.
    package var reorders = true
    /// Of a thousand ticks of 100 ms at which an old message arrives again.
    package var replayed: UInt64 = 0
    /// Of a thousand seconds in which a new partition is drawn.
    package var partitions: UInt64 = 0
    /// The same, for links that are cut in one direction.
    package var oneWayPartitions: UInt64 = 0
    /// A validator whose messages take so much longer, both ways.
    package var slowPeer: (validator: Int, milliseconds: Int64)?
    /// Of a thousand writes at which the process ends, before or after.
    package var crashes: UInt64 = 0
    /// Of a thousand writes in which the process ends, with a part of them on the disk, and without their end.
    package var tornWrites: UInt64 = 0
    package var truncatedWrites: UInt64 = 0
    /// Of a thousand writes that the disk does not take.
    package var fullDisk: UInt64 = 0
    /// Of a thousand writes after which the process ends, and finds a damaged record when it starts.
    package var flippedBits: UInt64 = 0
    /// Clocks are wrong by up to so many milliseconds, either way.
    package var skew: Int64 = 0
    /// Of a thousand seconds in which a clock that jumps is set to another time, by up to so many milliseconds.
    package var jumps: UInt64 = 0
    package var jumpMilliseconds: Int64 = 60_000

    package init() {}
}

/// Validators from a height on. By number; who has no power is not one of them.
package struct ValidatorChange: Equatable, Sendable {
    package let firstHeight: UInt64
    package let powers: [UInt64]
}

/// A run of the simulator.
package struct NetworkPlan: Sendable {
    package var seed: UInt64
    /// Of the first height, by number.
    package var powers: [UInt64]
    /// By height.
    package var changes: [ValidatorChange] = []
    package var threshold: UInt64 = 0
    /// Whether certificates need no more than the threshold, since no validator lies: else more than two thirds.
    package var certifiesByThreshold = false
    /// By validator.
    package var treacherous: [Int: Treachery] = [:]
    /// Validators whose disks forget in a crash what they said they had: they may come to contradict themselves.
    package var lyingDisks: Set<Int> = []
    /// Validators whose records are damaged at times; their operators restore them.
    package var damagedDisks: Set<Int> = []
    package var jumpingClocks: Set<Int> = []
    package var faults = NetworkFaults()
    /// Faults stop after so many milliseconds; what is treacherous stays so.
    package var faultsEnd: Int64 = 8_000
    /// They stop too once an honest process has this height.
    package var faultsEndHeight: UInt64 = .max
    /// Blocks wanted.
    package var heights: UInt64 = 8
    /// After the faults have stopped, all heights are reached within so many milliseconds.
    package var patience: Int64 = 120_000
    /// The engine's section of the genesis.
    package var parameters: [String: String] = [:]
    /// What those parameters say of times, or what holds without them.
    package var precision: Int64 = 500
    package var messageDelay: Int64 = 5_000
    /// Whether a fork, with a third of power and more that is treacherous, is looked at and not refused.
    package var expectsForks = false
    /// What decides who reaches whom in each round, where that is no matter of chance.
    package var script: PartitionScript?

    package init(seed: UInt64, powers: [UInt64]) {
        self.seed = seed
        self.powers = powers
    }

    /// Short waits, so that wrong times show.
    package static let shortTimes = ["message_delay_ms": "400", "precision_ms": "250"]

    /// Takes parameters over, and what the simulator has to know of them.
    package mutating func use(_ parameters: [String: String]) {
        self.parameters = parameters
        if let value = parameters["precision_ms"].flatMap(Int64.init) { precision = value }
        if let value = parameters["message_delay_ms"].flatMap(Int64.init) { messageDelay = value }
    }

    /// The powers of a height, by number.
    package func powers(at height: UInt64) -> [UInt64] {
        changes.last { $0.firstHeight <= height }?.powers ?? powers
    }

    /// Where virtual time begins: milliseconds since 1970.
    package static let epoch: Int64 = 1_700_000_000_000
}

/// A rule that was broken.
package struct NetworkFinding: Error, CustomStringConvertible, Equatable, Sendable {
    package let seed: UInt64
    package let rule: String

    package var description: String { "seed \(seed): \(rule)" }
}
