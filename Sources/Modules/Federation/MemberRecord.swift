import Ledger
import Primitives

public enum MemberStatus: UInt8, CaseIterable, Sendable {
    case invited = 0
    case active = 1
    case refused = 2
    case withdrawn = 3
    /// Missed too many rounds in a row.
    case removed = 4
    /// A proven fault: out of the job, held-back pay forfeited.
    case slashed = 5
}

/// A member of a job. Tuple: [index, status, dataset or null, policy digest or null, rounds reserved, size band, held
/// back, paid,
/// forfeited, missed in a row, reason of a refusal].
public struct MemberRecord: Hashable, Sendable, CBORCodable {
    public let index: UInt32
    public internal(set) var status: MemberStatus
    public internal(set) var dataset: Digest?
    /// What the owner's policy file hashed to when it accepted.
    public internal(set) var policy: Digest?
    public internal(set) var roundsReserved: UInt32
    /// Copied from the dataset: the member's weight.
    public internal(set) var sizeBand: UInt32
    /// Earned, and paid when the job ends.
    public internal(set) var heldBack: Amount
    public internal(set) var paid: Amount
    public internal(set) var forfeited: Amount
    public internal(set) var missedInARow: UInt32
    /// A `SiteReason`, or zero.
    public internal(set) var reason: UInt32

    /// After so many rounds without a word a member is out.
    public static let missesBeforeRemoval: UInt32 = 3

    init(index: UInt32) {
        self.index = index
        status = .invited
        dataset = nil
        policy = nil
        roundsReserved = 0
        sizeBand = 0
        heldBack = .zero
        paid = .zero
        forfeited = .zero
        missedInARow = 0
        reason = 0
    }

    public func encode(to encoder: inout CBOREncoder) {
        encoder.array(count: 11)
        encoder.unsigned(index)
        encoder.unsigned(status.rawValue)
        encoder.optional(dataset)
        encoder.optional(policy)
        encoder.unsigned(roundsReserved)
        encoder.unsigned(sizeBand)
        encoder.value(heldBack)
        encoder.value(paid)
        encoder.value(forfeited)
        encoder.unsigned(missedInARow)
        encoder.unsigned(reason)
    }

    public init(from decoder: inout CBORDecoder) throws(CBORError) {
        try decoder.array(count: 11)
        index = try decoder.number()
        status = try decoder.choice()
        dataset = try decoder.optional()
        policy = try decoder.optional()
        roundsReserved = try decoder.number()
        sizeBand = try decoder.number()
        heldBack = try decoder.value()
        paid = try decoder.value()
        forfeited = try decoder.value()
        missedInARow = try decoder.number()
        reason = try decoder.number()
    }
}
