import Ledger
import Primitives

public enum RoundPhase: UInt8, CaseIterable, Comparable, Sendable {
    case commit = 0
    case reveal = 1
    case audit = 2
    case propose = 3
    case confirm = 4
    /// Paid, with or without a new model.
    case settled = 5

    public static func < (left: RoundPhase, right: RoundPhase) -> Bool { left.rawValue < right.rawValue }
}

/// A model that waits for its confirmation. Tuple: [model, Merkle root, included members].
public struct ModelProposal: Hashable, Sendable, CBORCodable {
    public var model: CID
    /// The root over the model's blocks, as the aggregation rule defines them.
    public var root: Digest
    /// Indices in the terms, ascending.
    public var included: [UInt32]

    public init(model: CID, root: Digest, included: [UInt32]) {
        self.model = model
        self.root = root
        self.included = included
    }

    public func encode(to encoder: inout CBOREncoder) {
        encoder.array(count: 3)
        encoder.link(model)
        encoder.digest(root)
        encoder.list(included)
    }

    public init(from decoder: inout CBORDecoder) throws(CBORError) {
        try decoder.array(count: 3)
        model = try decoder.link()
        root = try decoder.digest()
        included = try decoder.list(maximum: JobTerms.maximumMembers)
    }
}

/// A round as it stands. Tuple: [phase, model before, deadline of the phase (ms), participants, height at which the
/// commit phase
/// closed, auditors, lost auditors, auditors to draw, height since which they wait, proposal or null, confirmed by,
/// rejected by,
/// attempts, aggregator lost, model after or null].
public struct RoundRecord: Hashable, Sendable, CBORCodable {
    public internal(set) var phase: RoundPhase
    public let modelBefore: CID
    public internal(set) var deadlineMilliseconds: UInt64
    /// Indices of the members that were active when the round opened.
    public let participants: [UInt32]
    public internal(set) var commitClosedHeight: UInt64
    public internal(set) var auditors: [AccountID]
    /// Drawn, and silent until a deadline.
    public internal(set) var lostAuditors: [AccountID]
    public internal(set) var auditorsToDraw: UInt32
    public internal(set) var drawSinceHeight: UInt64
    public internal(set) var proposal: ModelProposal?
    public internal(set) var confirmedBy: [AccountID]
    public internal(set) var rejectedBy: [AccountID]
    /// Proposals that were rejected.
    public internal(set) var attempts: UInt32
    public internal(set) var isAggregatorLost: Bool
    public internal(set) var modelAfter: CID?

    /// So many rejected proposals, and the aggregator counts as lost.
    public static let maximumAttempts: UInt32 = 3

    init(model: CID, participants: [UInt32], deadlineMilliseconds: UInt64) {
        phase = .commit
        modelBefore = model
        self.deadlineMilliseconds = deadlineMilliseconds
        self.participants = participants
        commitClosedHeight = 0
        auditors = []
        lostAuditors = []
        auditorsToDraw = 0
        drawSinceHeight = 0
        proposal = nil
        confirmedBy = []
        rejectedBy = []
        attempts = 0
        isAggregatorLost = false
        modelAfter = nil
    }

    /// How many equal outcomes decide among the auditors at hand.
    public func needed(quorum: UInt32) -> Int { max(Int(quorum), auditors.count / 2 + 1) }

    public func encode(to encoder: inout CBOREncoder) {
        encoder.array(count: 15)
        encoder.unsigned(phase.rawValue)
        encoder.link(modelBefore)
        encoder.unsigned(deadlineMilliseconds)
        encoder.list(participants)
        encoder.unsigned(commitClosedHeight)
        encoder.list(auditors)
        encoder.list(lostAuditors)
        encoder.unsigned(auditorsToDraw)
        encoder.unsigned(drawSinceHeight)
        encoder.optional(proposal)
        encoder.list(confirmedBy)
        encoder.list(rejectedBy)
        encoder.unsigned(attempts)
        encoder.bool(isAggregatorLost)
        encoder.optional(modelAfter)
    }
}

extension RoundRecord {
    public init(from decoder: inout CBORDecoder) throws(CBORError) {
        try decoder.array(count: 15)
        phase = try decoder.choice()
        modelBefore = try decoder.link()
        deadlineMilliseconds = try decoder.unsigned()
        participants = try decoder.list()
        commitClosedHeight = try decoder.unsigned()
        auditors = try decoder.list()
        lostAuditors = try decoder.list()
        auditorsToDraw = try decoder.number()
        drawSinceHeight = try decoder.unsigned()
        proposal = try decoder.optional()
        confirmedBy = try decoder.list()
        rejectedBy = try decoder.list()
        attempts = try decoder.number()
        isAggregatorLost = try decoder.bool()
        modelAfter = try decoder.optional()
    }
}
