import ArgumentParser
import Ledger
import Node
import NodeAPI
import Primitives
import Tokens

struct Transact: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tx", abstract: "Send and read transactions.",
        discussion: HelpText(
            why: "A transaction is signed here; the node only sees the signature.",
            examples: [("vinculum tx transfer --from main --to did:key:z… 12.5", "pay somebody")],
            exits: ExitStatus.ofNode + [.refused, .timeout, .notFound, .notProven]
        ).text,
        subcommands: [TransactTransfer.self, TransactShow.self, TransactSend.self, TransactDecode.self])
}

struct TransactTransfer: VinculumCommand {
    static let configuration = CommandConfiguration(
        commandName: "transfer", abstract: "Send tokens to an account.",
        discussion: HelpText(
            why: "Waits until the ledger has decided, and exits with 65 if it refused.",
            examples: [
                ("vinculum tx transfer --from main --to alice 12.5", "between keys of the folder"),
                ("vinculum tx transfer --from main --to did:key:z… 1 --file pay.tx", "only sign, into a file"),
            ], exits: ExitStatus.ofNode + [.refused, .timeout, .notFound, .notProven]
        ).text)

    @Argument(help: "How many tokens, with up to 18 decimals.") var amount: String
    @Option(help: "The name of the key that pays.") var from = "main"
    @Option(help: "The account, or the name of a key in the folder.") var to: String
    @Option(help: ArgumentHelp("The most that may be paid in fees.", valueName: "amount")) var feeLimit = "1"
    @Option(help: "The lane of the sequence, 0 to 15.") var lane: UInt8 = 0
    @Option(help: ArgumentHelp("Write the signed transaction here instead of sending it.", valueName: "file"))
    var file: String?
    @Option(help: ArgumentHelp("Wait this long for the decision.", valueName: "seconds")) var timeout: UInt32 = 30
    @OptionGroup var node: NodeOptions
    @OptionGroup var output: OutputOptions

    func execute() async throws -> ExitStatus {
        guard let tokens = try? Amount(amount) else { throw ValidationError("'\(amount)' is not an amount of tokens") }
        guard let limit = try? Amount(feeLimit) else { throw ValidationError("--fee-limit takes an amount of tokens") }
        guard lane < LaneSequences.laneCount else { throw ValidationError("--lane takes 0 to 15") }
        let store = KeyStore(folder: node.folder.folder)
        let key = try store.load(from)
        let payer = AccountID(key.publicKey)
        let client = try node.client()
        let status = try await client.status()
        let view = try await client.account(payer)
        let chain = try node.folder.signingChain().of(status)
        let body = TransactionBody(
            chain: chain, account: payer, lane: lane, sequence: view.nextSequence(lane: lane),
            validUntilHeight: status.height + 1000, payer: nil, feeLimit: limit, module: TokensModule.name,
            call: ActionCall("transfer", Transfer(to: try store.account(to), amount: tokens)))
        let transaction = Transaction(body, signedBy: [key])
        if let file {
            try DurableFile.replace(file, with: transaction.encoded)
            output.emit(
                "transaction-file", CBORMap([("id", .text(transaction.id.hex)), ("file", .text(file))])
            ) { _ in "\(transaction.id.hex)\nsigned, not sent: \(file)" }
            return .ok
        }
        return try await Submission.send(transaction.encoded, client, .seconds(Int64(timeout)), output)
    }
}

/// Sends an envelope and waits for the decision.
enum Submission {
    static func send(
        _ envelope: [UInt8], _ client: NodeClient, _ timeout: Duration, _ output: OutputOptions
    ) async throws -> ExitStatus {
        let outcome = try await client.submit(envelope)
        if case .decided(let receipt) = outcome { return ReceiptReport.emit(receipt, output) }
        guard let receipt = try await client.receipt(of: outcome.id, waitingAtMost: timeout) else {
            throw CommandFailure(
                .timeout, "transaction \(outcome.id.hex) was taken and is not decided yet",
                hint: "vinculum wait --transaction \(outcome.id.hex)")
        }
        return ReceiptReport.emit(receipt, output)
    }
}

struct TransactSend: VinculumCommand {
    static let configuration = CommandConfiguration(
        commandName: "send", abstract: "Send a signed transaction from a file.",
        discussion: HelpText(
            why: "For transactions that were signed on another machine.",
            examples: [("vinculum tx send pay.tx", "send and wait")],
            exits: ExitStatus.ofNode + [.refused, .timeout, .notFound, .notProven]
        ).text)

    @Argument(help: "The file with the envelope (DAG-CBOR).") var file: String
    @Option(help: ArgumentHelp("Wait this long for the decision.", valueName: "seconds")) var timeout: UInt32 = 30
    @OptionGroup var node: NodeOptions
    @OptionGroup var output: OutputOptions

    func execute() async throws -> ExitStatus {
        let bytes = try readBytes(file, limitBytes: 1 << 20)
        return try await Submission.send(bytes, try node.client(), .seconds(Int64(timeout)), output)
    }
}

struct TransactShow: VinculumCommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "Show a decided transaction by id or by slot.",
        discussion: HelpText(
            why: "Every transaction has a slot in the history and can be proven: see `vinculum proof get`.",
            examples: [("vinculum tx show 17", "by slot"), ("vinculum tx show 3f…", "by id")],
            exits: ExitStatus.ofNode + [.notFound]
        ).text)

    @Argument(help: "The id (64 hexadecimal digits) or the slot.") var reference: String
    @OptionGroup var node: NodeOptions
    @OptionGroup var output: OutputOptions

    func execute() async throws -> ExitStatus {
        let proven = try await node.client().transaction(try TransactionReference(text: reference))
        let transaction = try Transaction(decoding: proven.envelope)
        var document = TransactionReport.document(transaction)
        document["receipt"] = proven.receipt.wire
        document["slot"] = .unsigned(proven.slot)
        output.emit("transaction", document) { style in
            let receipt = proven.receipt
            let result = receipt.succeeded ? "done" : TransactionResult.name(receipt.resultCode)
            return TransactionReport.text(transaction, style)
                + "\nresult: \(result), slot \(proven.slot), height \(receipt.height), fee \(receipt.fee)"
        }
        return .ok
    }
}

extension TransactionReference {
    init(text: String) throws {
        if text.utf8.count == 64, let id = try? Digest(hex: text) {
            self = .id(id)
        } else if text.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let slot = UInt64(text) {
            self = .slot(slot)
        } else {
            throw ValidationError("'\(text)' is neither an id (64 hexadecimal digits) nor a slot")
        }
    }
}

struct TransactDecode: VinculumCommand {
    static let configuration = CommandConfiguration(
        commandName: "decode", abstract: "Show what a signed transaction in a file says; needs no node.",
        discussion: HelpText(
            why: "Read before you send or sign along.", examples: [("vinculum tx decode pay.tx", "show it")],
            exits: [.ok, .failed, .usage, .notFound]
        ).text)

    @Argument(help: "The file with the envelope (DAG-CBOR).") var file: String
    @OptionGroup var output: OutputOptions

    func execute() async throws -> ExitStatus {
        let transaction = try Transaction(decoding: try readBytes(file, limitBytes: 1 << 20))
        output.emit("transaction", TransactionReport.document(transaction)) { TransactionReport.text(transaction, $0) }
        return .ok
    }
}

/// How a transaction is shown.
enum TransactionReport {
    static func document(_ transaction: Transaction) -> CBORMap {
        let body = transaction.body
        return CBORMap([
            ("id", .text(transaction.id.hex)), ("chain", .text(body.chain.text)), ("account", .text(body.account.text)),
            ("lane", .unsigned(UInt64(body.lane))), ("sequence", .unsigned(body.sequence)),
            ("valid_until_height", .unsigned(body.validUntilHeight)),
            ("payer", body.payer.map { .text($0.text) } ?? .null), ("fee_limit", .text("\(body.feeLimit)")),
            ("module", .text(body.module)), ("action", .text(body.call.action)),
            ("version", .unsigned(UInt64(body.call.version))),
            ("body", (try? CBORValue(encoded: body.call.body)) ?? .bytes(body.call.body)),
            ("signers", .array(transaction.signatures.map { .text(AccountID($0.key).text) })),
        ])
    }

    static func text(_ transaction: Transaction, _ style: Style) -> String {
        let body = transaction.body
        var facts = FactList()
        facts.add("transaction", transaction.id.hex)
        facts.add("chain", body.chain.text)
        facts.add("account", body.account.text)
        facts.add("sequence", "\(body.sequence) in lane \(body.lane), valid until height \(body.validUntilHeight)")
        facts.add("fee limit", "\(body.feeLimit)" + (body.payer.map { ", paid by \($0.text)" } ?? ""))
        facts.add("action", "\(body.module).\(body.call.action) version \(body.call.version)")
        if body.module == TokensModule.name, body.call.action == "transfer",
            let transfer = try? Transfer.decode(body.call.body)
        {
            facts.add("transfers", "\(transfer.amount) to \(transfer.to.text)")
        } else if let value = try? CBORValue(encoded: body.call.body) {
            facts.add("body", JSONText.encode(value))
        }
        for signature in transaction.signatures { facts.add("signed by", AccountID(signature.key).text) }
        return facts.text(style)
    }
}
