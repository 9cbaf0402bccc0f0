import Primitives

/// A position in the event log: after event number `index` of block `height`. Text form `HEIGHT.INDEX`. The cursor
/// `0.0` is before everything: numbers within a block begin at 1.
public struct EventCursor: Hashable, Comparable, Sendable, CustomStringConvertible {
    public var height: UInt64
    public var index: UInt32

    public init(height: UInt64, index: UInt32) {
        self.height = height
        self.index = index
    }

    public static let start = EventCursor(height: 0, index: 0)

    public init?(text: some StringProtocol) {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 2, let height = Self.number(parts[0]), let index = Self.number(parts[1]),
            let index = UInt32(exactly: index)
        else { return nil }
        self.init(height: height, index: index)
    }

    /// Digits only: `UInt64("+1")` would be taken by the standard library.
    private static func number(_ text: some StringProtocol) -> UInt64? {
        guard !text.isEmpty, text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
        return UInt64(text)
    }

    public var description: String { "\(height).\(index)" }

    public static func < (left: EventCursor, right: EventCursor) -> Bool {
        (left.height, left.index) < (right.height, right.index)
    }
}

/// Which events a subscriber wants; nil fields do not restrict.
public struct EventFilter: Hashable, Sendable {
    public var module: String?
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

    /// Whether an event with these properties passes.
    public func admits(module: String, kind: String, path: [UInt8]?, accounts: [AccountID]) -> Bool {
        if let wanted = self.module, wanted != module { return false }
        if let wanted = self.kind, wanted != kind { return false }
        if let account, !accounts.contains(account) { return false }
        if let pathPrefix {
            guard let path, path.starts(with: pathPrefix) else { return false }
        }
        return true
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
    /// Time of its block, milliseconds since 1970.
    public var timeMilliseconds: UInt64
    /// The transaction that caused it; nil for the end of a block.
    public var transactionID: Digest?
    public var module: String
    public var kind: String
    public var path: [UInt8]?
    public var accounts: [AccountID]
    /// DAG-CBOR; its shape is the module's.
    public var payload: [UInt8]

    public init(
        cursor: EventCursor, timeMilliseconds: UInt64, transactionID: Digest?, module: String, kind: String,
        path: [UInt8]?, accounts: [AccountID], payload: [UInt8]
    ) {
        self.cursor = cursor
        self.timeMilliseconds = timeMilliseconds
        self.transactionID = transactionID
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
