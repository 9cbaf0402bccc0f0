import CSQLite

/// A value bound to a statement. Blobs are borrowed while the statement runs, never copied.
enum Value {
    case null
    case integer(Int64)
    case text(String)
    case blob([UInt8])

    /// For look-ups: a number that SQLite cannot hold is never found, and clamping keeps it so.
    static func key(_ number: UInt64) -> Value { .integer(Int64(clamping: number)) }
}

/// A prepared statement; owned by its connection's cache and used on its thread.
final class Statement {
    private let pointer: OpaquePointer
    // Unowned: the connection owns its statements and drops them before it closes.
    private unowned let connection: Connection
    private let sql: String

    init(_ sql: String, connection: Connection) throws(StorageError) {
        var prepared: OpaquePointer?
        let code = sqlite3_prepare_v3(
            connection.handle, sql, -1, UInt32(SQLITE_PREPARE_PERSISTENT), &prepared, nil)
        guard code == SQLITE_OK, let prepared else { throw connection.failure(code, during: sql) }
        pointer = prepared
        self.connection = connection
        self.sql = sql
    }

    deinit { sqlite3_finalize(pointer) }

    /// Binds the values, then calls `body` for each row until it answers false or the rows end.
    func rows(
        _ values: ArraySlice<Value>, _ body: (Row) throws(StorageError) -> Bool
    ) throws(StorageError) {
        guard let value = values.first else { return try step(body) }
        let index = Int32(values.startIndex + 1)
        let rest = values.dropFirst()
        switch value {
        case .null: try check(sqlite3_bind_null(pointer, index))
        case .integer(let number): try check(sqlite3_bind_int64(pointer, index, number))
        // A nil destructor says that the bytes stay where they are until the statement is reset, which `step` does
        // before this closure ends.
        case .text(let text):
            try Array(text.utf8).withUnsafeBufferPointer { (bytes) throws(StorageError) in
                let start = UnsafeRawPointer(bytes.baseAddress)?.assumingMemoryBound(to: CChar.self)
                try check(sqlite3_bind_text64(pointer, index, start, UInt64(bytes.count), nil, UInt8(SQLITE_UTF8)))
                try rows(rest, body)
            }
            return
        case .blob(let blob):
            try blob.withUnsafeBufferPointer { (bytes) throws(StorageError) in
                let code =
                    bytes.isEmpty
                    ? sqlite3_bind_zeroblob(pointer, index, 0)
                    : sqlite3_bind_blob64(pointer, index, bytes.baseAddress, UInt64(bytes.count), nil)
                try check(code)
                try rows(rest, body)
            }
            return
        }
        try rows(rest, body)
    }

    private func step(_ body: (Row) throws(StorageError) -> Bool) throws(StorageError) {
        // Reset lets go of the bound bytes and of the read snapshot. Its result repeats the one of the last step.
        defer {
            sqlite3_reset(pointer)
            sqlite3_clear_bindings(pointer)
        }
        while true {
            let code = sqlite3_step(pointer)
            if code == SQLITE_DONE { return }
            guard code == SQLITE_ROW else { throw connection.failure(code, during: sql) }
            guard try body(Row(pointer: pointer)) else { return }
        }
    }

    private func check(_ code: Int32) throws(StorageError) {
        guard code == SQLITE_OK else { throw connection.failure(code, during: sql) }
    }
}

/// The current row of a running statement; valid only inside the closure that received it.
struct Row {
    let pointer: OpaquePointer

    func integer(_ column: Int32) -> Int64 { sqlite3_column_int64(pointer, column) }

    /// Every number that we store is not negative; damage reads as zero and fails the row's checksum.
    func unsigned(_ column: Int32) -> UInt64 { UInt64(clamping: integer(column)) }

    func isNull(_ column: Int32) -> Bool { sqlite3_column_type(pointer, column) == SQLITE_NULL }

    /// Borrowed: valid until the next step.
    func borrowed(_ column: Int32) -> UnsafeRawBufferPointer {
        let start = sqlite3_column_blob(pointer, column)
        return UnsafeRawBufferPointer(start: start, count: Int(sqlite3_column_bytes(pointer, column)))
    }

    func bytes(_ column: Int32) -> [UInt8] { [UInt8](borrowed(column)) }

    func text(_ column: Int32) -> String { String(decoding: borrowed(column), as: UTF8.self) }
}
