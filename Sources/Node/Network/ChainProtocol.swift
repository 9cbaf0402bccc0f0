import Ledger
import PeerNetwork
import Primitives

/// What nodes of one chain say to one another: DAG-CBOR, a stream for each question.
///
/// - `status/1`: both sides say where their chain stands.
/// - `blocks/1`: a range of heights, answered with the blocks in order, a message each, as many as there are.
/// - `headers/1`: a range of heights, answered with the certified headers in order, a message each, and the validators
///   where they change.
/// - `snapshots/1`: what snapshots there are, their manifests, and chunks of the state by their roots (see
///   `SnapshotServer`).
/// - `objects/1`: pieces of objects by their ids (see `ObjectExchange`).
/// - `consensus/1`: the engine's messages, between validators (see `ConsensusLane`).
/// - topics `blocks/1` and `transactions/1`: new blocks with their certificates, and batches of transactions.
///
/// Names hold the chain, so that nodes of different chains have nothing to say to one another.
struct ChainProtocol: Sendable {
    let network: String

    init(chain: CID) { network = String(chain.digest.hex.prefix(16)) }

    var status: String { "/vinculum/\(network)/status/1" }
    var blocks: String { "/vinculum/\(network)/blocks/1" }
    var headers: String { "/vinculum/\(network)/headers/1" }
    var snapshots: String { "/vinculum/\(network)/snapshots/1" }
    var consensus: String { "/vinculum/\(network)/consensus/1" }
    var objects: String { "/vinculum/\(network)/objects/1" }
    var blockTopic: String { "/vinculum/\(network)/blocks/1" }
    var transactionTopic: String { "/vinculum/\(network)/transactions/1" }

    /// Blocks in one answer, and the bytes after which it ends.
    static let blocksPerRequest: UInt64 = 64
    static let bytesPerAnswer = 8 << 20
    /// Above the largest block that the genesis parameters of today allow (2 MiB), with its header and certificate.
    static let blockByteLimit = 3 << 20
    static let requestByteLimit = 256
    /// A block, votes of 150 validators and what an engine adds.
    static let consensusByteLimit = blockByteLimit
    /// Headers in one answer; a header with a certificate of 150 signatures and the validators' keys is below the
    /// limit.
    static let headersPerRequest = 512
    static let headerByteLimit = 64 << 10
    /// Transactions in one batch, and their bytes.
    static let batchCount = 512
    static let batchBytes = 256 << 10
    static let timeout: Duration = .seconds(20)
}

/// Where a node's chain stands.
struct ChainStatus: Hashable, Sendable, CBORCodable {
    var height: UInt64
    var headerID: Digest
    /// The first block that the node can give; 0 when it has all.
    var firstKeptHeight: UInt64

    init(height: UInt64, headerID: Digest, firstKeptHeight: UInt64) {
        self.height = height
        self.headerID = headerID
        self.firstKeptHeight = firstKeptHeight
    }

    func encode(to encoder: inout CBOREncoder) {
        encoder.array(count: 3)
        encoder.unsigned(height)
        encoder.digest(headerID)
        encoder.unsigned(firstKeptHeight)
    }

    init(from decoder: inout CBORDecoder) throws(CBORError) {
        try decoder.array(count: 3)
        height = try decoder.unsigned()
        headerID = try decoder.digest()
        firstKeptHeight = try decoder.unsigned()
    }
}

/// Asks for a part of something that is in order: blocks by their heights, an object's bytes by their offsets.
struct RangeRequest: Hashable, Sendable, CBORCodable {
    var first: UInt64
    var count: UInt64

    init(first: UInt64, count: UInt64) {
        self.first = first
        self.count = count
    }

    func encode(to encoder: inout CBOREncoder) {
        encoder.array(count: 2)
        encoder.unsigned(first)
        encoder.unsigned(count)
    }

    init(from decoder: inout CBORDecoder) throws(CBORError) {
        try decoder.array(count: 2)
        first = try decoder.unsigned()
        count = try decoder.unsigned()
    }
}

/// Transactions that travel together. The number tells a batch that is sent again from the first time: gossip passes on
/// the same bytes once.
struct TransactionBatch: Hashable, Sendable, CBORCodable {
    var number: UInt64
    var transactions: [[UInt8]]

    init(number: UInt64, transactions: [[UInt8]]) {
        self.number = number
        self.transactions = transactions
    }

    func encode(to encoder: inout CBOREncoder) {
        encoder.array(count: 2)
        encoder.unsigned(number)
        encoder.array(count: transactions.count)
        for transaction in transactions { encoder.bytes(transaction) }
    }

    init(from decoder: inout CBORDecoder) throws(CBORError) {
        try decoder.array(count: 2)
        number = try decoder.unsigned()
        let count = try decoder.array()
        guard count > 0, count <= ChainProtocol.batchCount else { throw decoder.invalid("a batch of \(count)") }
        var transactions: [[UInt8]] = []
        for _ in 0..<count { transactions.append(try decoder.bytes()) }
        self.transactions = transactions
    }
}
