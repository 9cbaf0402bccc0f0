/// The block that a database begins with when it was made from a snapshot: its header and certificate are there, and
/// nothing of it or before it is.
public struct BaseBlock: Equatable, Sendable {
    public var height: UInt64
    public var timeMilliseconds: UInt64
    /// The slot of the next block's first transaction.
    public var nextSlot: UInt64
    /// The sequence number of the next event.
    public var nextSequence: UInt64
    public var header: [UInt8]
    public var certificate: [UInt8]

    public init(
        height: UInt64, timeMilliseconds: UInt64, nextSlot: UInt64, nextSequence: UInt64, header: [UInt8],
        certificate: [UInt8]
    ) {
        self.height = height
        self.timeMilliseconds = timeMilliseconds
        self.nextSlot = nextSlot
        self.nextSequence = nextSequence
        self.header = header
        self.certificate = certificate
    }

    /// A chain has neither more transactions nor more events than this: numbers of others are refused above it.
    public static let numberLimit: UInt64 = 1 << 52
}

extension LedgerReader {
    /// The height that the database begins with; 0 where it has the chain from the genesis on. Of the base the header
    /// is here, of later blocks everything that is not pruned.
    public func baseHeight() throws(StorageError) -> UInt64 { try metaNumber("base_height") ?? 0 }

    /// The slot of the first transaction that can be here.
    public func firstSlot() throws(StorageError) -> UInt64 {
        try connection.first("SELECT first_slot FROM blocks ORDER BY height LIMIT 1") {
            (row) throws(StorageError) in row.unsigned(0)
        } ?? 0
    }

    /// Copies the database as it is at this moment to a new file, which is whole and synced when this returns. The
    /// writer goes on meanwhile, and readers too; what is written after the start is not in the copy.
    public func copy(to path: String) throws(StorageError) {
        do {
            let target = try Connection(path: path, access: .readWrite)
            try FileOpening.backUp(connection, to: target)
            // Without a write-ahead log the file stands alone.
            try target.execute("PRAGMA journal_mode = DELETE")
        }
        try FileOpening.sync(path)
    }
}

extension LedgerDatabase {
    /// Makes a database without blocks begin at one: all or nothing.
    ///
    /// - Parameter hashes: what the history needs to go on from there.
    public func begin(at base: BaseBlock, hashes: [HashRun]) throws(StorageError) {
        guard try lastHeight() == nil else { throw .outOfRange("a database with blocks begins where it began") }
        guard base.height > 0, base.height < UInt64(Int64.max), base.timeMilliseconds <= UInt64(Int64.max),
            base.nextSlot <= BaseBlock.numberLimit, (1...BaseBlock.numberLimit).contains(base.nextSequence)
        else { throw .outOfRange("base \(base.height), slot \(base.nextSlot), event \(base.nextSequence)") }
        let summary = BlockSummary(
            height: base.height, timeMilliseconds: base.timeMilliseconds, firstSlot: base.nextSlot,
            transactionCount: 0, firstSequence: base.nextSequence, eventCount: 0, header: base.header,
            certificate: base.certificate)
        try connection.transaction { () throws(StorageError) in
            try insert(summary)
            for run in hashes { try insert(run) }
            try setMeta("base_height", base.height)
            try setMeta("first_kept_height", base.height + 1)
            try setMeta("first_kept_sequence", base.nextSequence)
            try setMeta("pending_height", base.height + 1)
        }
        tail = nil
    }

    /// Takes `begin` back in a database that has no other block; snapshots stay.
    public func forgetBase() throws(StorageError) {
        guard let last = try lastHeight() else { return }
        guard last == (try baseHeight()) else { throw .outOfRange("blocks follow the base already") }
        try connection.transaction { () throws(StorageError) in
            try connection.run("DELETE FROM blocks")
            try connection.run("DELETE FROM hashes")
            try connection.run(
                "DELETE FROM meta WHERE name IN "
                    + "('base_height', 'first_kept_height', 'first_kept_sequence', 'pending_height')")
        }
        tail = nil
    }

    /// Writes everything into the one file, synced, so that it can be renamed. The last call before the database is
    /// closed.
    public func finishForMove() throws(StorageError) {
        try checkpoint()
        try connection.execute("PRAGMA journal_mode = DELETE")
        try FileOpening.sync(path)
    }
}
