/// Where the next block goes.
struct Tail {
    var height: UInt64?
    var nextSlot: UInt64
    var nextSequence: UInt64
    var index: PendingIndex
}

extension LedgerDatabase {
    /// Appends a block with its indexes in one SQLite transaction. When this returns under `.full` durability the
    /// block survives a loss of power; when it throws, nothing of it is there.
    ///
    /// The first block may have any height (a node that starts from a snapshot); each next one follows by one.
    ///
    /// - Parameter records: services' records that are written in the same transaction.
    public func append(
        _ record: BlockRecord, indexes: BlockIndexes = BlockIndexes(), with records: [NamedRecord] = []
    ) throws(StorageError) {
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
        guard let eventCount = UInt32(exactly: indexes.events.count) else {
            throw .outOfRange("\(indexes.events.count) events in one block")
        }
        let summary = BlockSummary(
            height: record.height, timeMilliseconds: record.timeMilliseconds, firstSlot: next.nextSlot,
            transactionCount: record.transactionCount, firstSequence: next.nextSequence, eventCount: eventCount,
            header: record.header, certificate: record.certificate)
        var pending = next.index
        pending.blockCount += 1
        pending.entryCount += indexes.transactionIDs.count + indexes.events.count
        let settled = pending
        try connection.transaction { () throws(StorageError) in
            try insert(summary)
            try insert(bodyOf: record, indexes)
            for run in indexes.hashes { try insert(run) }
            for named in records { try put([named.change], in: named.namespace) }
            if settled.isFull { try settleIndexes(through: record.height) }
        }
        next.height = record.height
        next.nextSlot += UInt64(record.transactionCount)
        next.nextSequence += UInt64(indexes.events.count)
        next.index = settled.isFull ? PendingIndex() : settled
        tail = next
    }

    func insert(_ summary: BlockSummary) throws(StorageError) {
        try connection.run(
            "INSERT INTO blocks VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?)", .key(summary.height),
            .key(summary.timeMilliseconds), .key(summary.firstSlot), .integer(Int64(summary.transactionCount)),
            .key(summary.firstSequence), .integer(Int64(summary.eventCount)), .integer(summary.checksum),
            .blob(summary.header), .blob(summary.certificate))
    }

    private func insert(bodyOf record: BlockRecord, _ indexes: BlockIndexes) throws(StorageError) {
        let events = EventCoding.encode(indexes.events)
        let keys = SortedRuns.encodeKeys(indexes.transactionIDs)
        try connection.run(
            "INSERT INTO bodies VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?)", .key(record.height),
            .integer(record.changes.withUnsafeBytes { BodyChecksum.of(record.height, [$0]) }),
            .integer(events.withUnsafeBytes { BodyChecksum.of(record.height, [$0]) }),
            .integer(
                record.receipts.withUnsafeBytes { receipts in
                    record.transactions.withUnsafeBytes { BodyChecksum.of(record.height, [receipts, $0]) }
                }), .blob(record.changes), .blob(events), .blob(keys), .blob(record.receipts),
            .blob(record.transactions))
    }

    func nextSequence() throws(StorageError) -> UInt64 { try currentTail().nextSequence }

    func currentTail() throws(StorageError) -> Tail {
        if let tail { return tail }
        let last = try connection.first(
            "SELECT height, first_slot + transaction_count, first_sequence + event_count FROM blocks "
                + "ORDER BY height DESC LIMIT 1"
        ) { (row) throws(StorageError) in (row.unsigned(0), row.unsigned(1), row.unsigned(2)) }
        let found = Tail(
            height: last?.0, nextSlot: last?.1 ?? 0, nextSequence: last?.2 ?? 1, index: try pendingIndex())
        tail = found
        return found
    }
}

/// Checksums of the parts of a body that are read apart from one another.
enum BodyChecksum {
    static func of(_ height: UInt64, _ parts: [UnsafeRawBufferPointer]) -> Int64 {
        var checksum = Checksum()
        checksum.add(height)
        for part in parts { checksum.add(part) }
        return Int64(checksum.value)
    }
}

extension BlockSummary {
    var checksum: Int64 {
        var checksum = Checksum()
        for number in [
            height, timeMilliseconds, firstSlot, UInt64(transactionCount), firstSequence, UInt64(eventCount),
        ] {
            checksum.add(number)
        }
        checksum.add(header)
        checksum.add(certificate)
        return Int64(checksum.value)
    }
}
