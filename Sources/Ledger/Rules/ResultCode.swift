/// How a transaction ended, as an integer that receipts carry and roots cover. Numbers are only ever appended.
///
/// Ranges: ledger 1-99, tokens 100-199, reputation 200-299, privacy 300-399, federation 400-499, market 500-599,
/// staking 600-699. Texts belong to programs that show codes; they are never hashed.
public struct ResultCode: RawRepresentable, Hashable, Comparable, Sendable, CustomStringConvertible {
    public let rawValue: Int32

    public init(rawValue: Int32) { self.rawValue = rawValue }

    public static func < (left: ResultCode, right: ResultCode) -> Bool { left.rawValue < right.rawValue }

    public var description: String { String(rawValue) }
}

extension ResultCode {
    public static let ok = ResultCode(rawValue: 0)
    /// The bytes are no canonical transaction, or a body is no canonical value of its action.
    public static let malformed = ResultCode(rawValue: 1)
    public static let wrongChain = ResultCode(rawValue: 2)
    public static let unknownModule = ResultCode(rawValue: 3)
    public static let unknownAction = ResultCode(rawValue: 4)
    /// The sequence is not the next one of its lane.
    public static let wrongSequence = ResultCode(rawValue: 5)
    /// The block's height is above the transaction's last valid height.
    public static let expired = ResultCode(rawValue: 6)
    /// The signatures do not reach the threshold of the account.
    public static let unauthorised = ResultCode(rawValue: 7)
    /// Nobody who may spend from the payer's account has agreed to pay.
    public static let payerUnauthorised = ResultCode(rawValue: 8)
    public static let insufficientBalance = ResultCode(rawValue: 9)
    /// The fee limit does not cover the transaction's bytes and signatures.
    public static let feeLimitTooLow = ResultCode(rawValue: 10)
    /// Execution used more units than the fee limit pays for.
    public static let feeLimitExceeded = ResultCode(rawValue: 11)
    /// The payer's balance is below the fee limit.
    public static let payerCannotPay = ResultCode(rawValue: 12)
    public static let tooLarge = ResultCode(rawValue: 13)
    public static let laneOutOfRange = ResultCode(rawValue: 14)
    public static let amountOverflow = ResultCode(rawValue: 15)
    public static let stateFull = ResultCode(rawValue: 16)
    public static let pathTooLong = ResultCode(rawValue: 17)
    /// A module touched a path outside its own prefix.
    public static let pathNotOwned = ResultCode(rawValue: 18)
    public static let badSignature = ResultCode(rawValue: 19)
    /// The module may not do this: only Tokens mints, burns and sets authorisations.
    public static let notPermitted = ResultCode(rawValue: 20)
    /// A stored value does not decode: the state was written by other rules, or damaged.
    public static let stateCorrupt = ResultCode(rawValue: 21)
    /// The same transaction is waiting already.
    public static let duplicate = ResultCode(rawValue: 22)
    public static let mempoolFull = ResultCode(rawValue: 23)
    /// The account has as many transactions waiting as one may have.
    public static let tooManyPending = ResultCode(rawValue: 24)
    /// A waiting transaction of the same lane and sequence offers more than 10/11 of this one's fee limit.
    public static let replacementUnderpriced = ResultCode(rawValue: 25)
    public static let tooManySignatures = ResultCode(rawValue: 26)
    public static let invalidAuthorisation = ResultCode(rawValue: 27)
    /// The sequence is further ahead of its lane than a mempool keeps.
    public static let sequenceTooFarAhead = ResultCode(rawValue: 28)
    /// A value, a count or a length is above what the rules permit.
    public static let limitExceeded = ResultCode(rawValue: 29)
}

extension ResultCode {
    /// The names of the ledger's own codes, for programs that show them.
    public var ledgerName: String? {
        guard rawValue >= 0, Int(rawValue) < ResultCode.ledgerNames.count else { return nil }
        return ResultCode.ledgerNames[Int(rawValue)]
    }

    private static let ledgerNames = [
        "ok", "malformed", "wrong_chain", "unknown_module", "unknown_action", "wrong_sequence", "expired",
        "unauthorised",
        "payer_unauthorised", "insufficient_balance", "fee_limit_too_low", "fee_limit_exceeded", "payer_cannot_pay",
        "too_large", "lane_out_of_range", "amount_overflow", "state_full", "path_too_long", "path_not_owned",
        "bad_signature", "not_permitted", "state_corrupt", "duplicate", "mempool_full", "too_many_pending",
        "replacement_underpriced", "too_many_signatures", "invalid_authorisation", "sequence_too_far_ahead",
        "limit_exceeded",
    ]
}
