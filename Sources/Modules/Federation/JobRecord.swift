import Ledger
import Primitives

public enum JobStatus: UInt8, CaseIterable, Sendable {
    case inviting = 0
    case running = 1
    case finished = 2
    case aborted = 3
    public var hasEnded: Bool { self == .finished || self == .aborted }
}

/// A job as it stands. Tuple: [requester, status, aggregator, round, rounds done, accept deadline (ms), pay fund,
/// paid, refunded,
/// model, members invited, members answered, members active, closing, end].
public struct JobRecord: Hashable, Sendable, CBORCodable {
    public let requester: AccountID
    public internal(set) var status: JobStatus
    public internal(set) var aggregator: AccountID
    /// The current round from 1; 0 before the start.
    public internal(set) var round: UInt32
    public internal(set) var roundsDone: UInt32
    public let acceptDeadlineMilliseconds: UInt64
    /// What of the escrow is kept for pay: it bounds what the escrow spends on fees.
    public internal(set) var payFund: Amount
    /// To members, auditors and aggregators so far.
    public internal(set) var paid: Amount
    /// Back to the requester.
    public internal(set) var refunded: Amount
    /// The current global model.
    public internal(set) var model: CID
    public let invited: UInt32
    public internal(set) var answered: UInt32
    public internal(set) var active: UInt32
    /// The requester wants no round after this one.
    public internal(set) var isClosing: Bool
    public internal(set) var end: JobEnd

    /// The account that holds the escrow of `job`, the digest of the transaction that submitted it.
    public static func escrow(of job: Digest) -> AccountID {
        .derived(module: FederationPaths.module, id: job.bytes)
    }

    public func encode(to encoder: inout CBOREncoder) {
        encoder.array(count: 15)
        encoder.value(requester)
        encoder.unsigned(status.rawValue)
        encoder.value(aggregator)
        encoder.unsigned(round)
        encoder.unsigned(roundsDone)
        encoder.unsigned(acceptDeadlineMilliseconds)
        encoder.value(payFund)
        encoder.value(paid)
        encoder.value(refunded)
        encoder.link(model)
        encoder.unsigned(invited)
        encoder.unsigned(answered)
        encoder.unsigned(active)
        encoder.bool(isClosing)
        encoder.unsigned(end.rawValue)
    }
}

extension JobRecord {
    public init(from decoder: inout CBORDecoder) throws(CBORError) {
        try decoder.array(count: 15)
        requester = try decoder.value()
        status = try decoder.choice()
        aggregator = try decoder.value()
        round = try decoder.number()
        roundsDone = try decoder.number()
        acceptDeadlineMilliseconds = try decoder.unsigned()
        payFund = try decoder.value()
        paid = try decoder.value()
        refunded = try decoder.value()
        model = try decoder.link()
        invited = try decoder.number()
        answered = try decoder.number()
        active = try decoder.number()
        isClosing = try decoder.bool()
        end = try decoder.choice()
    }

    init(requester: AccountID, terms: JobTerms, payFund: Amount, now: UInt64) {
        self.requester = requester
        status = .inviting
        aggregator = terms.aggregator
        round = 0
        roundsDone = 0
        acceptDeadlineMilliseconds = now &+ terms.deadlines.acceptMilliseconds
        self.payFund = payFund
        paid = .zero
        refunded = .zero
        model = terms.initialModel
        invited = UInt32(terms.members.count)
        answered = 0
        active = 0
        isClosing = false
        end = .none
    }
}
