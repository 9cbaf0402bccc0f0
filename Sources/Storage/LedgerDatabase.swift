/// A read handle of a ledger's database. Several may be open beside the writer, in any process; each sees a
/// consistent state for every call. Not `Sendable`: a handle stays on one thread at a time.
///
/// Every call throws `StorageError`.
public class LedgerReader {
    let connection: Connection

    init(connection: Connection) {
        self.connection = connection
    }

    /// Opens an existing database for reading.
    public static func open(path: String) throws(StorageError) -> LedgerReader {
        LedgerReader(connection: try FileOpening.reader(path: path, schema: .current))
    }

    /// The file, for handles on other threads.
    public var path: String { connection.path }

    /// The chain that the file belongs to, as it was given when the file was made.
    public func chain() throws(StorageError) -> [UInt8] {
        try connection.first("SELECT value FROM meta WHERE name = 'chain'") { (row) throws(StorageError) in
            row.bytes(0)
        } ?? []
    }

    func metaNumber(_ name: String) throws(StorageError) -> UInt64? {
        try connection.first("SELECT value FROM meta WHERE name = ?", .text(name)) { (row) throws(StorageError) in
            row.unsigned(0)
        }
    }
}

/// The one writer of a ledger's database (SQLite, write-ahead log). A second writer, in this process or another, is
/// refused with `.inUse`. Used from one thread at a time; calls block for as long as the disk takes.
///
/// Appending a block is one SQLite transaction. Nothing is updated in place for each account or transaction: one
/// random update in a large table writes a page twice (8 KiB), the appended rows of a 250-byte transfer about 1 KiB.
public final class LedgerDatabase: LedgerReader {
    // Held for its deinit.
    private let lock: FileOpening.Lock
    let durability: Durability
    /// Where the next block goes; nil until first used, and after a failed write.
    var tail: Tail?

    private init(connection: Connection, lock: FileOpening.Lock, durability: Durability) {
        self.lock = lock
        self.durability = durability
        super.init(connection: connection)
    }

    /// Opens the database, or makes it for `chain` when there is no file.
    ///
    /// - Parameter chain: the chain id; a file of another chain is refused with `.otherChain`.
    public static func open(
        path: String, chain: [UInt8], durability: Durability = .full
    ) throws(StorageError) -> LedgerDatabase {
        try open(path: path, chain: chain, settings: StorageSettings(durability: durability), schema: .current)
    }

    static func open(
        path: String, chain: [UInt8], settings: StorageSettings, schema: Schema
    ) throws(StorageError) -> LedgerDatabase {
        let lock = try FileOpening.Lock(path: path)
        let connection = try FileOpening.writer(path: path, chain: chain, settings: settings, schema: schema)
        return LedgerDatabase(connection: connection, lock: lock, durability: settings.durability)
    }

    /// Runs `body` as one transaction; what it wrote is on disk when this returns, whatever the durability.
    func syncedTransaction<Answer>(_ body: () throws(StorageError) -> Answer) throws(StorageError) -> Answer {
        guard durability == .normal else { return try connection.transaction(body) }
        try connection.execute("PRAGMA synchronous = FULL")
        do throws(StorageError) {
            let answer = try connection.transaction(body)
            try connection.execute("PRAGMA synchronous = NORMAL")
            return answer
        } catch {
            try connection.execute("PRAGMA synchronous = NORMAL")
            throw error
        }
    }

    /// Copies the write-ahead log into the file. Happens by itself as the log grows; worth a call before a copy of
    /// the file is taken, or when the node is idle.
    public func checkpoint() throws(StorageError) {
        try connection.run("PRAGMA wal_checkpoint(TRUNCATE)")
    }
}
