import Primitives

/// A block as it is exported: the certified header and the encoded transactions, in order. It proves itself to whoever
/// has the genesis.
public struct ExportedBlock: Hashable, Sendable, CBORCodable {
    public let certified: CertifiedHeader
    public let transactions: [[UInt8]]

    public init(certified: CertifiedHeader, transactions: [[UInt8]]) {
        self.certified = certified
        self.transactions = transactions
    }

    public func encode(to encoder: inout CBOREncoder) {
        encoder.array(count: 2)
        encoder.value(certified)
        encoder.array(count: transactions.count)
        for transaction in transactions { encoder.bytes(transaction) }
    }

    public init(from decoder: inout CBORDecoder) throws(CBORError) {
        try decoder.array(count: 2)
        certified = try decoder.value()
        let count = try decoder.array()
        var transactions: [[UInt8]] = []
        for _ in 0..<count { transactions.append(try decoder.bytes()) }
        self.transactions = transactions
    }
}

/// What `ledger export` writes: a sequence of DAG-CBOR items (RFC 8742), so that it can be written and read block by
/// block. First `[format, chain, first height]`, then the blocks in the order of their heights.
public enum BlockFile {
    public static let format = "vinculum-blocks/1"

    /// The first item of a file.
    public static func head(chain: CID, first: UInt64) -> [UInt8] {
        var encoder = CBOREncoder()
        encoder.array(count: 3)
        encoder.text(format)
        encoder.link(chain)
        encoder.unsigned(first)
        return encoder.finish()
    }

    /// Reads a file block by block; `body` gets each, and what it throws ends the walk.
    ///
    /// - Throws: `TrustError` with `malformed` for bytes that are no such file, `wrongChain` for another chain's.
    public static func read(
        _ bytes: [UInt8], chain: CID, _ body: (ExportedBlock) throws(TrustError) -> Void
    ) throws(TrustError) {
        var failure: TrustError?
        do throws(CBORError) {
            try CBORDecoder.read(bytes) { (decoder) throws(CBORError) in
                try decoder.array(count: 3)
                guard try decoder.text() == format else { throw decoder.invalid("not a \(format) file") }
                let found = try decoder.link()
                guard found == chain else {
                    failure = TrustError(.wrongChain, "the file is of chain \(found), not \(chain)")
                    throw decoder.invalid("another chain")
                }
                var height = try decoder.unsigned()
                while !decoder.isAtEnd {
                    let block = try ExportedBlock(from: &decoder)
                    guard block.certified.header.height == height else {
                        throw decoder.invalid("block \(block.certified.header.height) where \(height) was expected")
                    }
                    do throws(TrustError) { try body(block) } catch {
                        failure = error
                        throw decoder.invalid("a block that does not hold")
                    }
                    height += 1
                }
            }
        } catch {
            throw failure ?? TrustError(.malformed, error.description)
        }
    }
}

/// Checks exported blocks one after another, offline: each certificate, that heights, parents and times follow one
/// another, that the transactions are those of the header, each with good signatures, and that the history grows by
/// them. From the first block of the chain on, the history root itself; receipts and states are not recomputed.
public struct BlockSequenceVerifier {
    private var headers: HeaderSequenceVerifier
    /// Nil when the file begins later than the chain.
    private var history: TransactionHistory?
    public private(set) var blockCount: UInt64 = 0
    public private(set) var transactionCount: UInt64 = 0

    public init(genesis: Genesis) {
        headers = HeaderSequenceVerifier(genesis: genesis)
        history = TransactionHistory()
    }

    /// The chain whose blocks are believed.
    public var chain: CID { headers.chain }

    public mutating func verify(_ block: ExportedBlock) throws(TrustError) {
        let header = block.certified.header
        let previous = headers.previous
        try headers.verify(block.certified)
        if previous == nil, header.height > 1 { history = nil }
        var leaves: [Digest] = []
        for (index, encoded) in block.transactions.enumerated() {
            let transaction: Transaction
            do {
                transaction = try VerifiedTransaction(verifying: try Transaction(decoding: encoded)).transaction
            } catch {
                throw TrustError(.malformed, "transaction \(index) of block \(header.height): \(error.detail)")
            }
            guard transaction.body.chain == chain else {
                throw TrustError(.wrongChain, "transaction \(index) of block \(header.height) is of another chain")
            }
            leaves.append(BLAKE2bMerkleHash.leaf(transaction.id))
            history?.append(transaction.id)
        }
        guard HistoryVector.root(leafDigests: leaves) == header.transactionsRoot else {
            throw TrustError(.wrongHistory, "the transactions are not those of block \(header.height)")
        }
        let before = previous?.historySize ?? (header.height == 1 ? 0 : nil)
        guard before.map({ $0 + UInt64(leaves.count) == header.historySize }) ?? true else {
            throw TrustError(.wrongHistory, "block \(header.height) does not add its transactions to the history")
        }
        if let history, history.root() != header.historyRoot {
            throw TrustError(.wrongHistory, "the history up to block \(header.height) has another root")
        }
        // The digests for proofs are not wanted here.
        _ = history?.takeNewHashes()
        blockCount += 1
        transactionCount += UInt64(leaves.count)
    }
}

/// Checks headers one after another, offline: each certificate, and that heights, parents and times follow one another,
/// from the genesis on where the first is block 1.
public struct HeaderSequenceVerifier {
    private let anchor: TrustAnchor
    private let start: ChainHead
    /// The last header that held.
    public private(set) var previous: Header?
    public private(set) var count: UInt64 = 0

    public init(genesis: Genesis) {
        anchor = TrustAnchor(genesis: genesis)
        start = ChainHead(genesis: genesis)
    }

    /// The chain whose headers are believed.
    public var chain: CID { anchor.chain }

    public mutating func verify(_ certified: CertifiedHeader) throws(TrustError) {
        let header = certified.header
        try anchor.verify(certified)
        if let previous {
            guard
                header.height == previous.height + 1, header.parent == previous.id,
                header.timeMilliseconds > previous.timeMilliseconds
            else {
                throw TrustError(.malformed, "block \(header.height) does not follow block \(previous.height)")
            }
        } else if header.height <= 1 {
            guard
                header.height == 1, header.parent == start.headerID, header.timeMilliseconds > start.timeMilliseconds
            else { throw TrustError(.malformed, "block \(header.height) does not follow the genesis") }
        }
        previous = header
        count += 1
    }
}
