import Federation
import Ledger
import Market
import Primitives
import Privacy

/// Signs and sends the transactions of one account, one at a time in its lane.
public protocol TransactionSender: Sendable {
    var account: AccountID { get }
    /// Sends an action and waits until a block holds it.
    ///
    /// - Parameter payer: who pays the fee; nil for the sender. A job's escrow pays for its parties.
    /// - Returns: the result code of its receipt.
    func send(module: String, action: String, body: [UInt8], payer: AccountID?) async throws -> ResultCode
}

/// An action that the ledger refused, with the code of its receipt.
public struct ActionRefused: Error, Hashable, Sendable, CustomStringConvertible {
    public let module: String
    public let action: String
    public let code: ResultCode

    public var description: String {
        let known =
            FederationCode(rawValue: code.rawValue).map { "\($0)" } ?? MarketCode(rawValue: code.rawValue).map {
                "\($0)"
            }
            ?? PrivacyCode(rawValue: code.rawValue).map { "\($0)" } ?? code.ledgerName
        let name = known.map { " (\($0))" } ?? ""
        return "the ledger refused \(module).\(action) with code \(code.rawValue)\(name)"
    }
}

extension TransactionSender {
    /// Sends an action of the Federation module, paid by the job's escrow.
    func sendFederation(_ action: String, job: Digest, _ body: some CBORCodable) async throws {
        let code = try await send(
            module: FederationPaths.module, action: action, body: body.encoded(), payer: JobRecord.escrow(of: job))
        // Said before, by an earlier life of this process or just now: what was wanted is on the ledger.
        if code.rawValue == FederationCode.alreadyAnswered.rawValue { return }
        guard code == .ok else { throw ActionRefused(module: FederationPaths.module, action: action, code: code) }
    }
}
