import Primitives

/// A position in the event log: after the event of this number. Events are numbered from 1 over the whole chain; 0 is
/// before everything. Text form: the number in decimal digits.
public struct EventCursor: Hashable, Comparable, Sendable, CustomStringConvertible {
    public var sequence: UInt64

    public init(sequence: UInt64) {
        self.sequence = sequence
    }

    public static let start = EventCursor(sequence: 0)

    /// The last position that a ledger can hold.
    public static let last = EventCursor(sequence: UInt64(Int64.max))

    public init?(text: some StringProtocol) {
        // Digits only: `UInt64("+1")` would be taken by the standard library.
        guard !text.isEmpty, text.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let number = UInt64(text),
            number <= EventCursor.last.sequence
        else { return nil }
        self.init(sequence: number)
    }

    public var description: String { "\(sequence)" }

    public static func < (left: EventCursor, right: EventCursor) -> Bool { left.sequence < right.sequence }
}

/// Which events a subscriber wants; nil fields do not restrict.
public struct EventFilter: Hashable, Sendable {
    public var module: String?
    /// A kind of `module`'s events; refused without one, since kinds have their names within a module.
    public var kind: String?
    public var account: AccountID?
    public var pathPrefix: [UInt8]?

    public init(
        module: String? = nil, kind: String? = nil, account: AccountID? = nil, pathPrefix: [UInt8]? = nil
    ) {
        self.module = module
        self.kind = kind
        self.account = account
        self.pathPrefix = pathPrefix
    }
}

public struct EventQuery: Hashable, Sendable {
    public var after: EventCursor
    public var filter: EventFilter
    public var limit: Int
    /// How long to wait for the first event; zero answers at once.
    public var wait: Duration

    public init(
        after: EventCursor = .start, filter: EventFilter = EventFilter(), limit: Int = 100, wait: Duration = .zero
    ) {
        self.after = after
        self.filter = filter
        self.limit = limit
        self.wait = wait
    }
}

/// One event of the log.
public struct EventRecord: Hashable, Sendable {
    public var cursor: EventCursor
    /// Of the block that it happened in.
    public var height: UInt64
    public var module: String
    public var kind: String
    public var path: [UInt8]?
    public var accounts: [AccountID]
    /// DAG-CBOR; its shape is the module's.
    public var payload: [UInt8]

    public init(
        cursor: EventCursor, height: UInt64, module: String, kind: String, path: [UInt8]?, accounts: [AccountID],
        payload: [UInt8]
    ) {
        self.cursor = cursor
        self.height = height
        self.module = module
        self.kind = kind
        self.path = path
        self.accounts = accounts
        self.payload = payload
    }
}

/// Events and the cursor to continue from, which moves past events that the filter left out.
public struct EventPage: Hashable, Sendable {
    public var events: [EventRecord]
    public var next: EventCursor

    public init(events: [EventRecord], next: EventCursor) {
        self.events = events
        self.next = next
    }
}
