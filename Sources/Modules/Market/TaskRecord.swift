import Ledger
import Primitives

public enum TaskStatus: UInt8, CaseIterable, Sendable {
    case matching = 0
    case executing = 1
    case revealing = 2
    /// Waits for the requester's answer (a benchmark) or for auditors.
    case judging = 3
    case done = 4
    case cancelled = 5
}

/// What became of a replica; append-only.
public enum ReplicaOutcome: UInt8, CaseIterable, Sendable {
    case open = 0
    case accepted = 1
    case rejected = 2
    /// Silent until a deadline.
    case lost = 3
    /// Results differ, and nobody could say which is right.
    case undecided = 4
}

/// One assignment. Tuple: [offer, provider, price, commitment or null, result or null, outcome].
public struct Replica: Hashable, Sendable, CBORCodable {
    public let offer: Digest
    public let provider: AccountID
    /// For all units.
    public let price: Amount
    public internal(set) var commitment: Digest?
    public internal(set) var result: CID?
    public internal(set) var outcome: ReplicaOutcome

    init(offer: Digest, provider: AccountID, price: Amount) {
        self.offer = offer
        self.provider = provider
        self.price = price
        outcome = .open
    }

    public func encode(to encoder: inout CBOREncoder) {
        encoder.array(count: 6)
        encoder.digest(offer)
        encoder.value(provider)
        encoder.value(price)
        encoder.optional(commitment)
        encoder.optional(result)
        encoder.unsigned(outcome.rawValue)
    }

    public init(from decoder: inout CBORDecoder) throws(CBORError) {
        try decoder.array(count: 6)
        offer = try decoder.digest()
        provider = try decoder.value()
        price = try decoder.value()
        commitment = try decoder.optional()
        result = try decoder.optional()
        outcome = try decoder.choice()
    }
}

/// One auditor and what it said of each replica, by index; empty until it has spoken. Tuple: [auditor, [outcome…]].
public struct TaskVerdict: Hashable, Sendable, CBORCodable {
    public let auditor: AccountID
    public internal(set) var outcomes: [ReplicaOutcome]

    init(auditor: AccountID) {
        self.auditor = auditor
        outcomes = []
    }

    public func encode(to encoder: inout CBOREncoder) {
        encoder.array(count: 2)
        encoder.value(auditor)
        encoder.array(count: outcomes.count)
        for outcome in outcomes { encoder.unsigned(outcome.rawValue) }
    }

    public init(from decoder: inout CBORDecoder) throws(CBORError) {
        try decoder.array(count: 2)
        auditor = try decoder.value()
        outcomes = try decoder.outcomes()
    }
}

extension CBORDecoder {
    /// At most as many outcomes as a task has had replicas.
    mutating func outcomes() throws(CBORError) -> [ReplicaOutcome] {
        let count = try array()
        guard count <= 64 else { throw invalid("\(count) outcomes") }
        var outcomes: [ReplicaOutcome] = []
        for _ in 0..<count { outcomes.append(try choice()) }
        return outcomes
    }
}

/// How many offers failed for a reason. Tuple: [reason, offers].
public struct Mismatch: Hashable, Sendable, CBORCodable {
    public let reason: MatchReason
    public let offers: UInt32

    init(reason: MatchReason, offers: UInt32) {
        self.reason = reason
        self.offers = offers
    }

    public func encode(to encoder: inout CBOREncoder) {
        encoder.array(count: 2)
        encoder.unsigned(reason.rawValue)
        encoder.unsigned(offers)
    }

    public init(from decoder: inout CBORDecoder) throws(CBORError) {
        try decoder.array(count: 2)
        reason = try decoder.choice()
        offers = try decoder.number()
    }
}

/// A task as it stands. Tuple: [requester, status, deadline (ms), replicas, mismatches, reassignments, audit drawn,
/// audited, verdicts,
/// paid, refunded].
public struct TaskRecord: Hashable, Sendable, CBORCodable {
    public let requester: AccountID
    public internal(set) var status: TaskStatus
    public internal(set) var deadlineMilliseconds: UInt64
    /// All that were ever assigned, lost ones included.
    public internal(set) var replicas: [Replica]
    /// Of the last attempt to match.
    public internal(set) var mismatches: [Mismatch]
    public internal(set) var reassignments: UInt32
    /// The beacon has said whether there is an audit.
    public internal(set) var isAuditDrawn: Bool
    public internal(set) var isAudited: Bool
    public internal(set) var verdicts: [TaskVerdict]
    public internal(set) var paid: Amount
    public internal(set) var refunded: Amount

    /// After so many lost replicas a task goes on with what it has.
    public static let maximumReassignments: UInt32 = 3

    init(requester: AccountID, deadlineMilliseconds: UInt64) {
        self.requester = requester
        status = .matching
        self.deadlineMilliseconds = deadlineMilliseconds
        replicas = []
        mismatches = []
        reassignments = 0
        isAuditDrawn = false
        isAudited = false
        verdicts = []
        paid = .zero
        refunded = .zero
    }

    public static func escrow(of task: Digest) -> AccountID { .derived(module: MarketPaths.module, id: task.bytes) }

    /// Assigned and not lost.
    var held: Int { replicas.count { $0.outcome != .lost } }

    public func encode(to encoder: inout CBOREncoder) {
        encoder.array(count: 11)
        encoder.value(requester)
        encoder.unsigned(status.rawValue)
        encoder.unsigned(deadlineMilliseconds)
        encoder.list(replicas)
        encoder.list(mismatches)
        encoder.unsigned(reassignments)
        encoder.bool(isAuditDrawn)
        encoder.bool(isAudited)
        encoder.list(verdicts)
        encoder.value(paid)
        encoder.value(refunded)
    }
}

extension TaskRecord {
    public init(from decoder: inout CBORDecoder) throws(CBORError) {
        try decoder.array(count: 11)
        requester = try decoder.value()
        status = try decoder.choice()
        deadlineMilliseconds = try decoder.unsigned()
        replicas = try decoder.list()
        mismatches = try decoder.list()
        reassignments = try decoder.number()
        isAuditDrawn = try decoder.bool()
        isAudited = try decoder.bool()
        verdicts = try decoder.list()
        paid = try decoder.value()
        refunded = try decoder.value()
    }
}
