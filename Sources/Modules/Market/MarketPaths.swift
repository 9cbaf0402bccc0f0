import Ledger
import Primitives

/// Where the Market module keeps its records, all below `m/market/`.
public enum MarketPaths {
    public static let module = "market"

    /// `o/` offer: `OfferRecord`. The identifier is that of the transaction that made it.
    public static func offer(_ offer: Digest) -> RecordPath { RecordPath(module, "o", [offer.bytes]) }
    static var offers: RecordPath { RecordPath(module, "o") }
    /// `x/` expiry (ms, 8 bytes) offer: the offer, in the order in which offers expire.
    static func expiry(_ milliseconds: UInt64, _ offer: Digest) -> RecordPath {
        RecordPath(module, "x", [milliseconds.bigEndianBytes, offer.bytes])
    }
    static var expiries: RecordPath { RecordPath(module, "x") }
    /// `c/`: how many offers stand.
    static var offerCount: RecordPath { RecordPath(module, "c") }
    /// `n/` provider: how many offers of it stand.
    static func offerCount(of provider: AccountID) -> RecordPath { RecordPath(module, "n", [provider.bytes]) }
    /// `j/` task: `TaskRecord`.
    public static func task(_ task: Digest) -> RecordPath { RecordPath(module, "j", [task.bytes]) }
    /// `t/` task: `TaskTerms`.
    public static func terms(_ task: Digest) -> RecordPath { RecordPath(module, "t", [task.bytes]) }
    /// `q/` task: waits for the beacon of a block after this height, to be matched or to have its audit drawn.
    static func waiting(_ task: Digest) -> RecordPath { RecordPath(module, "q", [task.bytes]) }
    static var waitingTasks: RecordPath { RecordPath(module, "q") }
    /// `k/`: the waiting task that was seen last.
    static var lastSeen: RecordPath { RecordPath(module, "k") }
    /// `h/`: the height at which offers last changed.
    static var offersChanged: RecordPath { RecordPath(module, "h") }
}

extension UInt64 {
    /// So that the order of paths is the order of numbers.
    fileprivate var bigEndianBytes: [UInt8] {
        stride(from: 56, through: 0, by: -8).map { UInt8(truncatingIfNeeded: self >> UInt64($0)) }
    }
}

/// Kinds of events of the Market module. Payloads are CBOR arrays that start with the task or the offer.
public enum MarketEvent: String, CaseIterable, Sendable {
    /// [offer]; provider
    case offerMade = "offer_made"
    /// [offer]; provider
    case offerWithdrawn = "offer_withdrawn"
    /// [task, escrow]; requester
    case taskSubmitted = "task_submitted"
    /// [task, [[reason, offers]…]]; requester
    case taskUnmatched = "task_unmatched"
    /// [task, replica, offer, price, deadline (ms)]; provider, requester
    case replicaAssigned = "replica_assigned"
    /// [task, replica, commitment]; provider
    case resultCommitted = "result_committed"
    /// [task, replica]; provider: silent until the deadline
    case replicaLost = "replica_lost"
    /// [task, deadline (ms)]; providers: reveals are open
    case revealsOpened = "reveals_opened"
    /// [task, replica, result]; provider, requester
    case resultRevealed = "result_revealed"
    /// [task, deadline (ms)]; requester, auditors: the answer or verdicts are wanted
    case judgementWanted = "judgement_wanted"
    /// [task]; auditor
    case verdictGiven = "verdict_given"
    /// [task, amount]; account
    case partyPaid = "party_paid"
    /// [task, [outcome…], refund]; requester, providers
    case taskDone = "task_done"
    /// [task, refund]; requester
    case taskCancelled = "task_cancelled"

    func emit(
        _ id: Digest, _ accounts: [AccountID], _ context: inout ModuleContext, items count: Int = 0,
        _ items: (inout CBOREncoder) -> Void = { _ in }
    ) throws(Refusal) {
        try context.emit(
            module: MarketPaths.module, kind: rawValue, about: id, accounts, items: count, items)
    }
}
