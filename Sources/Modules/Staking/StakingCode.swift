import Ledger
import Primitives

/// Why the Staking module refuses an action; append-only. The numbers are result codes of receipts.
public enum StakingCode: Int32, ModuleCode {
    /// The genesis has no staking section: the chain's validators are fixed.
    case notEnabled = 600
    /// A field of a body or of the genesis is out of its range; the detail names it.
    case invalidField = 601
    case validatorUnknown = 602
    /// The sender is a validator already.
    case alreadyRegistered = 603
    /// The consensus key is, or was, another validator's.
    case keyTaken = 604
    /// The consensus key has not signed that it belongs to the sender.
    case keyUnproven = 605
    case amountTooSmall = 606
    /// The validator signed contradictory votes: nothing is delegated to it any more, and it does not come back.
    case validatorBarred = 607
    case positionUnknown = 608
    /// The lock-up has not ended.
    case locked = 609
    /// Nothing of the sender's has finished unbonding.
    case nothingMatured = 610
    /// There are no rewards to collect.
    case nothingToCollect = 611
    case notJailed = 612
    case jailed = 613
    /// The two votes do not contradict each other, or are not signed.
    case evidenceUnproven = 614
    /// No stake that backed these votes is held any more.
    case evidenceTooOld = 615
    /// The votes are of a height that the chain has not reached.
    case evidenceTooEarly = 616
    /// The offender was punished for this height, or was barred before.
    case alreadyPunished = 617
    case amountOverflow = 618
    /// The commission is above the most that the validator promised when it registered.
    case commissionTooHigh = 619
    /// A validator has as much stake as power can express.
    case stakeTooLarge = 620
    /// Only active validators appraise.
    case notActive = 621
    /// There is no commitment of the epoch before.
    case nothingCommitted = 622
    /// What is revealed is not what was committed to.
    case commitmentMismatch = 623
}

/// Amounts of one computation; an overflow is refused by name.
func exact(_ compute: () throws(AmountError) -> Amount) throws(Refusal) -> Amount {
    try StakingCode.amountOverflow.exact(compute)
}
