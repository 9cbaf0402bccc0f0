import Ledger

/// Why the Market module refuses an action; append-only. The numbers are result codes of receipts.
public enum MarketCode: Int32, CaseIterable, Sendable {
    /// A field of an offer or a task is out of its range; the detail names it.
    case invalidField = 500
    case offerUnknown = 501
    case taskUnknown = 502
    case notOwner = 503
    /// The sender holds no replica of the task.
    case notAssigned = 504
    case notAuditor = 505
    case wrongStatus = 506
    case tooEarly = 507
    case alreadyAnswered = 508
    /// The reveal does not open the commitment: nothing is accepted for it.
    case commitmentMismatch = 509
    /// The answer does not open the commitment that was made with the task.
    case answerMismatch = 510
    case incompleteVerdict = 511
    case escrowTooSmall = 512
    /// Replicas of an offer still run.
    case offerBusy = 513
    case amountOverflow = 514
    case barred = 515

    public var code: ResultCode { ResultCode(rawValue: rawValue) }

    /// The refusal with this code; `detail` is for people and never hashed.
    public func refusal(_ detail: String) -> Refusal { Refusal(code: code, detail: detail) }
}

/// Why an offer does not fit a task; append-only. A task that is not matched says how many offers failed for which
/// reason.
public enum MatchReason: UInt8, CaseIterable, Sendable {
    case expired = 0
    case withdrawn = 1
    case kindNotOffered = 2
    case priceAboveLimit = 3
    case tooFewCores = 4
    case tooLittleMemory = 5
    case tooFewAccelerators = 6
    case tooLittleAcceleratorMemory = 7
    case tooLittleDisk = 8
    case uptimeTooLow = 9
    case placeDiffers = 10
    case noCapacity = 11
    case reputationTooLow = 12
    case ownTask = 13
    /// Another offer of the same provider fits better, or the provider holds a replica or has lost one.
    case providerTaken = 14
}
