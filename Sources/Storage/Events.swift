/// An event as it is stored: sequence numbers count all events of the ledger, from 1, without gaps.
public struct StoredEvent: Equatable, Sendable {
    public let sequence: UInt64
    public let height: UInt64
    public let event: NewEvent
}

/// What a subscriber wants to see; a nil field asks for nothing.
public struct EventFilter: Equatable, Sendable {
    public var module: String?
    /// A kind within `module`; ignored without one.
    public var kind: String?
    public var pathPrefix: [UInt8]?
    public var account: [UInt8]?

    public init(module: String? = nil, kind: String? = nil, pathPrefix: [UInt8]? = nil, account: [UInt8]? = nil) {
        self.module = module
        self.kind = kind
        self.pathPrefix = pathPrefix
        self.account = account
    }

    public func matches(_ event: NewEvent) -> Bool {
        if let module, event.module != module { return false }
        if module != nil, let kind, event.kind != kind { return false }
        if let account, !event.accounts.contains(account) { return false }
        if let pathPrefix {
            guard let path = event.path, path.starts(with: pathPrefix) else { return false }
        }
        return true
    }
}

/// A page of events. `next` is the cursor to ask with the next time, also when nothing matched: it is past all that was
/// looked at, so that a subscriber for whom there is nothing does not fall behind what is kept.
public struct EventPage: Equatable, Sendable {
    public let events: [StoredEvent]
    public let next: UInt64
    /// Nothing was left out because of a limit.
    public let isAtEnd: Bool
}

extension LedgerReader {
    /// The events after a cursor (the sequence number last seen, 0 at first) that pass the filter, in order.
    /// A cursor before the pruned part answers `.pruned`.
    ///
    /// - Parameter blockLimit: at least 2; the page ends after so many blocks, whether anything was found or not.
    public func events(
        after cursor: UInt64, matching filter: EventFilter = EventFilter(), limit: Int = 1_000, blockLimit: Int = .max
    ) throws(StorageError) -> EventPage {
        // The file holds no larger number, so that no event has one.
        guard cursor < UInt64(Int64.max) else { return EventPage(events: [], next: cursor, isAtEnd: true) }
        let key: UInt32? =
            if let account = filter.account { EventKeys.account(account) } else {
                filter.module.map { module in
                    filter.kind.map { EventKeys.kind(module, $0) } ?? EventKeys.module(module)
                }
            }
        return try connection.reading { () throws(StorageError) in
            if let kept = try metaNumber("first_kept_sequence"), cursor + 1 < kept {
                throw .pruned(firstKeptHeight: try firstKeptHeight(), firstKeptSequence: kept)
            }
            var found: [StoredEvent] = []
            var next = cursor
            var blocksLeft = blockLimit
            var isAtEnd = true
            let collect: ([StoredEvent]) -> Bool = { events in
                isAtEnd = blocksLeft > 0
                guard isAtEnd else { return false }
                blocksLeft -= 1
                for stored in events where stored.sequence > cursor {
                    isAtEnd = found.count < limit
                    guard isAtEnd else { return false }
                    next = max(next, stored.sequence)
                    if filter.matches(stored.event) { found.append(stored) }
                }
                return true
            }
            if let key {
                try eachBlock(key: key, after: cursor, collect)
            } else {
                try eachBlock(after: cursor, collect)
            }
            if isAtEnd { next = max(next, try lastSequence()) }
            return EventPage(events: found, next: next, isAtEnd: isAtEnd)
        }
    }

    /// The sequence number of the last event; 0 when there is none.
    public func lastSequence() throws(StorageError) -> UInt64 {
        let next = try connection.first(
            "SELECT first_sequence + event_count FROM blocks ORDER BY height DESC LIMIT 1"
        ) { (row) throws(StorageError) in row.unsigned(0) }
        return (next ?? 1) - 1
    }

    /// Walks the events of all blocks from the one that holds the first event after the cursor.
    private func eachBlock(
        after cursor: UInt64, _ body: ([StoredEvent]) throws(StorageError) -> Bool
    ) throws(StorageError) {
        guard let height = try lastBlock(with: .firstSequence, atMost: cursor + 1) else { return }
        try connection.each(
            EventRow.columns + "WHERE b.height >= ? AND b.event_count > 0 ORDER BY b.height", .key(height)
        ) { (row) throws(StorageError) in try body(try EventRow.read(row)) }
    }

    /// Walks the blocks that the index names for a key, each once.
    private func eachBlock(
        key: UInt32, after cursor: UInt64, _ body: ([StoredEvent]) throws(StorageError) -> Bool
    ) throws(StorageError) {
        var place = BlockPlace()
        // A kind is indexed where a block has it first: the block that the cursor is in is read again.
        let start = try lastBlock(with: .firstSequence, atMost: cursor + 1).flatMap { (height) throws(StorageError) in
            try summary(height: height)?.firstSequence
        }
        var from = start ?? cursor + 1
        // Some at a time: a common kind has an entry in every block, and a page needs few of them.
        let batch = 64
        while true {
            var sequences = try SortedRuns.values(
                key: key, subject: .events, from: from, limit: batch, in: connection)
            let isLast = sequences.count < batch
            if isLast { sequences += try pendingSequences(key: key, from: from) }
            for sequence in sequences where sequence >= place.end {
                place = try blockPlace(of: sequence, after: place)
                var goesOn = true
                try connection.each(EventRow.columns + "WHERE b.height = ?", .key(place.height)) {
                    (row) throws(StorageError) in
                    goesOn = try body(try EventRow.read(row))
                    return false
                }
                if !goesOn { return }
            }
            guard !isLast, let last = sequences.last else { return }
            from = max(last + 1, place.end)
        }
    }

    private struct BlockPlace {
        var height: UInt64 = 0
        /// The sequence number after the block's last event.
        var end: UInt64 = 0
    }

    /// The block that holds an event, which is mostly the one after the last.
    private func blockPlace(of sequence: UInt64, after last: BlockPlace) throws(StorageError) -> BlockPlace {
        func range(_ height: UInt64) throws(StorageError) -> (UInt64, UInt64)? {
            try connection.first("SELECT first_sequence, event_count FROM blocks WHERE height = ?", .key(height)) {
                (row) throws(StorageError) in (row.unsigned(0), row.unsigned(0) + row.unsigned(1))
            }
        }
        if last.height > 0, let next = try range(last.height + 1), (next.0..<next.1).contains(sequence) {
            return BlockPlace(height: last.height + 1, end: next.1)
        }
        guard
            let height = try lastBlock(
                with: .firstSequence, atMost: sequence, from: last.height > 0 ? last.height : nil),
            let found = try range(height), (found.0..<found.1).contains(sequence)
        else { throw .corruptRow(table: "runs", key: sequence) }
        return BlockPlace(height: height, end: found.1)
    }
}

/// The events of a block as they lie in its row.
enum EventRow {
    static let columns =
        "SELECT b.height, b.first_sequence, b.event_count, d.events_checksum, d.events FROM blocks AS b "
        + "JOIN bodies AS d ON d.height = b.height "

    static func read(_ row: Row) throws(StorageError) -> [StoredEvent] {
        let (height, first) = (row.unsigned(0), row.unsigned(1))
        return try decode(height: height, count: row.integer(2), checksum: row.integer(3), row.borrowed(4))
            .enumerated().map { StoredEvent(sequence: first + UInt64($0), height: height, event: $1) }
    }

    static func decode(
        height: UInt64, count: Int64, checksum: Int64, _ payload: UnsafeRawBufferPointer
    ) throws(StorageError) -> [NewEvent] {
        guard checksum == BodyChecksum.of(height, [payload]),
            let events = EventCoding.decode([UInt8](payload), count: Int(count))
        else { throw .corruptRow(table: "bodies", key: height) }
        return events
    }
}
