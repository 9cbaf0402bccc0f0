import Ledger
import Primitives

/// What one auditor says of one member's update. Tuple: [member index, outcome, score (1e-6), evidence or null].
public struct MemberOutcome: Hashable, Sendable, CBORCodable {
    public var member: UInt32
    public var outcome: Outcome
    public var scoreMillionths: UInt32
    public var evidence: CID?

    public init(member: UInt32, outcome: Outcome, scoreMillionths: UInt32, evidence: CID?) {
        self.member = member
        self.outcome = outcome
        self.scoreMillionths = scoreMillionths
        self.evidence = evidence
    }

    /// What has to be equal: evidence may be written down in more than one way.
    func agrees(with other: MemberOutcome) -> Bool {
        outcome == other.outcome && scoreMillionths == other.scoreMillionths
    }

    public func encode(to encoder: inout CBOREncoder) {
        encoder.array(count: 4)
        encoder.unsigned(member)
        encoder.unsigned(outcome.rawValue)
        encoder.unsigned(scoreMillionths)
        encoder.optional(evidence)
    }

    public init(from decoder: inout CBORDecoder) throws(CBORError) {
        try decoder.array(count: 4)
        member = try decoder.number()
        outcome = try decoder.choice()
        scoreMillionths = try decoder.number()
        evidence = try decoder.optional()
    }
}

/// An auditor's verdict on a round. Tuple: [outcomes, height].
public struct VerdictRecord: Hashable, Sendable, CBORCodable {
    public let outcomes: [MemberOutcome]
    public let height: UInt64

    init(outcomes: [MemberOutcome], height: UInt64) {
        self.outcomes = outcomes
        self.height = height
    }

    public func encode(to encoder: inout CBOREncoder) {
        encoder.array(count: 2)
        encoder.list(outcomes)
        encoder.unsigned(height)
    }

    public init(from decoder: inout CBORDecoder) throws(CBORError) {
        try decoder.array(count: 2)
        outcomes = try decoder.list(maximum: JobTerms.maximumMembers)
        height = try decoder.unsigned()
    }
}

/// Who may be drawn. Tuple: [verifiers that the node holds, bond, rounds it is drawn for and that are not settled].
public struct AuditorRecord: Hashable, Sendable, CBORCodable {
    public internal(set) var verifiers: [PluginReference]
    public internal(set) var bond: Amount
    public internal(set) var duties: UInt32

    init(verifiers: [PluginReference], bond: Amount) {
        self.verifiers = verifiers
        self.bond = bond
        duties = 0
    }

    public func encode(to encoder: inout CBOREncoder) {
        encoder.array(count: 3)
        encoder.list(verifiers)
        encoder.value(bond)
        encoder.unsigned(duties)
    }

    public init(from decoder: inout CBORDecoder) throws(CBORError) {
        try decoder.array(count: 3)
        verifiers = try decoder.list(maximum: 16)
        bond = try decoder.value()
        duties = try decoder.number()
    }
}

/// Where a model comes from. Tuple: [model, Merkle root, previous model, included members, updates, evidence, highest
/// cost of the
/// round at each order, paid for the round, height].
public struct LineageRecord: Hashable, Sendable, CBORCodable {
    public let model: CID
    public let root: Digest
    public let previous: CID
    public let included: [AccountID]
    /// One for each included member.
    public let updates: [CID]
    /// Of the verdicts on the included members, each once.
    public let evidence: [CID]
    public let cost: [UInt64]
    public let paid: Amount
    public let height: UInt64

    public func encode(to encoder: inout CBOREncoder) {
        encoder.array(count: 9)
        encoder.link(model)
        encoder.digest(root)
        encoder.link(previous)
        encoder.list(included)
        encoder.list(updates)
        encoder.list(evidence)
        encoder.list(cost)
        encoder.value(paid)
        encoder.unsigned(height)
    }
}

extension LineageRecord {
    public init(from decoder: inout CBORDecoder) throws(CBORError) {
        try decoder.array(count: 9)
        model = try decoder.link()
        root = try decoder.digest()
        previous = try decoder.link()
        included = try decoder.list()
        updates = try decoder.list()
        evidence = try decoder.list()
        cost = try decoder.list()
        paid = try decoder.value()
        height = try decoder.unsigned()
    }
}
