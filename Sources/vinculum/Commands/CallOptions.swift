import ArgumentParser
import Ledger
import Node
import NodeAPI
import Primitives

/// What all commands that call a module of the ledger have in common.
struct CallOptions: ParsableArguments {
    @Option(help: "The name of the key that signs and pays.") var from = "main"
    @Option(help: ArgumentHelp("The most that may be paid in fees.", valueName: "amount")) var feeLimit = "1"
    @Option(help: ArgumentHelp("Wait this long for the decision.", valueName: "seconds")) var timeout: UInt32 = 30
    @OptionGroup var node: NodeOptions

    /// Apart from the lanes of payments, jobs and tasks.
    private static let lane: UInt8 = 3

    var store: KeyStore { KeyStore(folder: node.folder.folder) }

    func account() throws -> AccountID { AccountID(try store.load(from).publicKey) }

    static func amount(_ text: String) throws -> Amount {
        guard let amount = try? Amount(text) else { throw ValidationError("'\(text)' is not an amount of tokens") }
        return amount
    }

    /// Signs a call, sends it and waits for the decision. The body may depend on the chain and on its height.
    func send(
        _ module: String, _ action: String, _ output: OutputOptions,
        _ body: (_ chain: CID, _ height: UInt64) throws -> some CBORCodable
    ) async throws -> ExitStatus {
        let limit = try Self.amount(feeLimit)
        let key = try store.load(from)
        let client = try node.client()
        let status = try await client.status()
        let view = try await client.account(AccountID(key.publicKey))
        let chain = try node.folder.signingChain().of(status)
        let transaction = Transaction(
            TransactionBody(
                chain: chain, account: AccountID(key.publicKey), lane: Self.lane,
                sequence: view.nextSequence(lane: Self.lane), validUntilHeight: status.height + 1_000, payer: nil,
                feeLimit: limit, module: module, call: ActionCall(action, try body(chain, status.height))),
            signedBy: [key])
        return try await Submission.send(transaction.encoded, client, .seconds(Int64(timeout)), output)
    }
}
