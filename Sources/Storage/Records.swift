/// A change of a service's records; a nil content deletes.
public struct RecordChange: Sendable {
    public var key: [UInt8]
    public var content: [UInt8]?

    public init(key: [UInt8], content: [UInt8]?) {
        self.key = key
        self.content = content
    }
}

/// A change and where it is made.
public struct NamedRecord: Sendable {
    public var namespace: String
    public var change: RecordChange

    public init(namespace: String, change: RecordChange) {
        self.namespace = namespace
        self.change = change
    }
}

extension LedgerReader {
    /// A service's record, or nil.
    public func record(_ key: [UInt8], in namespace: String) throws(StorageError) -> [UInt8]? {
        try connection.first(
            "SELECT checksum, content FROM records WHERE namespace = ? AND key = ?", .text(namespace), .blob(key)
        ) { (row) throws(StorageError) in
            try Self.checkedRecord(namespace, key, checksum: row.integer(0), content: row.bytes(1))
        }
    }

    /// The records of a namespace whose keys are at least `from`, in byte order of the keys.
    public func records(
        in namespace: String, from: [UInt8] = [], limit: Int = 1_000
    ) throws(StorageError) -> [(key: [UInt8], content: [UInt8])] {
        try connection.all(
            "SELECT key, checksum, content FROM records WHERE namespace = ? AND key >= ? ORDER BY key LIMIT ?",
            .text(namespace), .blob(from), .integer(Int64(limit))
        ) { (row) throws(StorageError) in
            let key = row.bytes(0)
            let content = try Self.checkedRecord(
                namespace, key, checksum: row.integer(1), content: row.bytes(2))
            return (key, content)
        }
    }

    /// How far a named subscriber has come; 0 when it is not known.
    public func cursor(_ name: String) throws(StorageError) -> UInt64 {
        try connection.first("SELECT sequence FROM cursors WHERE name = ?", .text(name)) {
            (row) throws(StorageError) in row.unsigned(0)
        } ?? 0
    }

    static func recordChecksum(_ namespace: String, _ key: [UInt8], _ content: [UInt8]) -> Int64 {
        var checksum = Checksum()
        checksum.add(Array(namespace.utf8))
        checksum.add(key)
        checksum.add(content)
        return Int64(checksum.value)
    }

    private static func checkedRecord(
        _ namespace: String, _ key: [UInt8], checksum: Int64, content: [UInt8]
    ) throws(StorageError) -> [UInt8] {
        guard checksum == recordChecksum(namespace, key, content) else {
            throw .corruptRow(table: "records", key: UInt64(SortedRuns.key(key)))
        }
        return content
    }
}

extension LedgerDatabase {
    /// Applies all changes or none; synced when this returns.
    public func write(_ changes: [RecordChange], in namespace: String) throws(StorageError) {
        try syncedTransaction { () throws(StorageError) in try put(changes, in: namespace) }
    }

    /// Inside a transaction.
    func put(_ changes: [RecordChange], in namespace: String) throws(StorageError) {
        for change in changes {
            guard let content = change.content else {
                try connection.run(
                    "DELETE FROM records WHERE namespace = ? AND key = ?", .text(namespace), .blob(change.key))
                continue
            }
            try connection.run(
                "INSERT OR REPLACE INTO records VALUES(?, ?, ?, ?)", .text(namespace), .blob(change.key),
                .integer(Self.recordChecksum(namespace, change.key, content)), .blob(content))
        }
    }

    /// Remembers how far a subscriber has come; synced when this returns. A cursor may move back, to see events again.
    public func setCursor(_ name: String, to sequence: UInt64) throws(StorageError) {
        guard sequence <= UInt64(Int64.max) else { throw .outOfRange("cursor \(sequence)") }
        try syncedTransaction { () throws(StorageError) in
            try connection.run("INSERT OR REPLACE INTO cursors VALUES(?, ?)", .text(name), .key(sequence))
        }
    }
}
