import Consensus
import Federation
import Ledger
import Market
import Privacy
import Staking
import Tokens

/// Result codes of receipts in words: the ledger's own and those of the modules.
enum TransactionResult {
    static func name(_ code: Int32) -> String { word(code).map { "\($0) (code \(code))" } ?? "code \(code)" }

    /// One word, as programs read it; nil for a code that this program does not know.
    static func word(_ code: Int32) -> String? {
        if let name = ResultCode(rawValue: code).ledgerName ?? tokens[code] { return name }
        let modules: [(any ModuleCode)?] = [
            FederationCode(rawValue: code), PrivacyCode(rawValue: code), MarketCode(rawValue: code),
            StakingCode(rawValue: code), ConsensusCode(rawValue: code),
        ]
        let name = modules.lazy.compactMap { $0 }.first.map { "\($0)" }
        return name.map { underscored($0) }
    }

    /// As programs read it: `notFound` is `not_found`.
    static func underscored(_ name: String) -> String {
        name.reduce(into: "") { $0 += $1.isUppercase ? "_\($1.lowercased())" : "\($1)" }
    }

    /// What a person can do about a refusal that is about them and not about the ledger.
    static func hint(_ code: Int32) -> String? {
        switch ResultCode(rawValue: code) {
        case .payerCannotPay, .insufficientBalance:
            "the account needs tokens: `vinculum tx transfer --to ACCOUNT AMOUNT` from one that has some"
        case FederationCode.escrowTooSmall.code: "raise payment.escrow: it has to cover every round at the job's prices"
        default: nil
        }
    }

    private static let tokens: [Int32: String] = [
        ResultCode.amountIsZero.rawValue: "amount_is_zero", ResultCode.batchSize.rawValue: "batch_size",
        ResultCode.wrongAuthorisation.rawValue: "wrong_authorisation",
        ResultCode.escrowState.rawValue: "escrow_state", ResultCode.accountHasNoKeys.rawValue: "account_has_no_keys",
        ResultCode.notTreasury.rawValue: "not_treasury", ResultCode.invalidShares.rawValue: "invalid_shares",
    ]
}
