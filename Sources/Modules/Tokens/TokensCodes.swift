import Ledger

extension ResultCode {
    /// An amount of zero where one has to be above it.
    public static let amountIsZero = ResultCode(rawValue: 100)
    /// A batch without transfers, or with more than it may have.
    public static let batchSize = ResultCode(rawValue: 101)
    /// The digest of the record is not the account.
    public static let wrongAuthorisation = ResultCode(rawValue: 102)
    /// An escrow is opened twice, or is not there.
    public static let escrowState = ResultCode(rawValue: 103)
    /// A derived account has no keys, and gets none.
    public static let accountHasNoKeys = ResultCode(rawValue: 104)
    /// Only the treasury's account may do this.
    public static let notTreasury = ResultCode(rawValue: 105)
    /// Shares that do not add up to a whole.
    public static let invalidShares = ResultCode(rawValue: 106)
}
