package import PluginHost
package import Primitives

/// SplitMix64 (Steele, Lea, Flood 2014): the same numbers from a seed on every machine.
package struct SeededRandom {
    private var state: UInt64

    package init(seed: UInt64) { state = seed }

    package mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        return Self.mix(state)
    }

    package static func mix(_ word: UInt64) -> UInt64 {
        var value = word
        value = (value ^ (value >> 30)) &* 0xbf58_476d_1ce4_e5b9
        value = (value ^ (value >> 27)) &* 0x94d0_49bb_1331_11eb
        return value ^ (value >> 31)
    }

    package mutating func below(_ bound: UInt64) -> UInt64 { next() % max(1, bound) }
    package mutating func within(_ range: ClosedRange<Int64>) -> Int64 {
        range.lowerBound + Int64(below(UInt64(range.upperBound - range.lowerBound + 1)))
    }
    /// True so often of a thousand times.
    package mutating func chance(_ thousandths: UInt64) -> Bool { below(1000) < thousandths }
    package mutating func bytes(_ count: Int) -> [UInt8] { (0..<count).map { _ in UInt8(truncatingIfNeeded: next()) } }
    package mutating func digest() -> Digest { Digest(bytes: bytes(32)) ?? .zero }
}

/// How votes are signed: with Ed25519, or with something that costs nothing.
package struct SignatureScheme: Sendable {
    package let keys: [PublicKey]
    package let sign: @Sendable (_ key: Int, ConsensusVote) -> Signature?
    package let isValid: @Sendable (CastVote) -> Bool

    package init(
        keys: [PublicKey], sign: @escaping @Sendable (Int, ConsensusVote) -> Signature?,
        isValid: @escaping @Sendable (CastVote) -> Bool
    ) {
        self.keys = keys
        self.sign = sign
        self.isValid = isValid
    }

    /// A stand-in that nobody can forge inside the simulator: 64 bytes mixed from key and vote.
    package static func cheap(count: Int, seed: UInt64) -> SignatureScheme {
        var random = SeededRandom(seed: seed ^ 0x5157)
        var keys: [PublicKey] = []
        while keys.count < count { if let key = PublicKey(bytes: random.bytes(32)) { keys.append(key) } }
        keys.sort()
        let sorted = keys
        return SignatureScheme(
            keys: sorted, sign: { mixed(sorted[$0], $1) }, isValid: { mixed($0.key, $0.vote) == $0.signature })
    }

    private static func mixed(_ key: PublicKey, _ vote: ConsensusVote) -> Signature? {
        var word = vote.height &* 31 &+ UInt64(vote.round) &* 7 &+ UInt64(vote.step.rawValue)
        word = SeededRandom.mix(word ^ UInt64(vote.proofRound) << 40)
        for byte in key.bytes.prefix(8) { word = (word ^ UInt64(byte)) &* 0x100_0000_01b3 }
        for byte in vote.headerID.bytes.prefix(16) { word = (word ^ UInt64(byte)) &* 0x100_0000_01b3 }
        var random = SeededRandom(seed: word)
        var bytes: [UInt8] = []
        for _ in 0..<8 {
            let next = random.next()
            for shift in 0..<8 { bytes.append(UInt8(truncatingIfNeeded: next >> UInt64(8 * shift))) }
        }
        return Signature(bytes: bytes)
    }
}

/// An engine behind the plugin interface's own form: records in, records out.
package protocol SimulatedEngine: AnyObject {
    func start(snapshot: [UInt8]) throws
    func step(_ event: [UInt8]) throws -> [UInt8]
}

/// What goes wrong on purpose.
package struct NetworkFaults: Sendable {
    /// Of a thousand messages.
    package var lost: UInt64 = 0
    package var doubled: UInt64 = 0
    /// Milliseconds on the way.
    package var delay: ClosedRange<Int64> = 1...20
    /// Of a thousand seconds in which a new partition is drawn.
    package var partitions: UInt64 = 0
    /// Of a thousand writes at which the process ends.
    package var crashes: UInt64 = 0
    /// Clocks are wrong by up to so much, either way.
    package var skew: Int64 = 0
    /// The disk forgets at a crash what it said it had.
    package var lostSync = false
    /// Of a thousand writes that the disk does not take.
    package var fullDisk: UInt64 = 0

    package init() {}

    /// A mild to wild mixture, from a seed.
    package static func drawn(_ random: inout SeededRandom) -> NetworkFaults {
        var faults = NetworkFaults()
        faults.lost = random.chance(700) ? random.below(300) : 0
        faults.doubled = random.below(100)
        faults.delay = 1...(5 + random.within(0...300))
        faults.partitions = random.chance(500) ? random.below(600) : 0
        faults.crashes = random.chance(500) ? random.below(60) : 0
        faults.skew = random.chance(300) ? random.within(0...200) : 0
        faults.fullDisk = random.chance(200) ? random.below(100) : 0
        return faults
    }
}

/// How a validator that breaks the rules does it.
package enum Treachery: String, CaseIterable, Sendable {
    /// Two engines with one key, each with its own half of the network.
    case twins
    /// Twins that forget all at times.
    case amnesia
    case silent
    /// Blocks that are not valid.
    case badBlocks
    /// Blocks with a time far in the past or the future.
    case wrongTimes
    /// Votes of strangers, of far rounds, and with bad signatures, without end.
    case flood
}

/// A run of the simulator.
package struct NetworkPlan: Sendable {
    package var seed: UInt64
    package var powers: [UInt64]
    package var threshold: UInt64 = 0
    /// Power that a certificate needs; 0: more than two thirds.
    package var certifyingPower: UInt64 = 0
    /// By validator.
    package var treacherous: [Int: Treachery] = [:]
    package var faults = NetworkFaults()
    /// Faults stop here; what is treacherous stays so.
    package var faultsEnd: Int64 = 8_000
    /// Blocks wanted.
    package var heights: UInt64 = 8
    /// After the faults have stopped, all heights are reached within so long.
    package var patience: Int64 = 120_000
    package var parameters: [String: String] = ["message_delay_ms": "400", "precision_ms": "250"]
    /// Whether a fork, with a third of power and more that is treacherous, is looked at and not refused.
    package var expectsForks = false

    package init(seed: UInt64, powers: [UInt64]) {
        self.seed = seed
        self.powers = powers
    }

    package static let precision: Int64 = 250
    package static let messageDelay: Int64 = 400
}

/// A rule that was broken, or what cannot be.
package struct NetworkFinding: Error, CustomStringConvertible, Equatable {
    package let seed: UInt64
    package let rule: String

    package var description: String { "seed \(seed): \(rule)" }
}
