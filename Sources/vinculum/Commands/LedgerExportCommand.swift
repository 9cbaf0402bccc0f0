import ArgumentParser
import Glibc
import Ledger
import Node
import NodeAPI
import Primitives

struct LedgerExport: VinculumCommand {
    static let configuration = CommandConfiguration(
        commandName: "export", abstract: "Write blocks to a file that anyone can check against the genesis.",
        discussion: HelpText(
            why: "An archive of headers, certificates and transactions that needs no node, nor trust in its maker.",
            examples: [
                ("vinculum ledger export --output chain.blocks", "all blocks"),
                ("vinculum ledger export --from 100 --to 200 > part.blocks", "a part, to standard output"),
                ("vinculum ledger verify chain.blocks --genesis genesis.dagcbor", "check it, offline"),
            ],
            limits: "Blocks whose transactions the node has pruned cannot be exported.",
            exits: ExitStatus.ofNode + [.notFound, .notProven]
        ).text)

    @Option(help: "The first height.") var from: UInt64 = 1
    @Option(help: "The last height (the chain's if left out).") var to: UInt64?
    @Option(
        name: .customLong("output"),
        help: ArgumentHelp("Where the blocks are written (standard output if left out).", valueName: "file"))
    var destination: String?
    @OptionGroup var node: NodeOptions
    @OptionGroup var output: OutputOptions

    func validate() throws {
        guard from >= 1 else { throw ValidationError("--from takes a height from 1") }
        if let to, to < from { throw ValidationError("--to \(to) is below --from \(from)") }
        guard destination != nil || !output.json else {
            throw ValidationError("--json describes the file: give --output")
        }
    }

    func execute() async throws -> ExitStatus {
        let client = try node.client()
        let status = try await client.status()
        guard status.height > 0 else {
            throw CommandFailure(.notFound, "the chain has no block yet", hint: "a first transaction makes one")
        }
        let last = to ?? status.height
        guard from <= last, last <= status.height else {
            throw CommandFailure(
                .notFound, "the node has blocks 1 to \(status.height), not \(from) to \(last)",
                hint: "wait for the block: vinculum wait --height \(last)")
        }
        guard from >= status.firstKeptHeight else {
            throw CommandFailure(
                .notFound,
                "the node keeps blocks from \(status.firstKeptHeight) on: it has pruned the earlier ones, or "
                    + "began with a snapshot",
                hint: "begin with --from \(status.firstKeptHeight), or ask a node that keeps all")
        }
        let chain = try node.folder.signingChain().of(status)
        let writer = try BlockWriter(destination)
        let lead = try await HeaderWalk.lead(to: from, of: client)
        try writer.write(BlockFile.head(chain: chain, first: from, handovers: lead))
        var bar = ProgressBar("blocks", total: Int(clamping: last - from + 1), output: output)
        var slot = from == 1 ? 0 : try await header(from - 1, client).header.historySize
        let first = slot
        // Where the folder has the genesis, a file that would not verify is not written.
        var verifier = try node.folder.ownGenesis().map { BlockSequenceVerifier(genesis: $0) }
        try verifier?.take(lead)
        var blocks: UInt64 = 0
        try await HeaderWalk.forEach(from: from, through: last, of: client) { served in
            var transactions: [[UInt8]] = []
            while slot < served.certified.header.historySize {
                transactions.append(try await client.transaction(.slot(slot)).envelope)
                slot += 1
            }
            let block = ExportedBlock(
                certified: served.certified, transactions: transactions, newValidators: served.newValidators)
            try verifier?.verify(block)
            try writer.write(block.encoded())
            blocks += 1
            bar.update(Int(clamping: blocks))
        }
        bar.finish()
        let byteCount = try writer.finish()
        guard let destination else { return .ok }
        output.emit(
            "ledger-export",
            CBORMap([
                ("file", .text(destination)), ("first", .unsigned(from)), ("blocks", .unsigned(blocks)),
                ("transactions", .unsigned(slot - first)), ("byte_count", .unsigned(byteCount)),
            ])
        ) { _ in
            "\(destination): \(blocks) blocks, \(slot - first) transactions, \(HumanUnits.bytes(byteCount))"
        }
        return .ok
    }

    private func header(_ height: UInt64, _ client: NodeClient) async throws -> Ledger.CertifiedHeader {
        guard let found = try await client.headers(from: height, limit: 1).first, found.height == height else {
            throw CommandFailure(.notFound, "there is no block \(height)")
        }
        return try Ledger.CertifiedHeader(found)
    }
}

/// Writes a file beside its name and renames it when it is whole, or standard output as it comes.
private final class BlockWriter {
    private let destination: String?
    private let descriptor: Int32
    private var byteCount: UInt64 = 0
    private var isWhole = false

    private var partial: String { "\(destination ?? "").partial" }

    init(_ destination: String?) throws(FileError) {
        self.destination = destination
        let partial = "\(destination ?? "").partial"
        descriptor = destination == nil ? 1 : open(partial, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw FileError(operation: "open", path: partial, code: errno) }
    }

    deinit {
        guard destination != nil, descriptor >= 0 else { return }
        close(descriptor)
        if !isWhole { unlink(partial) }
    }

    func write(_ bytes: [UInt8]) throws(FileError) {
        var done = 0
        while done < bytes.count {
            let count = bytes.withUnsafeBytes {
                Glibc.write(descriptor, $0.baseAddress?.advanced(by: done), bytes.count - done)
            }
            guard count > 0 || errno == EINTR else {
                throw FileError(operation: "write", path: destination ?? "standard output", code: errno)
            }
            done += max(0, count)
        }
        byteCount += UInt64(bytes.count)
    }

    /// Returns how many bytes were written.
    func finish() throws(FileError) -> UInt64 {
        guard let destination else { return byteCount }
        guard fsync(descriptor) == 0 else { throw FileError(operation: "sync", path: partial, code: errno) }
        guard rename(partial, destination) == 0 else {
            throw FileError(operation: "rename", path: partial, code: errno)
        }
        isWhole = true
        return byteCount
    }
}
