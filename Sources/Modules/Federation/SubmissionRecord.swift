import Ledger
import Primitives

/// What became of a member's part in a round. No record: nothing was heard yet.
public enum SubmissionState: UInt8, CaseIterable, Sendable {
    case committed = 0
    case revealed = 1
    case refused = 2
    /// Silent until a deadline, or withdrawn before the reveal.
    case dropped = 3
    /// Bytes that the job had seen in an earlier round.
    case replayed = 4
    /// The reveal does not open the commitment.
    case falselyOpened = 5
    /// Two signed statements for one round.
    case equivocated = 6
}

/// What auditors say of an update; append-only.
public enum Outcome: UInt8, CaseIterable, Sendable {
    case accepted = 0
    case lowScore = 1
    case suspectedNoise = 2
    case provenReplay = 3
    case malformed = 4
    case missing = 5
    /// Set by the ledger alone: no quorum, even after the largest draw.
    case undecided = 6
}

/// Tuple: [state, commitment or null, update or null, size, reason, outcome or null, score (1e-6), evidence or null,
/// earned, of
/// which held back].
public struct SubmissionRecord: Hashable, Sendable, CBORCodable {
    public internal(set) var state: SubmissionState
    public internal(set) var commitment: Digest?
    public internal(set) var update: CID?
    /// Bytes of the update object, as the member says.
    public internal(set) var size: UInt64
    /// A `SiteReason` if refused, or zero.
    public internal(set) var reason: UInt32
    public internal(set) var outcome: Outcome?
    public internal(set) var scoreMillionths: UInt32
    public internal(set) var evidence: CID?
    public internal(set) var earned: Amount
    public internal(set) var heldBack: Amount

    /// Whether it belongs into the round's model: judged good, and no fault of its member proven since.
    public var isAccepted: Bool { state == .revealed && outcome == .accepted }

    init(_ state: SubmissionState) {
        self.state = state
        commitment = nil
        update = nil
        size = 0
        reason = 0
        outcome = nil
        scoreMillionths = 0
        evidence = nil
        earned = .zero
        heldBack = .zero
    }

    public func encode(to encoder: inout CBOREncoder) {
        encoder.array(count: 10)
        encoder.unsigned(state.rawValue)
        encoder.optional(commitment)
        encoder.optional(update)
        encoder.unsigned(size)
        encoder.unsigned(reason)
        if let outcome { encoder.unsigned(outcome.rawValue) } else { encoder.null() }
        encoder.unsigned(scoreMillionths)
        encoder.optional(evidence)
        encoder.value(earned)
        encoder.value(heldBack)
    }

    public init(from decoder: inout CBORDecoder) throws(CBORError) {
        try decoder.array(count: 10)
        state = try decoder.choice()
        commitment = try decoder.optional()
        update = try decoder.optional()
        size = try decoder.unsigned()
        reason = try decoder.number()
        outcome = decoder.skipNull() ? nil : try decoder.choice()
        scoreMillionths = try decoder.number()
        evidence = try decoder.optional()
        earned = try decoder.value()
        heldBack = try decoder.value()
    }
}
