import Ledger
import Primitives

/// Why the Market module refuses an action; append-only. The numbers are result codes of receipts.
public enum MarketCode: Int32, ModuleCode {
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
    /// Replicas of an offer still run.
    case offerBusy = 512
    case amountOverflow = 513
    case barred = 514
    /// The provider, or the market, has as many offers as may stand.
    case tooManyOffers = 515
}

/// Why an offer does not fit a task; append-only. A task that is not matched says how many offers failed for which
/// reason.
public enum MatchReason: UInt8, CaseIterable, Sendable {
    case expired = 0
    case kindNotOffered = 1
    case priceAboveLimit = 2
    case tooFewCores = 3
    case tooLittleMemory = 4
    case tooFewAccelerators = 5
    case tooLittleAcceleratorMemory = 6
    case tooLittleDisk = 7
    case uptimeTooLow = 8
    case placeDiffers = 9
    case noCapacity = 10
    case reputationTooLow = 11
    case ownTask = 12
    /// Another offer of the same provider fits better, or the provider holds a replica or has lost one.
    case providerTaken = 13
    /// These fit, and the task needs more of them.
    case tooFewProviders = 14
}

/// Amounts of one computation; an overflow is refused by name.
func exact(_ compute: () throws(AmountError) -> Amount) throws(Refusal) -> Amount {
    try MarketCode.amountOverflow.exact(compute)
}
