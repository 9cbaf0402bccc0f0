/// Where the next block goes.
struct Tail {
    var height: UInt64?
    var nextSlot: UInt64
    var nextSequence: UInt64
}

extension LedgerDatabase {
    /// Appends a block with its indexes in one SQLite transaction. When this returns under `.full` durability the
    /// block survives a loss of power; when it throws, nothing of it is there.
    ///
    /// The first block may have any height (a node that starts from a snapshot); each next one follows by one.
    public func append(_ record: BlockRecord, indexes: BlockIndexes = BlockIndexes()) throws(StorageError) {
        var next = try currentTail()
        if let last = next.height, record.height != last + 1 {
            throw .wrongHeight(expected: last + 1, given: record.height)
        }
        guard record.height < UInt64(Int64.max), record.timeMilliseconds <= UInt64(Int64.max) else {
            throw .outOfRange("height or time above 2^63 - 1")
        }
        guard indexes.transactionIDs.isEmpty || indexes.transactionIDs.count == Int(record.transactionCount) else {
            throw .outOfRange("the number of transaction ids is not the number of transactions")
        }
        let firstSlot = next.nextSlot
        let firstSequence = next.nextSequence
        try connection.transaction { () throws(StorageError) in
            try insert(record, firstSlot: firstSlot)
            try SortedRuns.append(
                indexes.transactionIDs.enumerated().map { .init(key: SortedRuns.key($1), offset: UInt32($0)) },
                subject: .transactions, base: firstSlot, to: connection)
            try insert(indexes.events, height: record.height, firstSequence: firstSequence)
            for tile in indexes.tiles { try insert(tile) }
        }
        next.height = record.height
        next.nextSlot += UInt64(record.transactionCount)
        next.nextSequence += UInt64(indexes.events.count)
        tail = next
    }

    private func insert(_ record: BlockRecord, firstSlot: UInt64) throws(StorageError) {
        let summary = BlockSummary(
            height: record.height, timeMilliseconds: record.timeMilliseconds, firstSlot: firstSlot,
            transactionCount: record.transactionCount, header: record.header, certificate: record.certificate)
        try connection.run(
            "INSERT INTO blocks VALUES(?, ?, ?, ?, ?, ?, ?)", .key(record.height), .key(record.timeMilliseconds),
            .key(firstSlot), .integer(Int64(record.transactionCount)), .integer(summary.checksum),
            .blob(record.header), .blob(record.certificate))
        var checksum = Checksum()
        checksum.add(record.height)
        checksum.add(record.changes)
        checksum.add(record.receipts)
        checksum.add(record.transactions)
        try connection.run(
            "INSERT INTO bodies VALUES(?, ?, ?, ?, ?)", .key(record.height), .integer(Int64(checksum.value)),
            .blob(record.changes), .blob(record.receipts), .blob(record.transactions))
    }

    private func insert(_ tile: HashTile) throws(StorageError) {
        try connection.run(
            "INSERT INTO tiles VALUES(?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET checksum = excluded.checksum, "
                + "hashes = excluded.hashes", .integer(Int64(tile.tree)), .integer(Int64(tile.level)),
            .key(tile.position), .integer(tile.checksum), .blob(tile.hashes))
    }

    func nextSequence() throws(StorageError) -> UInt64 { try currentTail().nextSequence }

    private func currentTail() throws(StorageError) -> Tail {
        if let tail { return tail }
        let events = try connection.first(
            "SELECT first_sequence + event_count FROM events ORDER BY first_sequence DESC LIMIT 1"
        ) { (row) throws(StorageError) in row.unsigned(0) }
        let kept = try metaNumber("next_sequence")
        let last = try connection.first(
            "SELECT height, first_slot + transaction_count FROM blocks ORDER BY height DESC LIMIT 1"
        ) { (row) throws(StorageError) in (row.unsigned(0), row.unsigned(1)) }
        let found = Tail(height: last?.0, nextSlot: last?.1 ?? 0, nextSequence: max(events ?? 1, kept ?? 1))
        tail = found
        return found
    }
}

extension BlockSummary {
    var checksum: Int64 {
        var checksum = Checksum()
        for number in [height, timeMilliseconds, firstSlot, UInt64(transactionCount)] { checksum.add(number) }
        checksum.add(header)
        checksum.add(certificate)
        return Int64(checksum.value)
    }
}

extension HashTile {
    var checksum: Int64 {
        var checksum = Checksum()
        for number in [UInt64(tree), UInt64(level), position] { checksum.add(number) }
        checksum.add(hashes)
        return Int64(checksum.value)
    }
}
