import Primitives

/// What the state holds, or does not, with the certified header that it is proven against.
public struct CertifiedStateProof: Hashable, Sendable, CBORCodable {
    public let certified: CertifiedHeader
    public let proof: StateProof

    public init(certified: CertifiedHeader, proof: StateProof) {
        self.certified = certified
        self.proof = proof
    }

    /// What is at the path, or below the prefix, that the proof is for. Offline.
    public func verify(_ anchor: TrustAnchor) throws(TrustError) -> StateProof.Answer {
        try anchor.verify(certified)
        do { return try proof.verify(root: certified.header.stateRoot) } catch {
            throw TrustError(.wrongStateRoot, error.description)
        }
    }

    public func encode(to encoder: inout CBOREncoder) {
        encoder.array(count: 2)
        encoder.value(certified)
        encoder.value(proof)
    }

    public init(from decoder: inout CBORDecoder) throws(CBORError) {
        try decoder.array(count: 2)
        certified = try decoder.value()
        proof = try decoder.value()
    }
}

/// That a transaction stands in a slot of the history, with its receipt, under certified headers.
public struct TransactionProof: Hashable, Sendable, CBORCodable {
    public let slot: UInt64
    /// The encoded envelope.
    public let transaction: [UInt8]
    /// From the transaction's id to the history root of `certified`.
    public let historyPath: [Digest]
    public let certified: CertifiedHeader
    /// The block that holds the transaction: its receipt is proven under its header.
    public let block: CertifiedHeader
    public let receipt: Receipt
    public let receiptIndex: UInt64
    public let receiptCount: UInt64
    public let receiptPath: [Digest]

    /// What became of the transaction. Throws unless slot, transaction and receipt belong together under headers that
    /// the anchor's validators made final. Offline.
    public func verify(_ anchor: TrustAnchor) throws(TrustError) -> (transaction: Transaction, receipt: Receipt) {
        try anchor.verify(certified)
        try anchor.verify(block)
        let transaction: Transaction
        do {
            // The id leaves signatures out: they are checked, so that a proof shows who signed.
            transaction = try VerifiedTransaction(verifying: try Transaction(decoding: self.transaction)).transaction
        } catch {
            throw TrustError(.malformed, error.detail)
        }
        do {
            try MerkleInclusionProof(index: slot, count: certified.header.historySize, path: historyPath).verify(
                leafDigest: BLAKE2bMerkleHash.leaf(transaction.id), root: certified.header.historyRoot)
        } catch {
            throw TrustError(.wrongHistory, "the transaction is not in slot \(slot)")
        }
        do {
            try MerkleInclusionProof(index: receiptIndex, count: receiptCount, path: receiptPath).verify(
                leafDigest: receipt.leaf(of: transaction.id), root: block.header.receiptsRoot)
        } catch {
            throw TrustError(.wrongHistory, "the receipt is not the transaction's in block \(block.header.height)")
        }
        guard block.header.height <= certified.header.height else {
            throw TrustError(.wrongHistory, "block \(block.header.height) is after the header of the history")
        }
        return (transaction, receipt)
    }

    public init(
        slot: UInt64, transaction: [UInt8], historyPath: [Digest], certified: CertifiedHeader, block: CertifiedHeader,
        receipt: Receipt, receiptIndex: UInt64, receiptCount: UInt64, receiptPath: [Digest]
    ) {
        self.slot = slot
        self.transaction = transaction
        self.historyPath = historyPath
        self.certified = certified
        self.block = block
        self.receipt = receipt
        self.receiptIndex = receiptIndex
        self.receiptCount = receiptCount
        self.receiptPath = receiptPath
    }

    public func encode(to encoder: inout CBOREncoder) {
        encoder.array(count: 9)
        encoder.unsigned(slot)
        encoder.bytes(transaction)
        encoder.list(historyPath)
        encoder.value(certified)
        encoder.value(block)
        encoder.value(receipt)
        encoder.unsigned(receiptIndex)
        encoder.unsigned(receiptCount)
        encoder.list(receiptPath)
    }

    public init(from decoder: inout CBORDecoder) throws(CBORError) {
        try decoder.array(count: 9)
        slot = try decoder.unsigned()
        transaction = try decoder.bytes()
        historyPath = try decoder.list(maximum: 64)
        certified = try decoder.value()
        block = try decoder.value()
        receipt = try decoder.value()
        receiptIndex = try decoder.unsigned()
        receiptCount = try decoder.unsigned()
        receiptPath = try decoder.list(maximum: 64)
        guard receiptIndex < receiptCount, receiptCount < 1 << 32 else {
            throw decoder.invalid("a place outside the receipts")
        }
    }
}
