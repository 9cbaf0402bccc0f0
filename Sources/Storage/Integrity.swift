/// Checks of a whole file, for `doctor` and after a migration.
enum Integrity {
    /// SQLite's own check of pages, order and constraints.
    static func structure(_ connection: Connection) throws(StorageError) {
        let finding = try connection.first("PRAGMA quick_check(1)") { (row) throws(StorageError) in row.text(0) }
        guard finding == "ok" else { throw .damaged(finding ?? "no answer") }
    }
}

extension LedgerReader {
    /// Reads every block, body and event and compares checksums. Takes as long as reading the file.
    public func checkIntegrity() throws(StorageError) {
        try Integrity.structure(connection)
        guard let last = try lastHeight() else { return }
        let kept = try firstKeptHeight()
        let heights = try connection.all("SELECT height FROM blocks ORDER BY height") {
            (row) throws(StorageError) in row.unsigned(0)
        }
        for height in heights {
            _ = try summary(height: height)
            if height >= kept { _ = try body(height: height) }
        }
        guard let first = heights.first, UInt64(heights.count) == last - first + 1 else {
            throw .damaged("heights are missing")
        }
        var cursor = max(try metaNumber("first_kept_sequence") ?? 1, 1) - 1
        let end = try lastSequence()
        while cursor < end {
            let page = try events(after: cursor)
            guard page.next > cursor else { throw .damaged("events are missing after \(cursor)") }
            cursor = page.next
        }
    }
}
