import CSQLite
import Glibc

/// Opening, creating, checking and migrating a database file.
enum FileOpening {
    /// A lock that the writer holds for as long as it lives: two nodes on one file are refused, not merged.
    final class Lock {
        private let descriptor: Int32

        init(path: String) throws(StorageError) {
            descriptor = Glibc.open("\(path)-lock", O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
            guard descriptor >= 0 else { throw .system(errno: errno, during: "opening \(path)-lock") }
            guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else { throw .inUse(path: path) }
        }

        deinit { if descriptor >= 0 { close(descriptor) } }
    }

    /// Opens for writing: makes the tables of a new file, migrates an older one, refuses a foreign or newer one.
    static func writer(
        path: String, chain: [UInt8], settings: StorageSettings, schema: Schema
    ) throws(StorageError) -> Connection {
        unlinkAll(migrationCopy(path))
        var connection = try Connection(path: path, access: .readWrite)
        if try isEmpty(connection, path: path) {
            try create(connection, chain: chain, settings: settings, schema: schema)
        } else {
            let found = try version(connection, path: path, supported: schema.version)
            try checkChain(connection, chain)
            if found < schema.version {
                try migrate(connection, path: path, from: found, to: schema)
                connection = try Connection(path: path, access: .readWrite)
            }
        }
        try configure(connection, settings)
        return connection
    }

    static func reader(path: String, schema: Schema) throws(StorageError) -> Connection {
        let connection = try Connection(path: path, access: .readOnly)
        if try isEmpty(connection, path: path) { throw .notALedger(path: path, detail: "it is empty") }
        let found = try version(connection, path: path, supported: schema.version)
        guard found == schema.version else { throw .noMigration(found: found, supported: schema.version) }
        return connection
    }

    static func number(_ connection: Connection, _ pragma: String) throws(StorageError) -> Int64 {
        try connection.first("PRAGMA \(pragma)") { (row) throws(StorageError) in row.integer(0) } ?? 0
    }

    private static func isEmpty(_ connection: Connection, path: String) throws(StorageError) -> Bool {
        let tables = try connection.first("SELECT count(*) FROM sqlite_schema") { (row) throws(StorageError) in
            row.integer(0)
        }
        return tables == 0
    }

    private static func version(
        _ connection: Connection, path: String, supported: Int
    ) throws(StorageError) -> Int {
        guard try number(connection, "application_id") == Schema.applicationID else {
            throw .notALedger(path: path, detail: "its application id is another program's")
        }
        let found = Int(try number(connection, "user_version"))
        guard found <= supported else { throw .newerSchema(found: found, supported: supported) }
        return found
    }

    private static func checkChain(_ connection: Connection, _ expected: [UInt8]) throws(StorageError) {
        let found =
            try connection.first("SELECT value FROM meta WHERE name = 'chain'") { (row) throws(StorageError) in
                row.bytes(0)
            } ?? []
        guard found == expected else { throw .otherChain(found: found, expected: expected) }
    }

    private static func create(
        _ connection: Connection, chain: [UInt8], settings: StorageSettings, schema: Schema
    ) throws(StorageError) {
        try connection.execute("PRAGMA page_size = \(settings.pageSize)")
        try connection.execute("PRAGMA journal_mode = WAL")
        // The marks are part of the transaction: after a crash the file is either empty or whole.
        try connection.transaction { () throws(StorageError) in
            try connection.execute(schema.create)
            try connection.execute("PRAGMA application_id = \(Schema.applicationID)")
            try connection.execute("PRAGMA user_version = \(schema.version)")
            try connection.run("INSERT INTO meta VALUES('chain', ?)", .blob(chain))
        }
    }

    private static func configure(_ connection: Connection, _ settings: StorageSettings) throws(StorageError) {
        try connection.execute("PRAGMA journal_mode = WAL")
        try connection.execute("PRAGMA synchronous = \(settings.durability.pragma)")
        try connection.execute("PRAGMA wal_autocheckpoint = \(settings.checkpointPages)")
        // A log that a long read made large shrinks again at the next checkpoint.
        try connection.execute("PRAGMA journal_size_limit = \(settings.checkpointPages * settings.pageSize * 2)")
        try connection.execute("PRAGMA cache_size = -\(settings.cacheKibibytes)")
        try connection.execute("PRAGMA cell_size_check = ON")
        try connection.execute("PRAGMA trusted_schema = OFF")
    }

    // MARK: Migration

    private static func migrationCopy(_ path: String) -> String { "\(path).migrating" }

    private static func unlinkAll(_ path: String) {
        for suffix in ["", "-wal", "-shm", "-journal"] { unlink(path + suffix) }
    }

    /// Migrates a copy and renames it over the file, so that a crash leaves the old file or the new one.
    private static func migrate(
        _ original: Connection, path: String, from found: Int, to schema: Schema
    ) throws(StorageError) {
        // Without its write-ahead log the file stands alone: no stale log can be read into its successor.
        try original.execute("PRAGMA journal_mode = DELETE")
        let copyPath = migrationCopy(path)
        do {
            let copy = try Connection(path: copyPath, access: .readWrite)
            try backUp(original, to: copy)
            try copy.execute("PRAGMA synchronous = FULL")
            try copy.transaction { () throws(StorageError) in
                for version in found..<schema.version {
                    guard let statements = schema.migrations[version] else {
                        throw .noMigration(found: found, supported: schema.version)
                    }
                    try copy.execute(statements)
                }
                try copy.execute("PRAGMA user_version = \(schema.version)")
            }
            try Integrity.structure(copy)
        }
        try sync(copyPath, flags: O_RDWR)
        guard rename(copyPath, path) == 0 else { throw .system(errno: errno, during: "renaming \(copyPath)") }
        let folder = path.lastIndex(of: "/").map { String(path[...$0]) } ?? "."
        try sync(folder, flags: O_RDONLY | O_DIRECTORY)
    }

    /// Copies all pages in one read of the source: its writer goes on, since readers of a write-ahead log hold nobody
    /// up.
    static func backUp(_ source: Connection, to target: Connection) throws(StorageError) {
        guard let backup = sqlite3_backup_init(target.handle, "main", source.handle, "main") else {
            throw target.failure(sqlite3_extended_errcode(target.handle), during: "starting the copy")
        }
        sqlite3_backup_step(backup, -1)
        let code = sqlite3_backup_finish(backup)
        guard code == SQLITE_OK else { throw target.failure(code, during: "copying the database") }
    }

    static func sync(_ path: String) throws(StorageError) { try sync(path, flags: O_RDWR) }

    private static func sync(_ path: String, flags: Int32) throws(StorageError) {
        let descriptor = Glibc.open(path, flags | O_CLOEXEC)
        guard descriptor >= 0 else { throw .system(errno: errno, during: "opening \(path)") }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw .system(errno: errno, during: "syncing \(path)") }
    }
}
