import Federation
import Ledger
import Market
import Privacy

/// Result codes of receipts in words: the ledger's own and those of the modules.
enum TransactionResult {
    static func name(_ code: Int32) -> String { word(code).map { "\($0) (code \(code))" } ?? "code \(code)" }

    /// One word, as programs read it; nil for a code that this program does not know.
    static func word(_ code: Int32) -> String? {
        if let name = ResultCode(rawValue: code).ledgerName { return name }
        let name =
            FederationCode(rawValue: code).map { "\($0)" } ?? PrivacyCode(rawValue: code).map { "\($0)" }
            ?? MarketCode(rawValue: code).map { "\($0)" }
        return name.map { name in
            name.reduce(into: "") { $0 += $1.isUppercase ? "_\($1.lowercased())" : "\($1)" }
        }
    }
}
