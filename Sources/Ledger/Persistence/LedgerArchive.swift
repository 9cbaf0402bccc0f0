import Primitives
import Storage

/// The chain on disk: blocks as rows, transactions by slot and id, events by cursor, snapshots of the state. Owned by
/// one thread, the one that runs the kernel or one that it hands blocks to.
public final class LedgerArchive {
    public let database: LedgerDatabase
    public var snapshotPolicy = SnapshotPolicy()
    /// Bytes of change sets since the last snapshot.
    var changedByteCount = 0
    var blocksSinceSnapshot = 0

    /// When a snapshot is worth its bytes.
    public struct SnapshotPolicy: Hashable, Sendable {
        /// Once the changes since the last one are this many times the state's size.
        public var stateMultiple = 2
        /// And at least so many bytes.
        public var leastByteCount = 16 << 20
        /// Or so many blocks.
        public var blockCount = 20_000
        /// Bytes of a chunk: what is written again when one of its entries has changed.
        public var chunkByteCount = 1 << 20

        public init() {}
    }

    /// The number of the history among the authenticated vectors in the database.
    static let historyTree: UInt8 = 0

    public init(_ database: LedgerDatabase) { self.database = database }

    /// Opens or makes the database of a chain.
    public static func open(
        path: String, chain: CID, durability: Durability = .full
    ) throws(LedgerArchiveError) -> LedgerArchive {
        LedgerArchive(
            try stored { () throws(StorageError) in
                try LedgerDatabase.open(path: path, chain: chain.bytes, durability: durability)
            })
    }

    // MARK: Writing

    /// Stores a decided block in one transaction. When this returns under full durability, the block survives a loss of
    /// power; when it throws, nothing of it is there.
    public func append(_ block: CommittedBlock) throws(LedgerArchiveError) {
        let changes = block.changes.encoded()
        var transactions = CBOREncoder(capacity: 64 + block.transactions.reduce(0) { $0 + $1.byteCount + 5 })
        transactions.array(count: block.transactions.count)
        for transaction in block.transactions { transactions.bytes(transaction.transaction.encoded) }
        var seal = CBOREncoder(capacity: 256)
        seal.array(count: 2)
        seal.value(block.certificate)
        seal.digest(block.beacon)
        let record = BlockRecord(
            height: block.header.height, timeMilliseconds: block.header.timeMilliseconds,
            transactionCount: UInt32(block.transactions.count), header: block.header.encoded(),
            certificate: seal.finish(), transactions: transactions.finish(),
            receipts: try encodeReceipts(block.receipts),
            changes: changes)
        let indexes = BlockIndexes(
            transactionIDs: block.transactions.map(\.id.bytes),
            events: block.receipts.flatMap { receipt in
                receipt.events.map { event in
                    NewEvent(
                        module: event.module, kind: event.kind, path: event.path, accounts: event.accounts.map(\.bytes),
                        payload: event.payload)
                }
            },
            hashes: block.historyHashes.map { run in
                HashRun(
                    tree: LedgerArchive.historyTree, level: run.level, first: run.first,
                    hashes: run.hashes.flatMap(\.bytes))
            })
        let records = ValidatorRecords.of(block)
        try stored { () throws(StorageError) in try database.append(record, indexes: indexes, with: records) }
        changedByteCount += changes.count
        blocksSinceSnapshot += 1
    }

    /// False while the policy asks for no snapshot whatever the state's size.
    public var mayWantSnapshot: Bool {
        blocksSinceSnapshot >= snapshotPolicy.blockCount || changedByteCount >= snapshotPolicy.leastByteCount
    }

    /// Whether the policy asks for a snapshot of a state of so many bytes.
    public func wantsSnapshot(stateByteCount: Int) -> Bool {
        blocksSinceSnapshot >= snapshotPolicy.blockCount
            || changedByteCount >= max(snapshotPolicy.leastByteCount, snapshotPolicy.stateMultiple * stateByteCount)
    }

    /// Stores a snapshot of the committed state at `height`; chunks that have not changed since the last are not
    /// written again. It counts once this has returned.
    public func takeSnapshot(of store: any StateStore, height: UInt64) throws(LedgerArchiveError) {
        let root = store.root()
        let chunks = store.chunks(maximumByteCount: snapshotPolicy.chunkByteCount)
        // Where the chunks begin, for whoever takes the snapshot over the network.
        let note = SnapshotStaging.note(
            chunks.map { SnapshotManifest.Chunk(root: $0.root, firstPath: $0.firstPath) })
        try stored { () throws(StorageError) in
            try database.beginSnapshot(height: height, root: root.bytes, note: note)
        }
        for (position, chunk) in chunks.enumerated() {
            let digest = chunk.root.bytes
            let isThere = try stored { () throws(StorageError) in try database.hasChunk(digest) }
            var content: [UInt8]?
            if !isThere {
                content = store.content(of: chunk)
                guard content != nil else { throw .corrupt("the state changed under its snapshot") }
            }
            try stored { () throws(StorageError) in
                try database.addChunk(height: height, position: UInt64(position), digest: digest, content: content)
            }
        }
        try stored { () throws(StorageError) in try database.finishSnapshot(height: height) }
        changedByteCount = 0
        blocksSinceSnapshot = 0
    }

    // MARK: Reading

    /// A block's header and certificate; these are never pruned. Below the block that the database begins with the
    /// answer is `storage(.pruned)`.
    public func certifiedHeader(height: UInt64) throws(LedgerArchiveError) -> CertifiedHeader {
        guard let summary = try stored({ () throws(StorageError) in try database.summary(height: height) }) else {
            let base = try stored { () throws(StorageError) in try database.baseHeight() }
            if height < base { throw .storage(.pruned(firstKeptHeight: base)) }
            throw .notFound("block \(height)")
        }
        return try LedgerArchive.certified(summary).header
    }

    static func certified(
        _ summary: BlockSummary
    ) throws(LedgerArchiveError) -> (header: CertifiedHeader, beacon: Digest) {
        let header = try decoded("header \(summary.height)") { () throws(CBORError) in
            try Header.decode(summary.header)
        }
        let (certificate, beacon) = try decoded("certificate \(summary.height)") { () throws(CBORError) in
            try CBORDecoder.read(summary.certificate) { (decoder) throws(CBORError) in
                try decoder.array(count: 2)
                return (try decoder.value(Certificate.self), try decoder.digest())
            }
        }
        guard header.height == summary.height else { throw .corrupt("header \(summary.height) says \(header.height)") }
        return (CertifiedHeader(header: header, certificate: certificate), beacon)
    }

    /// A transaction with its place and what became of it.
    public struct StoredTransaction: Sendable {
        public let slot: UInt64
        public let height: UInt64
        public let index: Int
        public let transaction: Transaction
        public let receipt: Receipt
    }

    /// The transaction in a slot: one look into an index and one row, however long the chain is. A pruned one answers
    /// `storage(.pruned)` with the first kept height.
    public func transaction(slot: UInt64) throws(LedgerArchiveError) -> StoredTransaction {
        let (summary, block) = try block(slot: slot)
        let index = Int(slot - summary.firstSlot)
        guard index < block.transactions.count, index < block.receipts.count else {
            throw .corrupt("block \(summary.height) does not have its \(index + 1)th transaction")
        }
        return StoredTransaction(
            slot: slot, height: summary.height, index: index, transaction: try open(block.transactions[index]),
            receipt: block.receipts[index])
    }

    /// The transaction of an id, or nil.
    public func transaction(id: Digest) throws(LedgerArchiveError) -> StoredTransaction? {
        let slots = try stored { () throws(StorageError) in try database.slots(transactionID: id.bytes) }
        for slot in slots {
            let found = try transaction(slot: slot)
            if found.transaction.id == id { return found }
        }
        return nil
    }

    private func open(_ encoded: [UInt8]) throws(LedgerArchiveError) -> Transaction {
        do { return try Transaction(decoding: encoded) } catch { throw .corrupt("a transaction: \(error.detail)") }
    }

    private struct StoredBlock {
        let transactions: [[UInt8]]
        let receipts: [Receipt]
    }

    private func block(slot: UInt64) throws(LedgerArchiveError) -> (BlockSummary, StoredBlock) {
        guard let summary = try stored({ () throws(StorageError) in try database.summary(slot: slot) }) else {
            if slot < (try stored { () throws(StorageError) in try database.firstSlot() }) {
                throw .storage(.pruned(firstKeptHeight: try stored(database.firstKeptHeight)))
            }
            throw .notFound("slot \(slot)")
        }
        guard let body = try stored({ () throws(StorageError) in try database.body(height: summary.height) }) else {
            throw .corrupt("block \(summary.height) has no body")
        }
        let transactions = try decoded("transactions of \(summary.height)") { () throws(CBORError) in
            try CBORDecoder.read(body.transactions) { (decoder) throws(CBORError) in
                let count = try decoder.array()
                var transactions: [[UInt8]] = []
                transactions.reserveCapacity(count)
                for _ in 0..<count { transactions.append(try decoder.bytes()) }
                return transactions
            }
        }
        let receipts = try decodeReceipts(body.receipts, height: summary.height)
        return (summary, StoredBlock(transactions: transactions, receipts: receipts))
    }

    // MARK: Proofs

    /// Proves the transaction in a slot, and its receipt, under the last certified header. Reads some hundred
    /// digests for each factor of 256 in the number of transactions, and the block.
    public func prove(
        slot: UInt64, history: TransactionHistory, head: CertifiedHeader
    ) throws(LedgerArchiveError) -> TransactionProof {
        let (summary, block) = try block(slot: slot)
        let index = Int(slot - summary.firstSlot)
        guard index < block.transactions.count, block.transactions.count <= block.receipts.count else {
            throw .corrupt("block \(summary.height) does not have its \(index + 1)th transaction")
        }
        let path: [Digest]
        do {
            path = try history.path(to: slot) { try? self.historyHashes(level: $0, first: $1, count: $2) }
        } catch {
            throw .corrupt(error.reason)
        }
        var leaves: [Digest] = []
        for (place, receipt) in block.receipts.enumerated() {
            let id = place < block.transactions.count ? try open(block.transactions[place]).id : .zero
            leaves.append(receipt.leaf(of: id))
        }
        let receiptPath: [Digest]
        do {
            receiptPath = try MerkleVectorProver<BLAKE2bMerkleHash>(leafDigests: leaves).inclusion(
                of: UInt64(index), count: UInt64(leaves.count)
            ).path
        } catch {
            throw .corrupt(error.description)
        }
        return TransactionProof(
            slot: slot, transaction: block.transactions[index], historyPath: path, certified: head,
            block: try LedgerArchive.certified(summary).header, receipt: block.receipts[index],
            receiptIndex: UInt64(index), receiptCount: UInt64(leaves.count), receiptPath: receiptPath)
    }

    func historyHashes(level: UInt8, first: UInt64, count: Int) throws(LedgerArchiveError) -> [Digest]? {
        let bytes = try stored { () throws(StorageError) in
            try database.hashes(tree: LedgerArchive.historyTree, level: level, first: first, count: count)
        }
        guard let bytes else { return nil }
        return stride(from: 0, to: bytes.count, by: Digest.byteCount).compactMap {
            Digest(bytes: bytes[$0..<$0 + Digest.byteCount])
        }
    }
}
