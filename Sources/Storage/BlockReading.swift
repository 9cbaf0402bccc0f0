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
        try connection.reading { () throws(StorageError) in
            guard let height = try lastBlock(with: .firstSlot, atMost: slot), let found = try summary(height: height),
                slot - found.firstSlot < UInt64(found.transactionCount)
            else { return nil }
            return found
        }
    }

    /// Numbers of blocks that rise with the height.
    enum RisingColumn {
        case firstSlot, firstSequence

        var query: String {
            switch self {
            case .firstSlot: "SELECT first_slot FROM blocks WHERE height = ?"
            case .firstSequence: "SELECT first_sequence FROM blocks WHERE height = ?"
            }
        }
    }

    /// The highest block whose number is at most `value`, found by halving: an index would be another page to write
    /// with every block.
    func lastBlock(
        with column: RisingColumn, atMost value: UInt64, from least: UInt64? = nil
    ) throws(StorageError) -> UInt64? {
        let ends = try connection.first("SELECT (SELECT min(height) FROM blocks), (SELECT max(height) FROM blocks)") {
            (row) throws(StorageError) in
            row.isNull(0) ? nil : (row.unsigned(0), row.unsigned(1))
        }
        guard let (first, last) = ends ?? nil else { return nil }
        var (low, high) = (max(first, least ?? first), last)
        guard low <= high, try number(column, height: low) <= value else { return nil }
        while low < high {
            let middle = high - (high - low) / 2
            if try number(column, height: middle) <= value { low = middle } else { high = middle - 1 }
        }
        return low
    }

    private func number(_ column: RisingColumn, height: UInt64) throws(StorageError) -> UInt64 {
        let found = try connection.first(column.query, .key(height)) { (row) throws(StorageError) in row.unsigned(0) }
        guard let found else { throw .corruptRow(table: "blocks", key: height) }
        return found
    }

    /// The body of a block; nil when there is no such block, `.pruned` when it was deleted.
    public func body(height: UInt64) throws(StorageError) -> BlockBody? {
        let found = try connection.first(
            "SELECT changes_checksum, checksum, changes, receipts, transactions FROM bodies WHERE height = ?",
            .key(height)
        ) { (row) throws(StorageError) in
            guard row.integer(0) == BodyChecksum.of(height, [row.borrowed(2)]),
                row.integer(1) == BodyChecksum.of(height, [row.borrowed(3), row.borrowed(4)])
            else { throw StorageError.corruptRow(table: "bodies", key: height) }
            return BlockBody(transactions: row.bytes(4), receipts: row.bytes(3), changes: row.bytes(2))
        }
        if found == nil {
            let kept = try firstKeptHeight()
            if height < kept { throw .pruned(firstKeptHeight: kept) }
            guard try summary(height: height) == nil else { throw .corruptRow(table: "bodies", key: height) }
        }
        return found
    }

    /// Hands over the change sets of a range of heights, in order, for restart; nothing else of a block is read. The
    /// bytes are valid inside `body` only, which stops the walk by answering false.
    public func forEachChanges(
        in heights: ClosedRange<UInt64>,
        _ body: (_ height: UInt64, _ changes: UnsafeRawBufferPointer) throws(StorageError) -> Bool
    ) throws(StorageError) {
        let kept = try firstKeptHeight()
        if heights.lowerBound < kept { throw .pruned(firstKeptHeight: kept) }
        try connection.each(
            "SELECT height, changes_checksum, changes FROM bodies WHERE height BETWEEN ? AND ? ORDER BY height",
            .key(heights.lowerBound), .key(heights.upperBound)
        ) { (row) throws(StorageError) in
            let changes = row.borrowed(2)
            guard row.integer(1) == BodyChecksum.of(row.unsigned(0), [changes]) else {
                throw StorageError.corruptRow(table: "bodies", key: row.unsigned(0))
            }
            return try body(row.unsigned(0), changes)
        }
    }

    /// The slots of transactions whose id starts with the same bytes as this one: mostly none or one. The caller
    /// compares ids.
    public func slots(transactionID: [UInt8]) throws(StorageError) -> [UInt64] {
        let key = SortedRuns.key(transactionID)
        return try connection.reading { () throws(StorageError) in
            try SortedRuns.values(key: key, subject: .transactions, from: 0, limit: .max, in: connection)
                + pendingSlots(key: key)
        }
    }

    private static let summaryColumns =
        "SELECT height, time_ms, first_slot, transaction_count, first_sequence, event_count, checksum, header, "
        + "certificate FROM blocks "

    private static func readSummary(_ row: Row) throws(StorageError) -> BlockSummary {
        let summary = BlockSummary(
            height: row.unsigned(0), timeMilliseconds: row.unsigned(1), firstSlot: row.unsigned(2),
            transactionCount: UInt32(clamping: row.integer(3)), firstSequence: row.unsigned(4),
            eventCount: UInt32(clamping: row.integer(5)), header: row.bytes(7), certificate: row.bytes(8))
        guard summary.checksum == row.integer(6) else {
            throw .corruptRow(table: "blocks", key: summary.height)
        }
        return summary
    }
}

extension LedgerDatabase {
    /// Deletes bodies and events below a height, at most `batch` blocks a transaction, so that other writes can pass
    /// between calls. Headers, certificates, hashes and indexes stay.
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
        // The index of what is deleted has to be written first: it is made from the bodies.
        let isPending = try pendingHeight() < end
        try connection.transaction { () throws(StorageError) in
            if isPending { try settleIndexes(through: last) }
            let kept = try summary(height: end)?.firstSequence ?? next
            try connection.run("DELETE FROM bodies WHERE height < ?", .key(end))
            try setMeta("first_kept_height", end)
            try setMeta("first_kept_sequence", kept)
        }
        if isPending { tail?.index = PendingIndex() }
        return end == target
    }

    func setMeta(_ name: String, _ value: UInt64) throws(StorageError) {
        try connection.run("INSERT OR REPLACE INTO meta VALUES(?, ?)", .text(name), .key(value))
    }
}
