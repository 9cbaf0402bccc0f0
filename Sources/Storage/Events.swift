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

/// A page of events. `next` is the cursor to ask with the next time, also when nothing matched.
public struct EventPage: Equatable, Sendable {
    public let events: [StoredEvent]
    public let next: UInt64
}

extension LedgerReader {
    /// The events after a cursor (the sequence number last seen, 0 at first) that pass the filter, in order.
    /// A cursor before the pruned part answers `.pruned`.
    public func events(
        after cursor: UInt64, matching filter: EventFilter = EventFilter(), limit: Int = 1_000
    ) throws(StorageError) -> EventPage {
        if let kept = try metaNumber("first_kept_sequence"), cursor + 1 < kept {
            throw .pruned(firstKeptHeight: try firstKeptHeight())
        }
        var found: [StoredEvent] = []
        var next = cursor
        let collect: (Row) throws(StorageError) -> Bool = { (row) throws(StorageError) in
            for stored in try Self.decode(row) where stored.sequence > cursor {
                if found.count >= limit { return false }
                next = max(next, stored.sequence)
                if filter.matches(stored.event) { found.append(stored) }
            }
            return true
        }
        if let account = filter.account {
            try eachRow(account: account, after: cursor, collect)
        } else if let module = filter.module {
            let kind = filter.kind.map { "\(module)/\($0)" } ?? module
            try connection.each(
                """
                SELECT e.first_sequence, e.event_count, e.height, e.checksum, e.payload FROM event_kinds AS k
                JOIN events AS e ON e.first_sequence = k.first_sequence WHERE k.kind = ? AND k.first_sequence >=
                    coalesce((SELECT max(first_sequence) FROM events WHERE first_sequence <= ?), 0)
                ORDER BY k.first_sequence
                """, .text(kind), .key(cursor + 1), body: collect)
        } else {
            try connection.each(
                Self.eventColumns + "WHERE first_sequence >= coalesce((SELECT max(first_sequence) FROM events "
                    + "WHERE first_sequence <= ?), 0) ORDER BY first_sequence", .key(cursor + 1), body: collect)
        }
        return EventPage(events: found, next: next)
    }

    /// The sequence number of the last event; 0 when there is none.
    public func lastSequence() throws(StorageError) -> UInt64 {
        let last = try connection.first(
            "SELECT first_sequence + event_count FROM events ORDER BY first_sequence DESC LIMIT 1"
        ) { (row) throws(StorageError) in row.unsigned(0) }
        return max(try metaNumber("next_sequence") ?? 1, last ?? 1) - 1
    }

    /// Walks the blocks that the account index names, each once.
    private func eachRow(
        account: [UInt8], after cursor: UInt64, _ body: (Row) throws(StorageError) -> Bool
    ) throws(StorageError) {
        let sequences = try SortedRuns.values(
            key: SortedRuns.key(hashing: account, kind: 0), subject: .events, from: cursor + 1, limit: .max,
            in: connection)
        var end: UInt64 = 0
        var goesOn = true
        for sequence in sequences where sequence >= end {
            try connection.each(
                Self.eventColumns + "WHERE first_sequence <= ? ORDER BY first_sequence DESC LIMIT 1", .key(sequence)
            ) { (row) throws(StorageError) in
                end = row.unsigned(0) + row.unsigned(1)
                goesOn = try body(row)
                return false
            }
            if !goesOn { return }
        }
    }

    private static let eventColumns = "SELECT first_sequence, event_count, height, checksum, payload FROM events "

    private static func decode(_ row: Row) throws(StorageError) -> [StoredEvent] {
        let first = row.unsigned(0)
        let payload = row.bytes(4)
        guard row.integer(3) == eventChecksum(first, row.unsigned(2), payload),
            let events = EventCoding.decode(payload, count: Int(row.integer(1)))
        else { throw .corruptRow(table: "events", key: first) }
        return events.enumerated().map { index, event in
            StoredEvent(sequence: first + UInt64(index), height: row.unsigned(2), event: event)
        }
    }

    static func eventChecksum(_ first: UInt64, _ height: UInt64, _ payload: [UInt8]) -> Int64 {
        var checksum = Checksum()
        checksum.add(first)
        checksum.add(height)
        checksum.add(payload)
        return Int64(checksum.value)
    }
}

extension LedgerDatabase {
    func insert(_ events: [NewEvent], height: UInt64, firstSequence: UInt64) throws(StorageError) {
        guard !events.isEmpty else { return }
        let payload = EventCoding.encode(events)
        try connection.run(
            "INSERT INTO events VALUES(?, ?, ?, ?, ?)", .key(firstSequence), .integer(Int64(events.count)),
            .key(height), .integer(Self.eventChecksum(firstSequence, height, payload)), .blob(payload))
        let kinds = Set(events.flatMap { [$0.module, "\($0.module)/\($0.kind)"] }).sorted()
        for kind in kinds {
            try connection.run("INSERT INTO event_kinds VALUES(?, ?)", .text(kind), .key(firstSequence))
        }
        let entries = events.enumerated().flatMap { index, event in
            event.accounts.map { account in
                SortedRuns.Entry(key: SortedRuns.key(hashing: account, kind: 0), offset: UInt32(index))
            }
        }
        try SortedRuns.append(entries, subject: .events, base: firstSequence, to: connection)
    }
}
