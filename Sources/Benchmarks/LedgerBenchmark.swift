import Glibc
import Ledger
import Primitives
import Storage
import Tokens

/// How close the ledger comes to what the machine's signature checks allow, what it writes, and how fast it starts
/// again. Ratios, since machines differ.
struct LedgerBenchmark {
    var accountCount = 1_000_000
    var transactionCount = 200_000
    var blockSize = 2_000
    /// Where the ledger's files lie while it runs: on the disk that is to be measured.
    var folder = "."

    /// Keeps the ledger's file here; nil for a file that is deleted at the end. If it is there already, only the
    /// restart is measured.
    var file: String?

    /// Blocks whose signatures are checked ahead of the one that is executed.
    private static let blocksAhead = 4

    /// On the main actor, so that the thread that executes and syncs is none of those that check signatures.
    @MainActor
    func run(_ report: Report) async throws {
        let path = file ?? "\(folder)/vinculum-bench-\(getpid()).db"
        defer { if file == nil { for suffix in ["", "-wal", "-shm", "-lock"] { unlink(path + suffix) } } }
        guard let key = SecretKey(seed: Digest.blake2b256(Array("bench".utf8)).bytes) else {
            throw Refusal(.malformed, "no key")
        }
        let senders = (0..<min(accountCount, 20_000)).compactMap { number in
            SecretKey(seed: Digest.blake2b256(signedBytes(kind: "bench-key", body: UInt64(number))).bytes)
        }
        let genesis = try BenchNode.genesis(
            accounts: accountCount, key: key, senders: senders.map { AccountID($0.publicKey) })
        var root: Digest?
        if access(path, F_OK) != 0 {
            root = try await transfer(senders: senders, genesis: genesis, key: key, path: path, report)
        }
        try restart(genesis: genesis, path: path, expecting: root, report)
    }

    /// Runs all transfers through a node and returns the state's last root.
    @MainActor
    private func transfer(
        senders: [SecretKey], genesis: Genesis, key: SecretKey, path: String, _ report: Report
    ) async throws -> Digest {
        var start = now()
        let encoded = transfers(of: senders, chain: genesis.chain)
        report.note(
            "prepared \(transactionCount) transfers of \(encoded[0].count) bytes in \(rounded(now() - start)) s")
        start = now()
        var node = try BenchNode(genesis: genesis, key: key, path: path)
        report.note("genesis of \(accountCount) accounts, and its snapshot: \(rounded(now() - start)) s")

        // Before and after: what others do to the machine meanwhile changes.
        let before = try await signatureChecksAlone(encoded)
        // Arriving encoded: verified ahead on all cores while the block before is executed and synced.
        let writtenBefore = writtenBytes()
        let processorBefore = processorSeconds()
        start = now()
        let parts = stride(from: 0, to: encoded.count, by: blockSize).map {
            Array(encoded[$0..<min($0 + blockSize, encoded.count)])
        }
        var ahead: [Task<[Result<VerifiedTransaction, Refusal>], Never>] = []
        for index in parts.indices {
            while ahead.count < Self.blocksAhead, index + ahead.count < parts.count {
                ahead.append(
                    Task.detached { [part = parts[index + ahead.count]] in await TransactionVerifier.verify(part) })
            }
            try node.submit(await ahead.removeFirst().value.compactMap { try? $0.get() })
        }
        let elapsed = now() - start
        let processorEach = (processorSeconds() - processorBefore) / Double(transactionCount)
        try node.archive.database.checkpoint()
        let written = Double(writtenBytes() - writtenBefore) / Double(transactionCount)
        let after = try await signatureChecksAlone(encoded)
        if let refusal = node.firstRefusal {
            report.note("\(node.rejected) transfers were refused, the first with: \(refusal)")
        }
        let rate = Double(node.committed) / elapsed
        let checkRate = (before.rate + after.rate) / 2
        let checkSeconds = (before.processorSeconds + after.processorSeconds) / 2
        report.add(
            "durable signed transfers, \(counted(accountCount)) accounts, blocks of \(counted(blockSize))",
            "\(counted(rate)) /s", "signature checks alone on all cores: \(counted(checkRate)) /s",
            ratio: rate / checkRate, target: .atLeast(0.6))
        report.add(
            "the same by processor time, whatever else the machine does", "\(significant(processorEach * 1e6)) us each",
            "signature check alone: \(significant(checkSeconds * 1e6)) us",
            ratio: checkSeconds / processorEach, target: .atLeast(0.6))
        report.add("fdatasync of 4 KiB, median", "\(rounded(syncMedian(folder: folder), 3)) ms")
        report.add(
            "written per transfer, checkpoints and snapshots counted", "\(counted(written)) B", "limit: 1,500 B",
            ratio: written / 1_500, target: .atMost(1))
        return node.kernel.committedState().store.root()
    }

    /// Starts again: newest snapshot, and the change sets after it.
    private func restart(genesis: Genesis, path: String, expecting root: Digest?, _ report: Report) throws {
        let processorBefore = processorSeconds()
        let start = now()
        let archive = try LedgerArchive.open(path: path, chain: genesis.chain)
        guard let restored = try archive.restore(genesis: genesis, rules: BenchNode.rules) else { return }
        let seconds = now() - start
        let processor = processorSeconds() - processorBefore
        let height = restored.head.height
        report.note(
            "restarted at height \(height) from the snapshot at \(restored.snapshotHeight), "
                + "\(rounded(processor)) s of processor time")
        if let root, restored.state.store.root() != root { report.note("THE ROOTS DIFFER after the restart") }
        report.add(
            "restart, \(counted(restored.state.store.count)) entries and \(counted(Int(height))) blocks, "
                + "\(counted(Int(height - restored.snapshotHeight))) of them after the snapshot",
            "\(rounded(seconds)) s", "limit: 5 s", ratio: seconds / 5, target: .atMost(1))
    }

    private func transfers(of senders: [SecretKey], chain: CID) -> [[UInt8]] {
        var random = SeededRandom(state: 1)
        var encoded: [[UInt8]] = []
        encoded.reserveCapacity(transactionCount)
        for number in 0..<transactionCount {
            let sender = senders[number % senders.count]
            let receiver = Int.random(in: senders.count..<max(accountCount, senders.count + 1), using: &random)
            let transfer = Transfer(
                to: BenchNode.account(receiver), amount: Amount(baseUnits: 1_000 + UInt128(number)))
            let body = TransactionBody(
                chain: chain, account: AccountID(sender.publicKey), sequence: UInt64(number / senders.count),
                validUntilHeight: 1_000_000, feeLimit: Amount(baseUnits: 1_000_000_000_000_000), module: "tokens",
                call: ActionCall("transfer", transfer))
            encoded.append(Transaction(body, signedBy: [sender]).encoded)
        }
        return encoded
    }

    /// Signatures a second that libsodium checks on all cores when nothing else is done, and processor time of each.
    private func signatureChecksAlone(_ encoded: [[UInt8]]) async throws -> (rate: Double, processorSeconds: Double) {
        // Enough for a second or two of both cores.
        let decoded = try encoded.prefix(50_000).map { try Transaction(decoding: $0) }
        let messages = decoded.map(\.signedMessage)
        let processorBefore = processorSeconds()
        let start = now()
        let good = Double(max(1, await verifyAlone(decoded, messages)))
        let elapsed = now() - start
        return (good / elapsed, (processorSeconds() - processorBefore) / good)
    }
}
