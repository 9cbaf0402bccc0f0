import Primitives

/// A transaction all of whose signatures were checked. Only verification makes one, so that execution never has to.
public struct VerifiedTransaction: Hashable, Sendable {
    public let transaction: Transaction
    /// The keys that signed.
    public let signers: [PublicKey]

    public var id: Digest { transaction.id }
    public var body: TransactionBody { transaction.body }
    public var byteCount: Int { transaction.encoded.count }

    /// Checks every signature (about 48 us each); one bad signature refuses the whole.
    public init(verifying transaction: Transaction) throws(Refusal) {
        let message = transaction.signedMessage
        for entry in transaction.signatures where !entry.key.isValid(entry.signature, for: message) {
            throw Refusal(.badSignature, "the signature of \(entry.key) is not over this transaction")
        }
        self.transaction = transaction
        signers = transaction.signatures.map(\.key)
    }

    /// Decodes and checks; the limit of size comes first, before anything is read.
    public init(decoding bytes: [UInt8], byteLimit: Int) throws(Refusal) {
        guard bytes.count <= byteLimit else {
            throw Refusal(.tooLarge, "\(bytes.count) bytes; the limit is \(byteLimit)")
        }
        try self.init(verifying: try Transaction(decoding: bytes))
    }
}

/// Checks signatures on all cores, ahead of the kernel.
public enum TransactionVerifier {
    /// Transactions of one task; smaller groups lose more to scheduling than they win.
    public static let groupSize = 32

    /// Decodes and checks each; the results are in the order of `encoded`. Runs on the cooperative pool: nothing
    /// blocks.
    public static func verify(
        _ encoded: [[UInt8]], byteLimit: Int = 64 << 10
    ) async -> [Result<VerifiedTransaction, Refusal>] {
        guard encoded.count > groupSize else { return verify(encoded[...], byteLimit) }
        return await withTaskGroup(of: (Int, [Result<VerifiedTransaction, Refusal>]).self) { group in
            for start in stride(from: 0, to: encoded.count, by: groupSize) {
                let part = encoded[start..<min(start + groupSize, encoded.count)]
                group.addTask { (start / groupSize, verify(part, byteLimit)) }
            }
            var parts = [[Result<VerifiedTransaction, Refusal>]](
                repeating: [], count: (encoded.count + groupSize - 1) / groupSize)
            for await (index, results) in group { parts[index] = results }
            return parts.flatMap { $0 }
        }
    }

    private static func verify(
        _ part: ArraySlice<[UInt8]>, _ byteLimit: Int
    ) -> [Result<VerifiedTransaction, Refusal>] {
        part.map { bytes in
            do throws(Refusal) {
                return .success(try VerifiedTransaction(decoding: bytes, byteLimit: byteLimit))
            } catch {
                return .failure(error)
            }
        }
    }
}
