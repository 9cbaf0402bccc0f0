/// An index from a hash to a number, kept as sorted runs that are merged as they pile up (a log-structured merge,
/// O'Neil et al. 1996), because a B-tree row for each entry writes a page for each: 8 KiB where this writes 100 bytes.
///
/// Every block adds a run; sixteen runs of a level become one of the next, until a run has a million entries. Runs of
/// a subject cover rising ranges of values, so reading them in order gives the values in order. Entries hold 8 bytes
/// of hash: the caller compares the thing found with the thing sought.
enum SortedRuns {
    enum Subject: Int64 { case transactions = 1, events = 2 }

    struct Entry: Equatable {
        var key: UInt64
        /// The value less the run's base.
        var offset: UInt32
    }

    private struct Run {
        let id: Int64
        let base: UInt64
        let entryCount: Int
        let leafCount: Int64
    }

    private static let fanIn = 16
    private static let largestRun = 1 << 20
    private static let finished: Int64 = 255
    private static let entryBytes = 12
    private static let leafEntries = 300

    /// The first eight bytes of something uniformly distributed: a digest.
    static func key(_ digest: [UInt8]) -> UInt64 {
        digest.prefix(8).reduce(0) { $0 << 8 | UInt64($1) }
    }

    /// For everything else: FNV-1a (Fowler, Noll, Vo), with a word that keeps kinds of key apart.
    static func key(hashing bytes: [UInt8], kind: UInt8) -> UInt64 {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        hash = (hash ^ UInt64(kind)) &* 0x100_0000_01b3
        for byte in bytes { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
        return hash
    }

    /// Adds a run, inside the caller's transaction. Offsets must rise within equal keys.
    static func append(
        _ entries: [Entry], subject: Subject, base: UInt64, to connection: Connection
    ) throws(StorageError) {
        guard !entries.isEmpty else { return }
        let sorted = entries.sorted { ($0.key, $0.offset) < ($1.key, $1.offset) }
        try write(sorted, subject: subject, level: 0, base: base, to: connection)
        var level: Int64 = 0
        while level < finished {
            let runs = try list(subject, level: level, in: connection)
            guard runs.count >= fanIn, let first = runs.first, let last = runs.last else { return }
            let total = runs.reduce(0) { $0 + $1.entryCount }
            guard total <= largestRun, last.base - first.base < UInt64(UInt32.max) / 2 else {
                return try connection.run(
                    "UPDATE runs SET level = ? WHERE subject = ? AND level = ?", .integer(finished),
                    .integer(subject.rawValue), .integer(level))
            }
            var parts: [[Entry]] = []
            for run in runs {
                let shift = UInt32(run.base - first.base)
                parts.append(try entriesOf(run, shift: shift, in: connection))
                try connection.run(
                    "DELETE FROM run_leaves WHERE id >= ? AND id < ?", .integer(leafID(run.id, 0)),
                    .integer(leafID(run.id + 1, 0)))
                try connection.run("DELETE FROM runs WHERE id = ?", .integer(run.id))
            }
            level += 1
            try write(merge(parts), subject: subject, level: level, base: first.base, to: connection)
        }
    }

    /// The values of a key that are at least `from`, in order.
    static func values(
        key: UInt64, subject: Subject, from: UInt64, limit: Int, in connection: Connection
    ) throws(StorageError) -> [UInt64] {
        var found: [UInt64] = []
        for run in try list(subject, level: nil, in: connection) {
            // The leaf to start in: the last one whose first entry is before the key (equal keys may span leaves).
            var low: Int64 = 0
            var high = run.leafCount
            while high - low > 1 {
                let middle = (low + high) / 2
                let leaf = try leafOf(run, middle, in: connection)
                if let first = leaf.first, first.key < key { low = middle } else { high = middle }
            }
            var position = low
            walk: while position < run.leafCount {
                for entry in try leafOf(run, position, in: connection) where entry.key >= key {
                    if entry.key > key { break walk }
                    let value = run.base + UInt64(entry.offset)
                    if value >= from { found.append(value) }
                    if found.count >= limit { return found }
                }
                position += 1
            }
        }
        return found
    }

    private static func leafID(_ run: Int64, _ position: Int64) -> Int64 { run << 20 | position }

    private static func list(
        _ subject: Subject, level: Int64?, in connection: Connection
    ) throws(StorageError) -> [Run] {
        try connection.all(
            "SELECT id, base, entry_count, leaf_count FROM runs WHERE subject = ?1 AND (?2 IS NULL OR level = ?2) "
                + "ORDER BY base", .integer(subject.rawValue), level.map { .integer($0) } ?? .null
        ) { (row) throws(StorageError) in
            Run(
                id: row.integer(0), base: row.unsigned(1), entryCount: Int(row.integer(2)), leafCount: row.integer(3))
        }
    }

    private static func write(
        _ entries: [Entry], subject: Subject, level: Int64, base: UInt64, to connection: Connection
    ) throws(StorageError) {
        let leafCount = (entries.count + leafEntries - 1) / leafEntries
        try connection.run(
            "INSERT INTO runs(subject, level, base, entry_count, leaf_count) VALUES(?, ?, ?, ?, ?)",
            .integer(subject.rawValue), .integer(level), .key(base), .integer(Int64(entries.count)),
            .integer(Int64(leafCount)))
        let id = try connection.first("SELECT max(id) FROM runs") { (row) throws(StorageError) in row.integer(0) } ?? 0
        for position in 0..<leafCount {
            let leaf = entries[position * leafEntries..<min((position + 1) * leafEntries, entries.count)]
            try connection.run(
                "INSERT INTO run_leaves VALUES(?, ?)", .integer(leafID(id, Int64(position))), .blob(encode(leaf)))
        }
    }

    private static func leafOf(_ run: Run, _ position: Int64, in connection: Connection) throws(StorageError) -> [Entry]
    {
        let id = leafID(run.id, position)
        let leaf = try connection.first("SELECT entries FROM run_leaves WHERE id = ?", .integer(id)) {
            (row) throws(StorageError) in decode(row.borrowed(0), shift: 0)
        }
        guard let leaf = leaf ?? nil else { throw .corruptRow(table: "run_leaves", key: UInt64(clamping: id)) }
        return leaf
    }

    private static func entriesOf(
        _ run: Run, shift: UInt32, in connection: Connection
    ) throws(StorageError) -> [Entry] {
        var entries: [Entry] = []
        entries.reserveCapacity(run.entryCount)
        try connection.each(
            "SELECT entries FROM run_leaves WHERE id >= ? AND id < ? ORDER BY id", .integer(leafID(run.id, 0)),
            .integer(leafID(run.id + 1, 0))
        ) { (row) throws(StorageError) in
            entries += decode(row.borrowed(0), shift: shift) ?? []
            return true
        }
        guard entries.count == run.entryCount else {
            throw .corruptRow(table: "run_leaves", key: UInt64(clamping: leafID(run.id, 0)))
        }
        return entries
    }

    /// Merges neighbours pair by pair; stable, so that values of equal keys keep rising.
    private static func merge(_ runs: [[Entry]]) -> [Entry] {
        var runs = runs
        while runs.count > 1 {
            runs = stride(from: 0, to: runs.count, by: 2).map { index in
                index + 1 < runs.count ? merge(runs[index], runs[index + 1]) : runs[index]
            }
        }
        return runs.first ?? []
    }

    private static func merge(_ left: [Entry], _ right: [Entry]) -> [Entry] {
        var merged: [Entry] = []
        merged.reserveCapacity(left.count + right.count)
        var (i, j) = (0, 0)
        while i < left.count, j < right.count {
            if right[j].key < left[i].key {
                merged.append(right[j])
                j += 1
            } else {
                merged.append(left[i])
                i += 1
            }
        }
        merged += left[i...]
        merged += right[j...]
        return merged
    }

    /// Twelve bytes an entry, big-endian, and the checksum of the leaf in front.
    private static func encode(_ entries: ArraySlice<Entry>) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(entries.count * entryBytes)
        for entry in entries {
            withUnsafeBytes(of: entry.key.bigEndian) { bytes.append(contentsOf: $0) }
            withUnsafeBytes(of: entry.offset.bigEndian) { bytes.append(contentsOf: $0) }
        }
        var checksum = Checksum()
        checksum.add(bytes)
        return withUnsafeBytes(of: checksum.value.bigEndian) { Array($0) } + bytes
    }

    private static func decode(_ bytes: UnsafeRawBufferPointer, shift: UInt32) -> [Entry]? {
        guard bytes.count >= 4, (bytes.count - 4) % entryBytes == 0 else { return nil }
        var checksum = Checksum()
        checksum.add(UnsafeRawBufferPointer(rebasing: bytes[4...]))
        guard UInt32(bigEndian: bytes.loadUnaligned(as: UInt32.self)) == checksum.value else { return nil }
        // In bounds: the count is 4 plus a multiple of the entry's size.
        return stride(from: 4, to: bytes.count, by: entryBytes).map { start in
            Entry(
                key: UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: start, as: UInt64.self)),
                offset: UInt32(bigEndian: bytes.loadUnaligned(fromByteOffset: start + 8, as: UInt32.self)) &+ shift)
        }
    }
}
