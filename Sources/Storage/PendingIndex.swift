/// The blocks after the last sorted run. Their rows hold all that their index entries are made from, so that a small
/// block writes no index of its own; whoever looks something up reads these few rows.
struct PendingIndex {
    var blockCount = 0
    var entryCount = 0

    /// Enough for a run, or as much as a look-up should have to read through.
    var isFull: Bool { blockCount >= 32 || entryCount >= 8_192 }
}

extension LedgerReader {
    /// The first height whose entries are in no run yet.
    func pendingHeight() throws(StorageError) -> UInt64 { try metaNumber("pending_height") ?? 0 }

    func pendingIndex() throws(StorageError) -> PendingIndex {
        try connection.first(
            "SELECT count(*), total(transaction_count + event_count) FROM blocks WHERE height >= ?",
            .key(try pendingHeight())
        ) { (row) throws(StorageError) in
            PendingIndex(blockCount: Int(row.integer(0)), entryCount: Int(row.integer(1)))
        } ?? PendingIndex()
    }

    /// The slots of the pending transactions with this key.
    func pendingSlots(key: UInt32) throws(StorageError) -> [UInt64] {
        var slots: [UInt64] = []
        try forEachPending(readsEvents: false) { (block) throws(StorageError) in
            for (index, found) in block.keys.enumerated() where found == key {
                slots.append(block.firstSlot + UInt64(index))
            }
        }
        return slots
    }

    /// The sequence numbers, from one on, of the pending events with this key.
    func pendingSequences(key: UInt32, from: UInt64) throws(StorageError) -> [UInt64] {
        var sequences: [UInt64] = []
        // Whoever follows events asks for the newest: the blocks before are not read.
        let first = try lastBlock(with: .firstSequence, atMost: from)
        try forEachPending(from: first ?? 0) { (block) throws(StorageError) in
            for (found, offset) in EventKeys.entries(of: block.events) where found == key {
                let sequence = block.firstSequence + UInt64(offset)
                if sequence >= from, sequences.last != sequence { sequences.append(sequence) }
            }
        }
        return sequences.sorted()
    }

    fileprivate struct PendingBlock {
        let firstSlot: UInt64
        let firstSequence: UInt64
        let keys: [UInt32]
        let events: [NewEvent]
    }

    /// Walks the blocks whose entries are in no run, from a height on. A block whose body was pruned has none any more.
    fileprivate func forEachPending(
        from height: UInt64 = 0, readsEvents: Bool = true, _ body: (PendingBlock) throws(StorageError) -> Void
    ) throws(StorageError) {
        try connection.each(
            """
            SELECT b.height, b.first_slot, b.first_sequence, b.event_count, d.events_checksum, d.events,
                d.transaction_keys FROM blocks AS b JOIN bodies AS d ON d.height = b.height WHERE b.height >= ?
                ORDER BY b.height
            """, .key(max(height, try pendingHeight()))
        ) { (row) throws(StorageError) in
            let keys = row.borrowed(6)
            try body(
                PendingBlock(
                    firstSlot: row.unsigned(1), firstSequence: row.unsigned(2),
                    keys: stride(from: 0, to: keys.count - keys.count % 4, by: 4).map { start in
                        UInt32(bigEndian: keys.loadUnaligned(fromByteOffset: start, as: UInt32.self))
                    },
                    events: readsEvents
                        ? try EventRow.decode(
                            height: row.unsigned(0), count: row.integer(3), checksum: row.integer(4), row.borrowed(5))
                        : []))
            return true
        }
    }
}

extension LedgerDatabase {
    /// Writes the runs of all pending blocks, inside the caller's transaction.
    func settleIndexes(through height: UInt64) throws(StorageError) {
        var bases: (slot: UInt64, sequence: UInt64)?
        var transactions: [SortedRuns.Entry] = []
        var events: [SortedRuns.Entry] = []
        try forEachPending { (block) throws(StorageError) in
            let base = bases ?? (block.firstSlot, block.firstSequence)
            bases = base
            // Some thousand entries: far below the 2^31 that offsets may span.
            let slot = UInt32(truncatingIfNeeded: block.firstSlot - base.slot)
            let sequence = UInt32(truncatingIfNeeded: block.firstSequence - base.sequence)
            for (index, key) in block.keys.enumerated() {
                transactions.append(SortedRuns.entry(key: key, offset: slot + UInt32(index)))
            }
            for (key, offset) in EventKeys.entries(of: block.events) {
                events.append(SortedRuns.entry(key: key, offset: sequence + offset))
            }
        }
        if let bases {
            try SortedRuns.append(transactions, subject: .transactions, base: bases.slot, to: connection)
            try SortedRuns.append(events, subject: .events, base: bases.sequence, to: connection)
        }
        try setMeta("pending_height", height + 1)
    }
}

/// What an event is found by.
enum EventKeys {
    static func account(_ account: [UInt8]) -> UInt32 { SortedRuns.key(hashing: account, kind: 0) }
    static func module(_ module: String) -> UInt32 { SortedRuns.key(hashing: Array(module.utf8), kind: 1) }
    static func kind(_ module: String, _ kind: String) -> UInt32 {
        SortedRuns.key(hashing: Array("\(module)/\(kind)".utf8), kind: 2)
    }

    /// The keys of a block's events with the event's place in the block: every account of every event, and each module
    /// and kind where it first occurs, since whoever looks for a kind reads the whole block.
    static func entries(of events: [NewEvent]) -> [(key: UInt32, offset: UInt32)] {
        var entries: [(key: UInt32, offset: UInt32)] = []
        entries.reserveCapacity(events.count * 2 + 4)
        var modules: [String: Set<String>] = [:]
        for (index, event) in events.enumerated() {
            let offset = UInt32(index)
            for account in event.accounts { entries.append((self.account(account), offset)) }
            if modules[event.module] == nil {
                entries.append((module(event.module), offset))
                modules[event.module] = []
            }
            if modules[event.module, default: []].insert(event.kind).inserted {
                entries.append((kind(event.module, event.kind), offset))
            }
        }
        return entries
    }
}
