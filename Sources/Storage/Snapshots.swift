/// A snapshot of the state: chunks by digest, in path order. Chunks that did not change are shared.
public struct SnapshotSummary: Equatable, Sendable {
    public let height: UInt64
    public let root: [UInt8]
    /// Whatever the ledger needs beside the state itself.
    public let note: [UInt8]
    public let chunkDigests: [[UInt8]]
}

extension LedgerReader {
    /// Complete snapshots, newest first.
    public func snapshotHeights() throws(StorageError) -> [UInt64] {
        try connection.all("SELECT height FROM snapshots WHERE complete = 1 ORDER BY height DESC") {
            (row) throws(StorageError) in row.unsigned(0)
        }
    }

    public func snapshot(height: UInt64) throws(StorageError) -> SnapshotSummary? {
        let digests = try connection.all(
            "SELECT digest FROM snapshot_chunks WHERE height = ? ORDER BY position", .key(height)
        ) { (row) throws(StorageError) in row.bytes(0) }
        return try connection.first(
            "SELECT root, note FROM snapshots WHERE height = ? AND complete = 1", .key(height)
        ) { (row) throws(StorageError) in
            SnapshotSummary(height: height, root: row.bytes(0), note: row.bytes(1), chunkDigests: digests)
        }
    }

    public func hasChunk(_ digest: [UInt8]) throws(StorageError) -> Bool {
        try connection.first("SELECT 1 FROM chunks WHERE digest = ?", .blob(digest)) {
            (row) throws(StorageError) in true
        } ?? false
    }

    public func chunk(_ digest: [UInt8]) throws(StorageError) -> [UInt8]? {
        try connection.first("SELECT checksum, content FROM chunks WHERE digest = ?", .blob(digest)) {
            (row) throws(StorageError) in
            var checksum = Checksum()
            checksum.add(row.borrowed(1))
            guard row.unsigned(0) == UInt64(checksum.value) else {
                throw StorageError.corruptRow(table: "chunks", key: UInt64(SortedRuns.key(digest)))
            }
            return row.bytes(1)
        }
    }
}

extension LedgerDatabase {
    /// Starts a snapshot; it counts once `finishSnapshot` has returned. Starting again discards an unfinished one.
    public func beginSnapshot(height: UInt64, root: [UInt8], note: [UInt8] = []) throws(StorageError) {
        try connection.transaction { () throws(StorageError) in
            try connection.run("DELETE FROM snapshot_chunks WHERE height = ?", .key(height))
            try connection.run(
                "INSERT OR REPLACE INTO snapshots VALUES(?, 0, ?, ?)", .key(height), .blob(root), .blob(note))
        }
    }

    /// Adds the chunk at a position. A chunk that is stored already is not written again: pass nil content for it.
    public func addChunk(
        height: UInt64, position: UInt64, digest: [UInt8], content: [UInt8]?
    ) throws(StorageError) {
        try connection.transaction { () throws(StorageError) in
            if try !hasChunk(digest) {
                guard let content else { throw StorageError.outOfRange("a chunk without content is not stored yet") }
                var checksum = Checksum()
                checksum.add(content)
                try connection.run(
                    "INSERT INTO chunks VALUES(?, ?, ?)", .blob(digest), .integer(Int64(checksum.value)),
                    .blob(content))
            }
            try connection.run(
                "INSERT OR REPLACE INTO snapshot_chunks VALUES(?, ?, ?)", .key(height), .key(position), .blob(digest))
        }
    }

    /// Deletes snapshots that turned out to be damaged, and the chunks that no other one uses.
    public func deleteSnapshots(_ heights: [UInt64]) throws(StorageError) {
        try connection.transaction { () throws(StorageError) in
            for height in heights { try connection.run("DELETE FROM snapshots WHERE height = ?", .key(height)) }
            try deleteUnusedChunks()
        }
    }

    private func deleteUnusedChunks() throws(StorageError) {
        try connection.run("DELETE FROM snapshot_chunks WHERE height NOT IN (SELECT height FROM snapshots)")
        try connection.run("DELETE FROM chunks WHERE digest NOT IN (SELECT digest FROM snapshot_chunks)")
    }

    /// Makes the snapshot count, then deletes all but the newest `keeping` and the chunks that nobody uses any more.
    public func finishSnapshot(height: UInt64, keeping count: Int = 2) throws(StorageError) {
        try connection.transaction { () throws(StorageError) in
            try connection.run("UPDATE snapshots SET complete = 1 WHERE height = ?", .key(height))
            try connection.run(
                """
                DELETE FROM snapshots WHERE height NOT IN
                    (SELECT height FROM snapshots WHERE complete = 1 ORDER BY height DESC LIMIT ?)
                """, .integer(Int64(max(1, count))))
            try deleteUnusedChunks()
        }
    }
}
