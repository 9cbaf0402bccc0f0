import Ledger
import Primitives

/// Whose signatures make a block final under an engine; append-only.
public enum EngineQuorum: UInt8, CaseIterable, Sendable {
    /// One validator alone, whom each swap names.
    case one = 0
    /// More than half, for engines that tolerate crashes.
    case majority = 1
    /// More than two thirds, for engines that tolerate liars.
    case twoThirds = 2
}

/// An engine that a chain may change to. Tuple: [engine, quorum, by contribution].
public struct AllowedEngine: Hashable, Sendable, CBORCodable {
    public let engine: String
    public let quorum: EngineQuorum
    /// Whether power is stake times contribution under it, where the chain has staking.
    public let isByContribution: Bool

    public init(engine: String, quorum: EngineQuorum, isByContribution: Bool = false) {
        self.engine = engine
        self.quorum = quorum
        self.isByContribution = isByContribution
    }

    public func encode(to encoder: inout CBOREncoder) {
        encoder.array(count: 3)
        encoder.text(engine)
        encoder.unsigned(quorum.rawValue)
        encoder.bool(isByContribution)
    }

    public init(from decoder: inout CBORDecoder) throws(CBORError) {
        try decoder.array(count: 3)
        engine = try decoder.text()
        quorum = try decoder.choice()
        isByContribution = try decoder.bool()
    }
}

/// The section `consensus` of a genesis: who decides which engine orders blocks, and which ones there are to choose
/// from. Tuple: [operators, engines, validators].
public struct ConsensusGenesis: Hashable, Sendable, CBORCodable {
    /// Each of these accounts decides alone. Where there are none, validators with the power that certifies blocks do,
    /// together.
    public let operators: [AccountID]
    public let engines: [AllowedEngine]
    /// Those that take part under engines of several; empty where the chain elects them by stake.
    public let validators: [ValidatorSet.Validator]

    public static let operatorLimit = 32
    public static let engineLimit = 32

    public init(operators: [AccountID], engines: [AllowedEngine], validators: [ValidatorSet.Validator]) {
        self.operators = operators
        self.engines = engines
        self.validators = validators
    }

    public func encode(to encoder: inout CBOREncoder) {
        encoder.array(count: 3)
        encoder.list(operators)
        encoder.list(engines)
        encoder.list(validators)
    }

    public init(from decoder: inout CBORDecoder) throws(CBORError) {
        try decoder.array(count: 3)
        operators = try decoder.list(maximum: ConsensusGenesis.operatorLimit)
        engines = try decoder.list(maximum: ConsensusGenesis.engineLimit)
        validators = try decoder.list(maximum: ValidatorSet.maximumCount)
    }

    /// The section as the genesis holds it.
    public func section() throws(CBORError) -> CBORValue { try CBORValue.decode(encoded()) }

    func engine(_ id: String) -> AllowedEngine? { engines.first { $0.engine == id } }

    /// Who certifies under an engine; nil where that makes no set.
    func set(under quorum: EngineQuorum, leader: PublicKey?) -> ValidatorSet? {
        switch quorum {
        case .one: return leader.map { ValidatorSet(solo: $0) }
        case .twoThirds: return ValidatorSet(byzantine: validators)
        case .majority:
            let total = validators.reduce(UInt64(0)) { $0 &+ $1.power }
            return ValidatorSet(validators, threshold: total / 2 + 1)
        }
    }
}
