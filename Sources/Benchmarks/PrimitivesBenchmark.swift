import CSodium
import Glibc
import Ledger
import Primitives
import Tokens

/// Signatures, digests and decoding against the libraries and costs below them; the state tree against its budget.
struct PrimitivesBenchmark {
    var keyCount = 1_000_000

    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    func run(_ report: Report) async throws {
        let transaction = try transfer()
        try await signatures(of: transaction, report)
        digests(report)
        try decoding(transaction, report)
        try StateTreeBenchmark(keyCount: keyCount).run(report)
    }

    private func transfer() throws -> Transaction {
        guard let key = SecretKey(seed: Digest.blake2b256(Array("bench".utf8)).bytes) else {
            throw Failure(description: "libsodium makes no key")
        }
        let call = ActionCall(
            "transfer", Transfer(to: BenchNode.account(7), amount: Amount(baseUnits: 1_000_000_000_000_000_000)))
        let body = TransactionBody(
            chain: .of(dagCBOR: Array("bench".utf8)), account: AccountID(key.publicKey), sequence: 12_345,
            validUntilHeight: 1_000_000, feeLimit: Amount(baseUnits: 1_000_000_000_000_000), module: "tokens",
            call: call)
        return Transaction(body, signedBy: [key])
    }

    // MARK: Signatures

    private func signatures(of transaction: Transaction, _ report: Report) async throws {
        let signed = transaction.signatures[0]
        let message = transaction.signedMessage
        let signature = signed.signature.bytes
        let key = signed.key.bytes
        var bad = 0
        // In turns, so that a processor that others slow down slows both.
        var alone = Double.infinity
        var ours = Double.infinity
        for _ in 0..<12 {
            let library = leastTime(repeats: 1, calls: 200) {
                if crypto_sign_verify_detached(signature, message, UInt64(message.count), key) != 0 { bad += 1 }
            }
            let typed = leastTime(repeats: 1, calls: 200) {
                if !signed.key.isValid(signed.signature, for: message) { bad += 1 }
            }
            alone = min(alone, library)
            ours = min(ours, typed)
        }
        guard bad == 0 else { throw Failure(description: "\(bad) signatures were refused") }
        report.add(
            "Ed25519 verification, one core", "\(counted(1 / ours)) /s", "libsodium alone: \(counted(1 / alone)) /s",
            ratio: alone / ours, target: .atLeast(0.95))

        // What splitting the work over cores costs: processor time, because other programs take wall time.
        let count = 16_384
        let transactions = Array(repeating: transaction, count: count)
        let messages = Array(repeating: message, count: count)
        let cores = Double(sysconf(Int32(_SC_NPROCESSORS_ONLN)))
        var best = 0.0
        for _ in 0..<3 {
            let start = processorSeconds()
            guard await verifyAlone(transactions, messages) == count else {
                throw Failure(description: "signatures were refused")
            }
            best = max(best, cores * Double(count) / (processorSeconds() - start))
        }
        report.add(
            "Ed25519 verification, all cores, by processor time", "\(counted(best)) /s",
            "libsodium alone on one core, times \(Int(cores)): \(counted(cores / alone)) /s",
            ratio: best * alone / cores, target: .atLeast(0.9))
    }

    // MARK: Digests

    private func digests(_ report: Report) {
        var output = [UInt8](repeating: 0, count: 32)
        let short = [UInt8](repeating: 7, count: 64)
        var kept: UInt8 = 0
        let aloneShort = leastTime(calls: 100_000) { _ = crypto_generichash(&output, 32, short, 64, nil, 0) }
        let oursShort = leastTime(calls: 100_000) { kept ^= Digest.blake2b256(short).withUnsafeBytes { $0[0] } }
        report.add(
            "BLAKE2b-256 of 64 B", "\(counted(1 / oursShort)) /s", "libsodium alone: \(counted(1 / aloneShort)) /s",
            ratio: aloneShort / oursShort, target: .atLeast(0.9))
        let long = [UInt8](repeating: 7, count: 1 << 20)
        let aloneLong = leastTime(calls: 20) { _ = crypto_generichash(&output, 32, long, UInt64(long.count), nil, 0) }
        let oursLong = leastTime(calls: 20) { kept ^= Digest.blake2b256(long).withUnsafeBytes { $0[0] } }
        report.add(
            "BLAKE2b-256 of 1 MiB", "\(rounded(Double(long.count) / oursLong / 1e9)) GB/s",
            "libsodium alone: \(rounded(Double(long.count) / aloneLong / 1e9)) GB/s", ratio: aloneLong / oursLong,
            target: .atLeast(0.95))
        if kept == 1, output[0] == 1 { report.note("digests were computed") }
    }

    // MARK: Decoding

    private func decoding(_ transaction: Transaction, _ report: Report) throws {
        let encoded = transaction.encoded
        var encoder = CBOREncoder(capacity: 320)
        encoder.value(transaction.body)
        let body = encoder.finish()
        var bad = 0
        let typed = leastTime(calls: 20_000) { if (try? TransactionBody.decode(body)) == nil { bad += 1 } }
        let generic = leastTime(calls: 20_000) { if (try? CBORValue.decode(body)) == nil { bad += 1 } }
        let whole = leastTime(calls: 20_000) { if (try? Transaction(decoding: encoded)) == nil { bad += 1 } }
        let signed = transaction.signatures[0]
        let message = transaction.signedMessage
        let check = leastTime(calls: 200) { if !signed.key.isValid(signed.signature, for: message) { bad += 1 } }
        guard bad == 0 else { throw Failure(description: "a transfer was refused") }
        report.add(
            "decoding the body of a transfer (\(body.count) B), typed", "\(significant(typed * 1e6)) us",
            "trials: 0.14 us; into a generic tree: \(significant(generic * 1e6)) us", ratio: typed / 0.14e-6)
        report.add(
            "decoding a signed transfer (\(encoded.count) B), with its identifier", "\(significant(whole * 1e6)) us",
            "check of its signature: \(significant(check * 1e6)) us", ratio: whole / check, target: .atMost(0.05))
    }
}
