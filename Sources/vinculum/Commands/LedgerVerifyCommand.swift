import ArgumentParser
import Ledger
import Node
import NodeAPI
import Primitives

struct LedgerVerify: VinculumCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "Check the headers that a node serves, or a file of blocks, against the genesis.",
        discussion: HelpText(
            why: "Checks each certificate, that heights and parents follow one another, and that time goes forward. "
                + "Of a file also the transactions, their signatures and the history, without a node.",
            examples: [
                ("vinculum ledger verify --genesis genesis.dagcbor", "trust the genesis, not the node"),
                ("vinculum ledger verify chain.blocks --genesis genesis.dagcbor", "check an export, offline"),
            ],
            limits: "States and receipts are not recomputed.",
            exits: ExitStatus.ofNode + [.notFound, .notProven]
        ).text)

    @Argument(help: "A file that `vinculum ledger export` wrote; the node's headers if left out.") var file: String?
    @Option(help: ArgumentHelp("The chain's genesis (the folder's if left out).", valueName: "file"))
    var genesis: String?
    @OptionGroup var node: NodeOptions
    @OptionGroup var output: OutputOptions

    func execute() async throws -> ExitStatus {
        let genesis = try node.folder.genesis(genesis)
        if let file { return try verify(file, genesis) }
        let client = try node.client()
        let status = try await client.status()
        var bar = ProgressBar("headers", total: Int(clamping: status.height), output: output)
        var verifier = HeaderSequenceVerifier(genesis: genesis)
        let first = max(1, status.firstKeptHeight)
        try verifier.take(try await HeaderWalk.lead(to: first, of: client))
        try await HeaderWalk.forEach(from: first, through: status.height, of: client) { served in
            try verifier.verify(served.certified, newValidators: served.newValidators)
            if verifier.count.isMultiple(of: 500) { bar.update(Int(clamping: verifier.count)) }
        }
        bar.finish()
        let count = verifier.count
        output.emit(
            "ledger-verify",
            CBORMap([
                ("proven", .bool(true)), ("chain", .text(genesis.chain.text)), ("first", .unsigned(first)),
                ("headers", .unsigned(count)),
            ])
        ) { style in "\(style.good("proven")): \(count) headers from \(first) on, chain \(genesis.chain.text)" }
        return .ok
    }

    private func verify(_ file: String, _ genesis: Genesis) throws -> ExitStatus {
        var verifier = BlockSequenceVerifier(genesis: genesis)
        let bytes = try readBytes(file, limitBytes: 1 << 32)
        var first: UInt64 = 0
        do throws(TrustError) {
            try BlockFile.read(
                bytes, chain: genesis.chain,
                lead: { (handovers) throws(TrustError) in try verifier.take(handovers) }
            ) { (block) throws(TrustError) in
                try verifier.verify(block)
                if verifier.blockCount == 1 { first = block.certified.header.height }
            }
        } catch {
            throw CommandFailure(.notProven, "\(file): \(error)")
        }
        let (blocks, transactions) = (verifier.blockCount, verifier.transactionCount)
        output.emit(
            "ledger-verify",
            CBORMap([
                ("proven", .bool(true)), ("chain", .text(genesis.chain.text)), ("first", .unsigned(first)),
                ("headers", .unsigned(blocks)), ("transactions", .unsigned(transactions)),
            ])
        ) { style in
            "\(style.good("proven")): \(blocks) blocks from \(first) on with \(transactions) transactions, chain "
                + genesis.chain.text
        }
        return .ok
    }
}
