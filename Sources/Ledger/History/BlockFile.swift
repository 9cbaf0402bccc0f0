import Primitives

/// A block as it is exported: the certified header and the encoded transactions, in order. It proves itself to whoever
/// has the genesis.
public struct ExportedBlock: Hashable, Sendable, CBORCodable {
    public let certified: CertifiedHeader
    public let transactions: [[UInt8]]
    /// The set to which the header hands over; nil where the same validators go on.
    public let newValidators: ValidatorSet?

    public init(certified: CertifiedHeader, transactions: [[UInt8]], newValidators: ValidatorSet? = nil) {
        self.certified = certified
        self.transactions = transactions
        self.newValidators = newValidators
    }

    public func encode(to encoder: inout CBOREncoder) {
        encoder.array(count: newValidators == nil ? 2 : 3)
        encoder.value(certified)
        encoder.array(count: transactions.count)
        for transaction in transactions { encoder.bytes(transaction) }
        if let newValidators { encoder.value(newValidators) }
    }

    public init(from decoder: inout CBORDecoder) throws(CBORError) {
        let items = try decoder.array()
        guard items == 2 || items == 3 else { throw decoder.invalid("a block has two or three items") }
        certified = try decoder.value()
        let count = try decoder.array()
        var transactions: [[UInt8]] = []
        for _ in 0..<count { transactions.append(try decoder.bytes()) }
        self.transactions = transactions
        newValidators = items == 3 ? try decoder.value() : nil
        // Others than those that the header names are a lie that nothing else would find.
        if let newValidators {
            guard newValidators.digest == certified.header.nextValidatorSetDigest,
                certified.header.nextValidatorSetDigest != certified.header.validatorSetDigest
            else { throw decoder.invalid("validators that the header does not hand over to") }
        }
    }
}

/// What `ledger export` writes: a sequence of DAG-CBOR items (RFC 8742), so that it can be written and read block by
/// block. First `[format, chain, first height]`, then the blocks in the order of their heights.
public enum BlockFile {
    public static let format = "vinculum-blocks/1"

    /// The first item of a file.
    ///
    /// - Parameter handovers: those below the first block: a fourth item where there are any.
    public static func head(chain: CID, first: UInt64, handovers: [Handover] = []) -> [UInt8] {
        var encoder = CBOREncoder()
        encoder.array(count: handovers.isEmpty ? 3 : 4)
        encoder.text(format)
        encoder.link(chain)
        encoder.unsigned(first)
        if !handovers.isEmpty { encoder.list(handovers) }
        return encoder.finish()
    }

    /// Reads a file block by block; `body` gets each, and what it throws ends the walk.
    ///
    /// - Parameter lead: gets the handovers below the first block, before any block.
    /// - Throws: `TrustError` with `malformed` for bytes that are no such file, `wrongChain` for another chain's.
    public static func read(
        _ bytes: [UInt8], chain: CID, lead: ([Handover]) throws(TrustError) -> Void = { (_) throws(TrustError) in },
        _ body: (ExportedBlock) throws(TrustError) -> Void
    ) throws(TrustError) {
        var failure: TrustError?
        do throws(CBORError) {
            try CBORDecoder.read(bytes) { (decoder) throws(CBORError) in
                let items = try decoder.array()
                guard items == 3 || items == 4 else { throw decoder.invalid("a head of \(items) items") }
                guard try decoder.text() == format else { throw decoder.invalid("not a \(format) file") }
                let found = try decoder.link()
                guard found == chain else {
                    failure = TrustError(.wrongChain, "the file is of chain \(found), not \(chain)")
                    throw decoder.invalid("another chain")
                }
                var height = try decoder.unsigned()
                let handovers: [Handover] =
                    items == 4 ? try decoder.list(maximum: LinkedProof.handoverLimit) : []
                guard items == 3 || !handovers.isEmpty else { throw decoder.invalid("no handovers are left out") }
                do throws(TrustError) { try lead(handovers) } catch {
                    failure = error
                    throw decoder.invalid("handovers that do not hold")
                }
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

    /// Believes the validators of later heights, for blocks that do not begin with the first.
    public mutating func take(_ handovers: [Handover]) throws(TrustError) { try headers.take(handovers) }

    public mutating func verify(_ block: ExportedBlock) throws(TrustError) {
        let header = block.certified.header
        let previous = headers.previous
        try headers.verify(block.certified, newValidators: block.newValidators)
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
    private var anchor: TrustAnchor
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

    /// Believes the validators of later heights, for headers that do not begin with the first.
    public mutating func take(_ handovers: [Handover]) throws(TrustError) { try anchor.take(handovers) }

    /// - Parameter newValidators: those to whom the header hands over, where they are others.
    public mutating func verify(
        _ certified: CertifiedHeader, newValidators: ValidatorSet? = nil
    ) throws(TrustError) {
        let header = certified.header
        try anchor.verify(certified)
        if let newValidators {
            try anchor.take(Handover(certified: certified, validators: newValidators))
        }
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
