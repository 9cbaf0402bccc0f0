import CSQLite
import Glibc

/// One handle of SQLite with its prepared statements. Used from one thread at a time.
final class Connection {
    enum Access {
        case readWrite, readOnly
    }

    /// SQLITE_IOERR_FSYNC and SQLITE_IOERR_DIR_FSYNC, macros that Swift does not import.
    private static let syncFailed = [SQLITE_IOERR | (4 << 8), SQLITE_IOERR | (5 << 8)]

    /// Whether a sync failed, for whatever reason: the system may have dropped what it could not write, and would say
    /// so only once.
    static func isFailedSync(_ error: StorageError) -> Bool {
        switch error {
        case .sqlite(let code, _, _), .diskFull(let code, _, _): syncFailed.contains(code)
        default: false
        }
    }

    let handle: OpaquePointer
    let path: String
    private var statements: [String: Statement] = [:]
    /// Set when a sync or an undo failed: what is on disk is unknown until the file is opened again.
    private(set) var mustReopen = false

    init(path: String, access: Access) throws(StorageError) {
        var opened: OpaquePointer?
        let flags =
            access == .readOnly
            ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE
        // NOMUTEX: a handle stays on one thread, so SQLite needs no lock of its own around each call.
        let code = sqlite3_open_v2(path, &opened, flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, nil)
        guard let opened else { throw .sqlite(code: code, text: "out of memory", during: "opening \(path)") }
        handle = opened
        self.path = path
        guard code == SQLITE_OK else { throw failure(code, during: "opening \(path)") }
        sqlite3_busy_timeout(handle, 10_000)
    }

    deinit {
        statements.removeAll()
        sqlite3_close_v2(handle)
    }

    /// Turns a result code into the typed error, with SQLite's text.
    func failure(_ code: Int32, during action: String) -> StorageError {
        let text = String(cString: sqlite3_errmsg(handle))
        let systemError = sqlite3_system_errno(handle)
        switch code & 0xff {
        case SQLITE_FULL: return .diskFull(code: code, text: text, during: action)
        case SQLITE_IOERR where systemError == ENOSPC || systemError == EDQUOT:
            return .diskFull(code: code, text: text, during: action)
        case SQLITE_NOTADB:
            return .notALedger(path: String(cString: sqlite3_db_filename(handle, "main")), detail: text)
        case SQLITE_CORRUPT: return .damaged(text)
        default: return .sqlite(code: code, text: text, during: action)
        }
    }

    /// The prepared statement for this text, compiled once a handle.
    func statement(_ sql: String) throws(StorageError) -> Statement {
        if let known = statements[sql] { return known }
        let made = try Statement(sql, connection: self)
        statements[sql] = made
        return made
    }

    /// Runs statements that take no values and whose rows do not matter.
    func execute(_ sql: String) throws(StorageError) {
        let code = sqlite3_exec(handle, sql, nil, nil, nil)
        guard code == SQLITE_OK else { throw failure(code, during: sql) }
    }

    func run(_ sql: String, _ values: Value...) throws(StorageError) {
        try statement(sql).rows(values[...]) { _ throws(StorageError) in true }
    }

    /// The first row's answer, or nil when there is no row.
    func first<Answer>(
        _ sql: String, _ values: Value..., read: (Row) throws(StorageError) -> Answer
    ) throws(StorageError) -> Answer? {
        var answer: Answer?
        try statement(sql).rows(values[...]) { row throws(StorageError) in
            answer = try read(row)
            return false
        }
        return answer
    }

    func all<Answer>(
        _ sql: String, _ values: Value..., read: (Row) throws(StorageError) -> Answer
    ) throws(StorageError) -> [Answer] {
        var answers: [Answer] = []
        try statement(sql).rows(values[...]) { row throws(StorageError) in
            answers.append(try read(row))
            return true
        }
        return answers
    }

    /// Calls `body` for each row until it answers false. The same text must not be run again inside `body`.
    func each(
        _ sql: String, _ values: Value..., body: (Row) throws(StorageError) -> Bool
    ) throws(StorageError) {
        try statement(sql).rows(values[...], body)
    }

    /// Everything that `body` reads is of one moment, whatever the writer does meanwhile. Inside a transaction it is so
    /// anyway.
    func reading<Answer>(_ body: () throws(StorageError) -> Answer) throws(StorageError) -> Answer {
        guard sqlite3_get_autocommit(handle) != 0 else { return try body() }
        try run("BEGIN")
        do throws(StorageError) {
            let answer = try body()
            try run("COMMIT")
            return answer
        } catch {
            if sqlite3_get_autocommit(handle) == 0 { try run("ROLLBACK") }
            throw error
        }
    }

    /// Everything that `body` writes becomes visible and durable together, or not at all.
    func transaction<Answer>(_ body: () throws(StorageError) -> Answer) throws(StorageError) -> Answer {
        if mustReopen { throw .mustReopen }
        try run("BEGIN IMMEDIATE")
        do throws(StorageError) {
            let answer = try body()
            try run("COMMIT")
            return answer
        } catch {
            if Self.isFailedSync(error) { mustReopen = true }
            // SQLite undoes by itself after some errors; a second undo would then fail for no reason.
            if sqlite3_get_autocommit(handle) == 0 {
                do throws(StorageError) { try run("ROLLBACK") } catch { mustReopen = true }
            }
            throw error
        }
    }
}
