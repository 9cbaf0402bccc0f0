/// Rows of consecutive hashes, by the place of the first one. A block adds a row a level that it reaches; nothing is
/// rewritten, because a tile that grows by some hashes and is written again costs more than the block's own hashes.
extension HashRun {
    static let hashByteCount = 32

    /// Where the run lies in the table: tree, level and place, in order.
    static func position(tree: UInt8, level: UInt8, place: UInt64) throws(StorageError) -> Int64 {
        guard tree < 8, level < 16, place < 1 << 56 else {
            throw .outOfRange("hash \(place) of level \(level) in vector \(tree)")
        }
        return Int64(tree) << 60 | Int64(level) << 56 | Int64(place)
    }

    static func checksum(position: Int64, hashes: UnsafeRawBufferPointer) -> Int64 {
        var checksum = Checksum()
        checksum.add(UInt64(bitPattern: position))
        checksum.add(hashes)
        return Int64(checksum.value)
    }
}

extension LedgerReader {
    /// `count` hashes of a level from the place `first` on, 32 bytes each; nil if not all of them are stored.
    public func hashes(
        tree: UInt8, level: UInt8, first: UInt64, count: Int
    ) throws(StorageError) -> [UInt8]? {
        let start = try HashRun.position(tree: tree, level: level, place: first)
        let (end, overflow) = first.addingReportingOverflow(UInt64(clamping: count))
        guard !overflow, end < 1 << 56 else { return nil }
        var found: [UInt8] = []
        found.reserveCapacity(count * HashRun.hashByteCount)
        try connection.each(
            """
            SELECT position, checksum, hashes FROM hashes WHERE position >=
                coalesce((SELECT max(position) FROM hashes WHERE position BETWEEN ? AND ?), 0) AND position < ?
            ORDER BY position
            """, .integer(try HashRun.position(tree: tree, level: level, place: 0)), .integer(start),
            .integer(start + Int64(count))
        ) { (row) throws(StorageError) in
            let position = row.integer(0)
            let hashes = row.borrowed(2)
            guard row.integer(1) == HashRun.checksum(position: position, hashes: hashes) else {
                throw StorageError.corruptRow(table: "hashes", key: UInt64(bitPattern: position))
            }
            // The place wanted next; it is in this row, or there is a gap.
            let next = start + Int64(found.count / HashRun.hashByteCount)
            let skipped = Int(next - position) * HashRun.hashByteCount
            guard position <= next, skipped <= hashes.count else { return false }
            let missing = count * HashRun.hashByteCount - found.count
            found += hashes[skipped..<min(hashes.count, skipped + missing)]
            return found.count < count * HashRun.hashByteCount
        }
        return found.count == count * HashRun.hashByteCount ? found : nil
    }
}

extension LedgerDatabase {
    func insert(_ run: HashRun) throws(StorageError) {
        let position = try HashRun.position(tree: run.tree, level: run.level, place: run.first)
        let checksum = run.hashes.withUnsafeBytes { HashRun.checksum(position: position, hashes: $0) }
        try connection.run(
            "INSERT INTO hashes VALUES(?, ?, ?)", .integer(position), .integer(checksum), .blob(run.hashes))
    }
}
