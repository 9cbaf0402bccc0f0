import Ledger

/// The ledger's result codes in words.
enum TransactionResult {
    static func name(_ code: Int32) -> String {
        ResultCode(rawValue: code).ledgerName.map { "\($0) (code \(code))" } ?? "code \(code)"
    }
}
