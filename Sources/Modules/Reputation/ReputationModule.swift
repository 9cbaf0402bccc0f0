import Ledger
import Primitives

/// Scores of accounts. There are no actions: only modules above change a score, each for a stated reason.
public struct ReputationModule: LedgerModule {
    public init() {}

    public var name: String { Scores.module }
    public var actions: [ModuleAction] { [] }

    /// The section is ignored: everyone starts without a record.
    public func genesis(_ section: CBORValue, _ context: inout ModuleContext) throws(Refusal) {}

    public func execute(_ call: ActionCall, _ context: inout ModuleContext) throws(Refusal) {
        throw Refusal(.unknownAction, call.action)
    }

    public func endBlock(_ context: inout ModuleContext) throws(Refusal) {}
}

/// Why a score changed; append-only, part of the event.
public enum ReputationReason: UInt8, CaseIterable, Sendable {
    case workAccepted = 0
    case workLowScore = 1
    case workSuspected = 2
    case provenFault = 3
    case missedDeadline = 4
    case verdictWithQuorum = 5
    case verdictAgainstQuorum = 6
    case modelConfirmed = 7
    case modelRejected = 8
    case taskAccepted = 9
    case taskRejected = 10

    /// What it adds to the score.
    public var change: Int64 {
        switch self {
        case .workAccepted, .verdictWithQuorum, .modelConfirmed, .taskAccepted: 20_000
        case .workLowScore: -5_000
        case .missedDeadline: -20_000
        case .workSuspected: -60_000
        case .verdictAgainstQuorum, .modelRejected, .taskRejected: -100_000
        case .provenFault: -600_000
        }
    }
}

/// Reading and changing scores, for the modules above.
public enum Scores {
    public static let module = "reputation"
    /// Payload: [domain, reason, new score].
    public static let changedEvent = "changed"

    /// `m/reputation/s/` account (33 bytes) domain (1 byte): `ReputationRecord`.
    public static func path(_ account: AccountID, _ domain: ReputationDomain) -> RecordPath {
        RecordPath(module, "s", [account.bytes, [domain.rawValue]])
    }

    /// The record, or that of a newcomer.
    public static func record(
        _ account: AccountID, _ domain: ReputationDomain, _ context: inout ModuleContext
    ) throws(Refusal) -> ReputationRecord {
        try context.load(ReputationRecord.self, at: path(account, domain))
            ?? ReputationRecord(timeMilliseconds: context.block.timeMilliseconds)
    }

    public static func score(
        _ account: AccountID, _ domain: ReputationDomain, _ context: inout ModuleContext
    ) throws(Refusal) -> Int64 {
        try record(account, domain, &context).score(at: context.block.timeMilliseconds)
    }

    public static func tier(
        _ account: AccountID, _ domain: ReputationDomain, _ context: inout ModuleContext
    ) throws(Refusal) -> ReputationTier {
        try record(account, domain, &context).tier(at: context.block.timeMilliseconds)
    }

    public static func note(
        _ account: AccountID, _ domain: ReputationDomain, _ reason: ReputationReason, _ context: inout ModuleContext
    ) throws(Refusal) {
        var record = try record(account, domain, &context)
        record.adjust(by: reason.change, at: context.block.timeMilliseconds)
        try context.save(record, at: path(account, domain))
        var encoder = CBOREncoder()
        encoder.array(count: 3)
        encoder.unsigned(domain.rawValue)
        encoder.unsigned(reason.rawValue)
        encoder.integer(record.score)
        try context.emit(
            Event(module: module, kind: changedEvent, path: nil, accounts: [account], payload: encoder.finish()))
    }

    /// How often finished work is audited, in 1e-6: always for newcomers, never below 5 %, so that no past buys
    /// freedom
    /// from checks.
    public static func auditRateMillionths(score: Int64) -> UInt32 {
        let trust = UInt32(max(0, min(score, ReputationRecord.bound)))
        return max(50_000, 1_000_000 - trust)
    }
}
