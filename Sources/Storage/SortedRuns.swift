/// An index from a hash to a number, kept as sorted runs that are merged as they pile up (a log-structured merge,
/// O'Neil et al. 1996), because a B-tree row for each entry writes a page for each: 8 KiB where this writes 30 bytes.
///
/// The last blocks are not in it yet (`PendingIndex`). Then they become a run; 32 runs of a level become one of the
/// next, until a run has some hundred thousand entries. Runs of a subject cover rising ranges of values, so reading
/// them in order gives the values in order. Entries hold 4 bytes of hash: the caller compares the thing found with the
/// thing sought.
enum SortedRuns {
    enum Subject: Int64 {
        case transactions = 1
        case events = 2
    }

    /// The key in the high half, the value less the run's base in the low half, so that entries sort as numbers.
    typealias Entry = UInt64

    private struct Run {
        let id: Int64
        let base: UInt64
        let entryCount: Int
        let leafCount: Int64
    }

    private static let fanIn = 32
    private static let largestRun = 1 << 20
    private static let finished: Int64 = 255
    /// A leaf fits one page of 1 KiB with its row's head.
    private static let leafEntries = 120

    static func entry(key: UInt32, offset: UInt32) -> Entry { UInt64(key) << 32 | UInt64(offset) }

    /// The first four bytes of something uniformly distributed: a digest.
    static func key(_ digest: [UInt8]) -> UInt32 { digest.prefix(4).reduce(0) { $0 << 8 | UInt32($1) } }

    /// The keys of digests, one behind the other, as a block's row holds them.
    static func encodeKeys(_ digests: [[UInt8]]) -> [UInt8] {
        var keys: [UInt8] = []
        keys.reserveCapacity(digests.count * 4)
        for digest in digests {
            withUnsafeBytes(of: key(digest).bigEndian) { keys.append(contentsOf: $0) }
        }
        return keys
    }

    /// For everything else: FNV-1a (Fowler, Noll, Vo), folded, with a word that keeps kinds of key apart.
    static func key(hashing bytes: [UInt8], kind: UInt8) -> UInt32 {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        hash = (hash ^ UInt64(kind)) &* 0x100_0000_01b3
        for byte in bytes { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
        return UInt32(truncatingIfNeeded: hash ^ hash >> 32)
    }

    /// Adds a run, inside the caller's transaction.
    static func append(
        _ entries: [Entry], subject: Subject, base: UInt64, to connection: Connection
    ) throws(StorageError) {
        guard !entries.isEmpty else { return }
        try write(entries.sorted(), subject: subject, level: 0, base: base, to: connection)
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
            var merged: [Entry] = []
            merged.reserveCapacity(total)
            for run in runs {
                let shift = UInt32(run.base - first.base)
                try read(run, shift: shift, into: &merged, in: connection)
                try connection.run(
                    "DELETE FROM run_leaves WHERE id >= ? AND id < ?", .integer(leafID(run.id, 0)),
                    .integer(leafID(run.id + 1, 0)))
                try connection.run("DELETE FROM runs WHERE id = ?", .integer(run.id))
            }
            level += 1
            // The library's sort finds the rising runs and merges them.
            merged.sort()
            try write(merged, subject: subject, level: level, base: first.base, to: connection)
        }
    }

    /// The values of a key that are at least `from`, in order.
    static func values(
        key: UInt32, subject: Subject, from: UInt64, limit: Int, in connection: Connection
    ) throws(StorageError) -> [UInt64] {
        var found: [UInt64] = []
        let runs = try list(subject, level: nil, in: connection)
        for (index, run) in runs.enumerated() where found.count < limit {
            // A run's values end where the next one's begin.
            if index + 1 < runs.count, runs[index + 1].base <= from { continue }
            guard let offset = UInt32(exactly: from > run.base ? from - run.base : 0) else { continue }
            let least = entry(key: key, offset: offset)
            var position = try startingLeaf(run, least, in: connection)
            walk: while position < run.leafCount {
                for entry in try leafOf(run, position, in: connection) where entry >= least {
                    if entry >> 32 > UInt64(key) || found.count >= limit { break walk }
                    found.append(run.base + (entry & UInt64(UInt32.max)))
                }
                position += 1
            }
        }
        return found
    }

    /// The leaf to start in: the last one whose first entry is at most `least`. Keys are spread evenly, so the place is
    /// guessed first and found by halving only if the guess and its neighbours are wrong.
    private static func startingLeaf(
        _ run: Run, _ least: Entry, in connection: Connection
    ) throws(StorageError) -> Int64 {
        var (low, high) = (Int64(0), run.leafCount)
        var probe = (Int64(least >> 32) * run.leafCount) >> 32
        var guesses = 3
        while high - low > 1 {
            probe = guesses > 0 ? min(max(probe, low + 1), high - 1) : (low + high) / 2
            guesses -= 1
            if let first = try leafOf(run, probe, in: connection).first, first <= least {
                low = probe
                probe += 1
            } else {
                high = probe
                probe -= 1
            }
        }
        return low
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
            (row) throws(StorageError) in decode(row.borrowed(0))
        }
        guard let leaf = leaf ?? nil else { throw .corruptRow(table: "run_leaves", key: UInt64(clamping: id)) }
        return leaf
    }

    /// Appends a run's entries, their values counted from another base.
    private static func read(
        _ run: Run, shift: UInt32, into entries: inout [Entry], in connection: Connection
    ) throws(StorageError) {
        let start = entries.count
        try connection.each(
            "SELECT entries FROM run_leaves WHERE id >= ? AND id < ? ORDER BY id", .integer(leafID(run.id, 0)),
            .integer(leafID(run.id + 1, 0))
        ) { (row) throws(StorageError) in
            // The offset cannot carry into the key: the whole range is below 2^31.
            for entry in decode(row.borrowed(0)) ?? [] { entries.append(entry + UInt64(shift)) }
            return true
        }
        guard entries.count - start == run.entryCount else {
            throw .corruptRow(table: "run_leaves", key: UInt64(clamping: leafID(run.id, 0)))
        }
    }

    /// Eight bytes an entry, big-endian, and the checksum of the leaf in front.
    private static func encode(_ entries: ArraySlice<Entry>) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(entries.count * 8)
        for entry in entries { withUnsafeBytes(of: entry.bigEndian) { bytes.append(contentsOf: $0) } }
        var checksum = Checksum()
        checksum.add(bytes)
        return withUnsafeBytes(of: checksum.value.bigEndian) { Array($0) } + bytes
    }

    private static func decode(_ bytes: UnsafeRawBufferPointer) -> [Entry]? {
        guard bytes.count >= 4, (bytes.count - 4) % 8 == 0 else { return nil }
        var checksum = Checksum()
        checksum.add(UnsafeRawBufferPointer(rebasing: bytes[4...]))
        guard UInt32(bigEndian: bytes.loadUnaligned(as: UInt32.self)) == checksum.value else { return nil }
        // In bounds: the count is 4 plus a multiple of the entry's size.
        return stride(from: 4, to: bytes.count, by: 8).map { start in
            Entry(bigEndian: bytes.loadUnaligned(fromByteOffset: start, as: Entry.self))
        }
    }
}
