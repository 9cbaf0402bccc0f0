import ArgumentParser
import Ledger
import Node
import NodeAPI
import Primitives

struct LedgerCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ledger", abstract: "Read blocks and events, and verify the chain.",
        discussion: HelpText(
            why: "Everything that the node did is in the ledger.",
            examples: [("vinculum ledger events --follow --module federation", "watch jobs as they run")],
            exits: ExitStatus.ofNode + [.notFound, .notProven]
        ).text,
        subcommands: [LedgerHead.self, LedgerBlock.self, LedgerEvents.self, LedgerVerify.self, LedgerExport.self])
}

/// How a header is shown.
enum HeaderReport {
    static func document(_ certified: Node.CertifiedHeader) throws -> (map: CBORMap, header: Header) {
        let header = try Header.decode(certified.header)
        let certificate = try Certificate.decode(certified.certificate)
        let map = CBORMap([
            ("chain", .text(header.chain.text)), ("height", .unsigned(header.height)), ("id", .text(header.id.hex)),
            ("parent", .text(header.parent.hex)), ("time_ms", .unsigned(header.timeMilliseconds)),
            ("proposer", .text(AccountID(header.proposer).text)), ("engine", .text(header.engine)),
            ("rules_version", .unsigned(UInt64(header.rulesVersion))), ("state_root", .text(header.stateRoot.hex)),
            ("transactions_root", .text(header.transactionsRoot.hex)),
            ("receipts_root", .text(header.receiptsRoot.hex)), ("history_root", .text(header.historyRoot.hex)),
            ("history_size", .unsigned(header.historySize)),
            ("checkpoint", Checkpoint(height: header.height, headerID: header.id).map { .text("\($0)") } ?? .null),
            ("signers", .array(certificate.signatures.map { .text(AccountID($0.key).text) })),
        ])
        return (map, header)
    }

    static func emit(_ certified: Node.CertifiedHeader, _ output: OutputOptions) throws {
        let (map, header) = try document(certified)
        output.emit("block", map) { style in
            var facts = FactList()
            facts.add("height", "\(header.height)")
            facts.add("id", header.id.hex)
            facts.add("checkpoint", "\(header.height):\(header.id.hex)")
            facts.add("parent", header.parent.hex)
            facts.add("time", HumanUnits.time(milliseconds: header.timeMilliseconds))
            facts.add("proposer", AccountID(header.proposer).text)
            facts.add("state root", header.stateRoot.hex)
            facts.add("history", "\(header.historySize) transactions, root \(header.historyRoot.hex)")
            facts.add("engine", "\(header.engine), rules \(header.rulesVersion)")
            return facts.text(style)
        }
    }
}

struct LedgerHead: VinculumCommand {
    static let configuration = CommandConfiguration(
        commandName: "head", abstract: "Show the last block.",
        discussion: HelpText(
            why: "The header that proofs are made against, and the checkpoint that a new node can begin from "
                + "(network.checkpoint).",
            examples: [("vinculum ledger head", "the last block")],
            exits: ExitStatus.ofNode + [.notFound]
        ).text)

    @OptionGroup var node: NodeOptions
    @OptionGroup var output: OutputOptions

    func execute() async throws -> ExitStatus {
        let client = try node.client()
        let height = try await client.status().height
        guard let certified = try await client.headers(from: height, limit: 1).first, height > 0 else {
            throw CommandFailure(.notFound, "the chain has no block yet", hint: "a first transaction makes one")
        }
        try HeaderReport.emit(certified, output)
        return .ok
    }
}

struct LedgerBlock: VinculumCommand {
    static let configuration = CommandConfiguration(
        commandName: "block", abstract: "Show the block at a height.",
        discussion: HelpText(
            why: "Headers are signed by the validators; `vinculum ledger verify` checks them.",
            examples: [("vinculum ledger block 12", "block 12")],
            exits: ExitStatus.ofNode + [.notFound]
        ).text)

    @Argument(help: "The height, from 1.") var height: UInt64
    @OptionGroup var node: NodeOptions
    @OptionGroup var output: OutputOptions

    func execute() async throws -> ExitStatus {
        let found = try await node.client().headers(from: height, limit: 1).first
        guard let found, found.height == height else {
            throw CommandFailure(.notFound, "there is no block \(height)")
        }
        try HeaderReport.emit(found, output)
        return .ok
    }
}

struct LedgerEvents: VinculumCommand {
    static let configuration = CommandConfiguration(
        commandName: "events", abstract: "List events, or follow them as they come.",
        discussion: HelpText(
            why: "Each event has a cursor; --after CURSOR goes on where a reader stopped, also after a restart.",
            examples: [
                ("vinculum ledger events --account main", "what concerned an account"),
                ("vinculum ledger events --follow --json", "one JSON document a line"),
            ], exits: ExitStatus.ofNode + [.notFound]
        ).text)

    @Option(help: "Only this module's.") var module: String?
    @Option(help: "Only this kind.") var kind: String?
    @Option(help: "Only those that name this account (an account, or a key of the folder).") var account: String?
    @Option(help: "Only those at paths that begin so.") var prefix: String?
    @Option(help: "Begin after this cursor.") var after: String = "0"
    @Option(help: "At most so many (without --follow).") var limit = 100
    @Flag(help: "Wait for further events until interrupted.") var follow = false
    @OptionGroup var node: NodeOptions
    @OptionGroup var output: OutputOptions

    func execute() async throws -> ExitStatus {
        guard let cursor = EventCursor(text: after) else {
            throw ValidationError("--after takes a cursor, not '\(after)'")
        }
        guard (1...100_000).contains(limit) else { throw ValidationError("--limit takes 1 to 100000") }
        let client = try node.client()
        let filter = EventFilter(
            module: module, kind: kind,
            account: try account.map { name in try KeyStore(folder: node.folder.folder).account(name) },
            pathPrefix: prefix.map { Array($0.utf8) })
        var query = EventQuery(after: cursor, filter: filter, wait: follow ? .seconds(20) : .zero)
        var left = limit
        while true {
            query.limit = follow ? 500 : min(left, 500)
            let page = try await client.events(query)
            for event in page.events { show(event) }
            left -= page.events.count
            if !follow, left <= 0 || page.events.isEmpty || page.next == query.after { return .ok }
            query.after = page.next
        }
    }

    private func show(_ event: EventRecord) {
        var document = event.wire.map ?? CBORMap()
        if let payload = try? CBORValue(encoded: event.payload) { document["payload"] = payload }
        output.emitLine("event", .map(document)) { style in
            let payload = (try? CBORValue(encoded: event.payload)).map { JSONText.encode($0) } ?? ""
            return "\(event.cursor)  block \(event.height)  \(style.bold("\(event.module).\(event.kind)"))  \(payload)"
        }
    }
}
