import ArgumentParser
import Ledger
import Node
import NodeAPI
import Primitives

struct Proof: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Get proofs from a node, and check them without one.",
        discussion: HelpText(
            why: "A proof convinces anybody who has the genesis file: no node has to be trusted.",
            examples: [
                ("vinculum proof get --transaction 17 --output payment.proof", "prove a payment"),
                ("vinculum proof verify payment.proof --genesis genesis.dagcbor", "check it, offline"),
            ], exits: ExitStatus.ofNode + [.notFound, .notProven]
        ).text,
        subcommands: [ProofGet.self, ProofVerify.self])
}

struct ProofGet: VinculumCommand {
    static let configuration = CommandConfiguration(
        commandName: "get", abstract: "Write a proof of a value, of its absence, or of a transaction to a file.",
        discussion: HelpText(
            why: "The file holds the proof and a certified header; it stays valid for ever.",
            examples: [
                ("vinculum proof get --account main --output balance.proof", "what an account has"),
                ("vinculum proof get --path m/tokens/supply --output supply.proof", "a value of the state"),
            ], exits: ExitStatus.ofNode + [.notFound]
        ).text)

    @Option(help: "Prove an account's record.") var account: String?
    @Option(help: "Prove the value at this path of the state, or that there is none.") var path: String?
    @Option(help: "Prove a transaction, by id or slot.") var transaction: String?
    @Option(name: .customLong("output"), help: ArgumentHelp("Where the proof is written.", valueName: "file"))
    var destination: String
    @OptionGroup var node: NodeOptions
    @OptionGroup var output: OutputOptions

    func validate() throws {
        guard [account, path, transaction].compactMap({ $0 }).count == 1 else {
            throw ValidationError("give one of --account, --path and --transaction")
        }
    }

    func execute() async throws -> ExitStatus {
        let client = try node.client()
        let proof: ProofFile
        if let transaction {
            let proven = try await client.transaction(try TransactionReference(text: transaction))
            proof = .transaction(try TransactionProof.decode(proven.proof))
        } else {
            let bytes =
                try account.map { name in
                    Ledger.Account.path(try KeyStore(folder: node.folder.folder).account(name))
                } ?? Array((path ?? "").utf8)
            let proven = try await client.state(at: bytes)
            proof = .state(try CertifiedStateProof(proven))
        }
        let height = LinkedProof(proof).header.height
        let bytes = LinkedProof(proof, handovers: try await HeaderWalk.lead(to: height, of: client)).encoded()
        try DurableFile.replace(destination, with: bytes)
        output.emit(
            "proof-get", CBORMap([("file", .text(destination)), ("byte_count", .unsigned(UInt64(bytes.count)))])
        ) { _ in "\(destination): \(HumanUnits.bytes(UInt64(bytes.count)))" }
        return .ok
    }
}

struct ProofVerify: VinculumCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify", abstract: "Check a proof file against a chain's genesis, offline.",
        discussion: HelpText(
            why: "Checks the validators' signatures under the header and the path from it to the value.",
            examples: [("vinculum proof verify payment.proof --genesis genesis.dagcbor", "says what is proven")],
            limits:
                "Believes the validators of the genesis, and those to whom they have handed over since: the file "
                + "brings the headers that say so.",
            exits: [.ok, .failed, .usage, .notFound, .notProven]
        ).text)

    @Argument(help: "The proof file.") var file: String
    @Option(help: ArgumentHelp("The chain's genesis (the folder's if left out).", valueName: "file"))
    var genesis: String?
    @OptionGroup var folder: FolderOptions
    @OptionGroup var output: OutputOptions

    func execute() async throws -> ExitStatus {
        let bytes = try readBytes(file, limitBytes: 64 << 20)
        var anchor = TrustAnchor(genesis: try folder.genesis(genesis))
        let linked: LinkedProof
        do throws(CBORError) { linked = try LinkedProof.decode(bytes) } catch {
            throw CommandFailure(.notProven, "\(file) cannot be read: \(error)")
        }
        try anchor.take(linked.handovers)
        switch linked.proof {
        case .state(let state): try report(state, anchor)
        case .transaction(let transaction): try report(transaction, anchor)
        }
        return .ok
    }

    private func report(_ proof: CertifiedStateProof, _ anchor: TrustAnchor) throws {
        let answer = try proof.verify(anchor)
        let header = proof.certified.header
        var document = CBORMap([
            ("proven", .bool(true)), ("kind", .text("state")), ("chain", .text(anchor.chain.text)),
            ("height", .unsigned(header.height)), ("time_ms", .unsigned(header.timeMilliseconds)),
        ])
        let sentence: String
        switch answer {
        case .value(let value):
            document["value"] = (try? CBORValue(encoded: value)) ?? .bytes(value)
            sentence = "the value is \(JSONText.encode((try? CBORValue(encoded: value)) ?? .bytes(value)))"
        case .absent:
            document["absent"] = .bool(true)
            sentence = "there is no value"
        case .entries(let entries):
            document["entries"] = .array(entries.map { .array([.bytes($0.path), .bytes($0.value)]) })
            sentence = "there are \(entries.count) entries"
        }
        document["question"] = .text(describe(proof.proof.question))
        output.emit("proof-verify", document) { style in
            "\(style.good("proven")): at \(describe(proof.proof.question)) \(sentence)\n"
                + "as of block \(header.height), \(HumanUnits.time(milliseconds: header.timeMilliseconds)), chain "
                + anchor.chain.text
        }
    }

    private func describe(_ question: StateProof.Question) -> String {
        switch question {
        case .path(let path): "path " + Self.pathText(path)
        case .prefix(let prefix): "prefix " + Self.pathText(prefix)
        }
    }

    /// Accounts by their names, text as text, anything else in hex.
    private static func pathText(_ path: [UInt8]) -> String {
        if path.starts(with: Ledger.Account.pathPrefix),
            let account = try? AccountID(bytes: Array(path.dropFirst(Ledger.Account.pathPrefix.count)))
        {
            return "a/\(account.text)"
        }
        let isText = path.allSatisfy { (0x20...0x7e).contains($0) }
        return isText ? String(decoding: path, as: UTF8.self) : "0x" + Hex.encode(path)
    }

    private func report(_ proof: TransactionProof, _ anchor: TrustAnchor) throws {
        let (transaction, receipt) = try proof.verify(anchor)
        let header = proof.block.header
        var document = TransactionReport.document(transaction)
        document["proven"] = .bool(true)
        document["kind"] = .text("transaction")
        document["slot"] = .unsigned(proof.slot)
        document["height"] = .unsigned(header.height)
        document["time_ms"] = .unsigned(header.timeMilliseconds)
        document["result_code"] = .integer(Int64(receipt.code.rawValue))
        document["fee"] = .text("\(receipt.fee)")
        output.emit("proof-verify", document) { style in
            let result =
                receipt.isSuccess ? "and was done" : "and failed with \(TransactionResult.name(receipt.code.rawValue))"
            return "\(style.good("proven")): the transaction is in slot \(proof.slot), block \(header.height), "
                + "\(HumanUnits.time(milliseconds: header.timeMilliseconds)), \(result)\n"
                + TransactionReport.text(transaction, style)
        }
    }
}
