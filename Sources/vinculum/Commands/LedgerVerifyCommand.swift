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
            limits: "For chains whose validators are those of the genesis. States and receipts are not recomputed.",
            exits: [.ok, .failed, .usage, .unreachable, .notFound, .notProven]
        ).text)

    @Argument(help: "A file that `vinculum ledger export` wrote; the node's headers if left out.") var file: String?
    @Option(help: ArgumentHelp("The chain's genesis (the folder's if left out).", valueName: "file"))
    var genesis: String?
    @OptionGroup var node: NodeOptions
    @OptionGroup var output: OutputOptions

    func execute() async throws -> ExitStatus {
        let bytes = try readBytes(try genesis ?? node.folder.configuration().genesisFile, limitBytes: 16 << 20)
        let genesis = try Genesis.decode(bytes)
        if let file { return try verify(file, genesis) }
        let client = try node.client()
        let anchor = TrustAnchor(genesis: genesis)
        let status = try await client.status()
        var bar = ProgressBar("headers", total: Int(clamping: status.height), output: output)
        var previous: Header?
        var height = max(1, status.firstKeptHeight)
        let first = height
        while height <= status.height {
            let page = try await client.headers(from: height, limit: 500)
            guard !page.isEmpty else { break }
            for encoded in page {
                let certified = Ledger.CertifiedHeader(
                    header: try Header.decode(encoded.header), certificate: try Certificate.decode(encoded.certificate))
                try anchor.verify(certified)
                let header = certified.header
                guard header.height == height else {
                    throw CommandFailure(.notProven, "block \(height) is missing; the node gave \(header.height)")
                }
                if let previous, header.parent != previous.id || header.timeMilliseconds <= previous.timeMilliseconds {
                    throw CommandFailure(.notProven, "block \(height) does not follow block \(previous.height)")
                }
                previous = header
                height += 1
            }
            bar.update(Int(clamping: height - 1))
        }
        bar.finish()
        let count = height - first
        output.emit(
            "ledger-verify",
            CBORMap([
                ("proven", .bool(true)), ("chain", .text(anchor.chain.text)), ("first", .unsigned(first)),
                ("headers", .unsigned(count)),
            ])
        ) { style in "\(style.good("proven")): \(count) headers from \(first) on, chain \(anchor.chain.text)" }
        return .ok
    }

    private func verify(_ file: String, _ genesis: Genesis) throws -> ExitStatus {
        var verifier = BlockSequenceVerifier(genesis: genesis)
        let bytes = try readBytes(file, limitBytes: 1 << 32)
        var first: UInt64 = 0
        do throws(TrustError) {
            try BlockFile.read(bytes, chain: genesis.chain) { (block) throws(TrustError) in
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
