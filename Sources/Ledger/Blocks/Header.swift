import Primitives

/// What a block is, in so few bytes that a light client keeps it: everything else is proven against one of its roots.
public struct Header: Hashable, Sendable, CBORCodable {
    public let chain: CID
    public let height: UInt64
    /// The id of the header below; of the first block: the digest in the chain id.
    public let parent: Digest
    /// Milliseconds since 1970-01-01 UTC, above the parent's.
    public let timeMilliseconds: UInt64
    public let proposer: PublicKey
    /// The proposer's RFC 9381 proof over the previous beacon and the height.
    public let beaconProof: [UInt8]
    public let rulesVersion: UInt32
    /// The id of the consensus engine that decided the block.
    public let engine: String
    public let validatorSetDigest: Digest
    public let nextValidatorSetDigest: Digest
    /// Of the state after this block.
    public let stateRoot: Digest
    /// RFC 9162 root over the ids of the block's transactions.
    public let transactionsRoot: Digest
    /// RFC 9162 root over the receipts.
    public let receiptsRoot: Digest
    /// RFC 9162 root over the ids of all transactions up to and with this block, by slot.
    public let historyRoot: Digest
    /// Transactions up to and with this block: the size of the history vector.
    public let historySize: UInt64

    /// What certificates sign and the next header names.
    public var id: Digest { .blake2b256(signedBytes(kind: "header", body: self)) }

    public func encode(to encoder: inout CBOREncoder) {
        encoder.array(count: 15)
        encoder.link(chain)
        encoder.unsigned(height)
        encoder.digest(parent)
        encoder.unsigned(timeMilliseconds)
        encoder.value(proposer)
        encoder.bytes(beaconProof)
        encoder.unsigned(rulesVersion)
        encoder.text(engine)
        for digest in [
            validatorSetDigest, nextValidatorSetDigest, stateRoot, transactionsRoot, receiptsRoot, historyRoot,
        ] {
            encoder.digest(digest)
        }
        encoder.unsigned(historySize)
    }

    public init(from decoder: inout CBORDecoder) throws(CBORError) {
        try decoder.array(count: 15)
        chain = try decoder.link()
        height = try decoder.unsigned()
        parent = try decoder.digest()
        timeMilliseconds = try decoder.unsigned()
        proposer = try decoder.value()
        beaconProof = try decoder.bytes()
        rulesVersion = try decoder.unsigned(as: UInt32.self)
        engine = try decoder.text()
        validatorSetDigest = try decoder.digest()
        nextValidatorSetDigest = try decoder.digest()
        stateRoot = try decoder.digest()
        transactionsRoot = try decoder.digest()
        receiptsRoot = try decoder.digest()
        historyRoot = try decoder.digest()
        historySize = try decoder.unsigned()
    }

    public init(
        chain: CID, height: UInt64, parent: Digest, timeMilliseconds: UInt64, proposer: PublicKey, beaconProof: [UInt8],
        rulesVersion: UInt32, engine: String, validatorSetDigest: Digest, nextValidatorSetDigest: Digest,
        stateRoot: Digest, transactionsRoot: Digest, receiptsRoot: Digest, historyRoot: Digest, historySize: UInt64
    ) {
        self.chain = chain
        self.height = height
        self.parent = parent
        self.timeMilliseconds = timeMilliseconds
        self.proposer = proposer
        self.beaconProof = beaconProof
        self.rulesVersion = rulesVersion
        self.engine = engine
        self.validatorSetDigest = validatorSetDigest
        self.nextValidatorSetDigest = nextValidatorSetDigest
        self.stateRoot = stateRoot
        self.transactionsRoot = transactionsRoot
        self.receiptsRoot = receiptsRoot
        self.historyRoot = historyRoot
        self.historySize = historySize
    }
}

/// A block as it travels: header and transactions, not decided yet.
public struct Block: Hashable, Sendable, CBORCodable {
    public let header: Header
    /// Encoded envelopes.
    public let transactions: [[UInt8]]

    public init(header: Header, transactions: [[UInt8]]) {
        self.header = header
        self.transactions = transactions
    }

    public func encode(to encoder: inout CBOREncoder) {
        encoder.array(count: 2)
        encoder.value(header)
        encoder.array(count: transactions.count)
        for transaction in transactions { encoder.bytes(transaction) }
    }

    public init(from decoder: inout CBORDecoder) throws(CBORError) {
        try decoder.array(count: 2)
        header = try decoder.value()
        let count = try decoder.array()
        var transactions: [[UInt8]] = []
        for _ in 0..<count { transactions.append(try decoder.bytes()) }
        self.transactions = transactions
    }
}
