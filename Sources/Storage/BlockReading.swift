extension LedgerReader {
    /// The height of the last block, or nil in an empty ledger.
    public func lastHeight() throws(StorageError) -> UInt64? {
        try connection.first("SELECT height FROM blocks ORDER BY height DESC LIMIT 1") {
            (row) throws(StorageError) in row.unsigned(0)
        }
    }

    /// The first height whose body and events are kept; 0 when nothing was pruned.
    public func firstKeptHeight() throws(StorageError) -> UInt64 { try metaNumber("first_kept_height") ?? 0 }

    /// Header and certificate, which pruning keeps; nil when there is no such block.
    public func summary(height: UInt64) throws(StorageError) -> BlockSummary? {
        try connection.first(Self.summaryColumns + "WHERE height = ?", .key(height), read: Self.readSummary)
    }

    /// The block that holds a slot of the transaction history.
    public func summary(slot: UInt64) throws(StorageError) -> BlockSummary? {
        let found = try connection.first(
            Self.summaryColumns + "WHERE first_slot <= ? AND transaction_count > 0 ORDER BY first_slot DESC LIMIT 1",
            .key(slot), read: Self.readSummary)
        guard let found, slot - found.firstSlot < UInt64(found.transactionCount) else { return nil }
        return found
    }

    /// The body of a block; nil when there is no such block, `.pruned` when it was deleted.
    public func body(height: UInt64) throws(StorageError) -> BlockBody? {
        let found = try connection.first(
            "SELECT checksum, changes, receipts, transactions FROM bodies WHERE height = ?", .key(height)
        ) { (row) throws(StorageError) in
            var checksum = Checksum()
            checksum.add(height)
            for column: Int32 in 1...3 { checksum.add(row.borrowed(column)) }
            guard row.unsigned(0) == UInt64(checksum.value) else {
                throw StorageError.corruptRow(table: "bodies", key: height)
            }
            return BlockBody(transactions: row.bytes(3), receipts: row.bytes(2), changes: row.bytes(1))
        }
        if found == nil {
            let kept = try firstKeptHeight()
            if height < kept { throw .pruned(firstKeptHeight: kept) }
            guard try summary(height: height) == nil else { throw .corruptRow(table: "bodies", key: height) }
        }
        return found
    }

    /// Hands over the change sets from a height on, in order, for restart. The bytes are valid inside `body` only,
    /// which stops the walk by answering false.
    public func forEachChanges(
        from height: UInt64, _ body: (_ height: UInt64, _ changes: UnsafeRawBufferPointer) throws(StorageError) -> Bool
    ) throws(StorageError) {
        let kept = try firstKeptHeight()
        if height < kept { throw .pruned(firstKeptHeight: kept) }
        try connection.each(
            "SELECT height, checksum, changes, receipts, transactions FROM bodies WHERE height >= ? ORDER BY height",
            .key(height)
        ) { (row) throws(StorageError) in
            var checksum = Checksum()
            checksum.add(row.unsigned(0))
            for column: Int32 in 2...4 { checksum.add(row.borrowed(column)) }
            guard row.unsigned(1) == UInt64(checksum.value) else {
                throw StorageError.corruptRow(table: "bodies", key: row.unsigned(0))
            }
            return try body(row.unsigned(0), row.borrowed(2))
        }
    }

    /// The slots of transactions whose id starts with the same 8 bytes: mostly none or one. The caller compares ids.
    public func slots(transactionID: [UInt8]) throws(StorageError) -> [UInt64] {
        try SortedRuns.values(
            key: SortedRuns.key(transactionID), subject: .transactions, from: 0, limit: .max, in: connection)
    }

    public func tile(tree: UInt8, level: UInt8, position: UInt64) throws(StorageError) -> [UInt8]? {
        try connection.first(
            "SELECT checksum, hashes FROM tiles WHERE tree = ? AND level = ? AND position = ?",
            .integer(Int64(tree)), .integer(Int64(level)), .key(position)
        ) { (row) throws(StorageError) in
            let tile = HashTile(tree: tree, level: level, position: position, hashes: row.bytes(1))
            guard row.integer(0) == tile.checksum else {
                throw StorageError.corruptRow(table: "tiles", key: position)
            }
            return tile.hashes
        }
    }

    private static let summaryColumns =
        "SELECT height, time_ms, first_slot, transaction_count, checksum, header, certificate FROM blocks "

    private static func readSummary(_ row: Row) throws(StorageError) -> BlockSummary {
        let summary = BlockSummary(
            height: row.unsigned(0), timeMilliseconds: row.unsigned(1), firstSlot: row.unsigned(2),
            transactionCount: UInt32(clamping: row.integer(3)), header: row.bytes(5), certificate: row.bytes(6))
        guard summary.checksum == row.integer(4) else {
            throw .corruptRow(table: "blocks", key: summary.height)
        }
        return summary
    }
}

extension LedgerDatabase {
    /// Deletes bodies and events below a height, at most `batch` blocks a transaction, so that other writes can pass
    /// between calls. Headers, certificates, tiles and indexes stay.
    ///
    /// - Returns: true when everything below the height is gone.
    @discardableResult
    public func prune(below height: UInt64, batch: UInt64 = 1_000) throws(StorageError) -> Bool {
        guard let last = try lastHeight() else { return true }
        let target = min(height, last)
        let first = try connection.first("SELECT height FROM bodies ORDER BY height LIMIT 1") {
            (row) throws(StorageError) in row.unsigned(0)
        }
        guard let first, first < target else { return true }
        let end = target - first > batch ? first + batch : target
        let next = try nextSequence()
        try connection.transaction { () throws(StorageError) in
            // The number of the next event outlives its predecessors.
            try setMeta("next_sequence", next)
            try connection.run("DELETE FROM bodies WHERE height < ?", .key(end))
            let kept = try connection.first(
                "SELECT first_sequence FROM events WHERE height >= ? ORDER BY 1 LIMIT 1",
                .key(end)
            ) { (row) throws(StorageError) in row.unsigned(0) }
            let keptSequence = kept ?? next
            try connection.run("DELETE FROM events WHERE first_sequence < ?", .key(keptSequence))
            try connection.run("DELETE FROM event_kinds WHERE first_sequence < ?", .key(keptSequence))
            try setMeta("first_kept_height", end)
            try setMeta("first_kept_sequence", keptSequence)
        }
        return end == target
    }

    private func setMeta(_ name: String, _ value: UInt64) throws(StorageError) {
        try connection.run("INSERT OR REPLACE INTO meta VALUES(?, ?)", .text(name), .key(value))
    }
}
