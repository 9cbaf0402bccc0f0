import Ledger
import Primitives

/// Why the Federation module refuses an action; append-only. The numbers are result codes of receipts.
public enum FederationCode: Int32, ModuleCode {
    /// A field of the terms is out of its range; the detail names it.
    case invalidTerms = 402
    /// The escrow does not cover what the terms promise at most.
    case escrowTooSmall = 403
    case jobUnknown = 405
    case notRequester = 406
    case notMember = 407
    case notAggregator = 408
    /// Not one of the auditors drawn for the round.
    case notAuditor = 409
    /// The job does not invite any more, or does not run, or has ended.
    case wrongStatus = 410
    /// The round is in another phase.
    case wrongPhase = 411
    /// Another round is the current one.
    case wrongRound = 412
    /// Time has run out for this.
    case deadlinePassed = 413
    /// The deadline, or the block after the draw, is still to come.
    case tooEarly = 414
    /// The member, auditor or aggregator has said so before.
    case alreadyAnswered = 415
    /// A reason that is not on the list.
    case unknownReason = 416
    /// More reserved rounds than the job has, or none.
    case invalidRounds = 417
    /// The cost of an update is below what the terms say for a round.
    case costTooLow = 418
    case notCommitted = 419
    /// The update has been revealed by another member in this round: nobody is blamed, the second is not taken.
    case updateAlreadyRevealed = 420
    /// A verdict leaves out a member whose update was revealed, names another, or is out of order.
    case incompleteVerdict = 421
    /// A score above 1,000,000, or an outcome that auditors cannot give.
    case invalidOutcome = 422
    /// A proposal includes a member whose update was not accepted, or nobody, or is out of order.
    case invalidInclusion = 423
    /// Confirmed was another model or root than the proposed one.
    case proposalMismatch = 424
    /// Fewer members than the job's minimum.
    case tooFewMembers = 425
    /// The statements do not contradict each other, or a signature is not the member's.
    case invalidEvidence = 426
    case alreadyRegistered = 427
    case notRegistered = 428
    /// The auditor is drawn for a round that is not settled.
    case auditorBusy = 429
    /// The fee allowance of the escrow is used up, or the escrow does not pay for this sender or action.
    case feeNotCovered = 430
    /// The account's standing bars it.
    case barred = 431
    case amountOverflow = 432
    /// A record that this module wrote is not as it should be; a defect, never the sender's fault.
    case inconsistentState = 433
    /// The register of auditors is full.
    case registerFull = 434
    /// A new model was to be published although nothing was accepted.
    case nothingAccepted = 435
}

/// Why a site refuses a job, or a round; append-only. Whatever depends on data stays in the owner's log.
public enum SiteReason: UInt32, CaseIterable, Sendable {
    case requesterNotAllowed = 1
    case purposeNotAllowed = 2
    case trainerNotAllowed = 3
    case guaranteeTooWeak = 4
    case adversaryTooWeak = 5
    case tooFewMembers = 6
    case budgetExhausted = 7
    case unitMismatch = 8
    case mechanismNotAllowed = 9
    case verifierNotAllowed = 10
    case modelNotAllowed = 11
    case aggregationNotAllowed = 12
    case payTooLow = 13
    case dataUnavailable = 14
    case resourcesUnavailable = 15
    case proofInvalid = 16
    case ownerDecision = 17
    case localBudgetExhausted = 18
    case deadlineTooShort = 19
    case modelUnavailable = 20
}

/// How a job ended; part of `JobRecord`. Append-only.
public enum JobEnd: UInt8, CaseIterable, Sendable {
    case none = 0
    case completed = 1
    case closedEarly = 2
    case abortedByRequester = 3
    case tooFewMembers = 4
    case tooFewAuditors = 5
    case aggregatorLost = 6
    case modelNotConfirmed = 7
}

/// Amounts of one computation; an overflow is refused by name.
func exact(_ compute: () throws(AmountError) -> Amount) throws(Refusal) -> Amount {
    try FederationCode.amountOverflow.exact(compute)
}
