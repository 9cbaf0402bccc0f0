/// A block as Storage keeps it: opaque bytes with what is needed to find them.
public struct BlockRecord: Equatable, Sendable {
    public var height: UInt64
    public var timeMilliseconds: UInt64
    public var transactionCount: UInt32
    public var header: [UInt8]
    public var certificate: [UInt8]
    public var transactions: [UInt8]
    public var receipts: [UInt8]
    /// The change set: what restart applies on top of a snapshot.
    public var changes: [UInt8]

    public init(
        height: UInt64, timeMilliseconds: UInt64, transactionCount: UInt32, header: [UInt8], certificate: [UInt8],
        transactions: [UInt8], receipts: [UInt8], changes: [UInt8]
    ) {
        self.height = height
        self.timeMilliseconds = timeMilliseconds
        self.transactionCount = transactionCount
        self.header = header
        self.certificate = certificate
        self.transactions = transactions
        self.receipts = receipts
        self.changes = changes
    }
}

/// The part of a block that is never pruned.
public struct BlockSummary: Equatable, Sendable {
    public let height: UInt64
    public let timeMilliseconds: UInt64
    /// The slot, in the history of all transactions, of this block's first one.
    public let firstSlot: UInt64
    public let transactionCount: UInt32
    /// The sequence number of this block's first event; of the next block's if this one has none.
    public let firstSequence: UInt64
    public let eventCount: UInt32
    public let header: [UInt8]
    public let certificate: [UInt8]
}

/// The prunable part of a block.
public struct BlockBody: Equatable, Sendable {
    public let transactions: [UInt8]
    public let receipts: [UInt8]
    public let changes: [UInt8]
}

/// An event to be appended with its block. Sequence numbers are given in order, from 1.
public struct NewEvent: Equatable, Sendable {
    public var module: String
    public var kind: String
    public var path: [UInt8]?
    public var accounts: [[UInt8]]
    public var payload: [UInt8]

    public init(module: String, kind: String, path: [UInt8]? = nil, accounts: [[UInt8]], payload: [UInt8]) {
        self.module = module
        self.kind = kind
        self.path = path
        self.accounts = accounts
        self.payload = payload
    }
}

/// Hashes that an authenticated vector has gained on one of its levels: written once and never again.
public struct HashRun: Equatable, Sendable {
    /// The vector, below 8.
    public var tree: UInt8
    /// Below 16.
    public var level: UInt8
    /// The place of the first hash on its level, below 2^56.
    public var first: UInt64
    /// 32 bytes each.
    public var hashes: [UInt8]

    public init(tree: UInt8, level: UInt8, first: UInt64, hashes: [UInt8]) {
        self.tree = tree
        self.level = level
        self.first = first
        self.hashes = hashes
    }
}

/// What makes a block findable; written in the block's own transaction.
public struct BlockIndexes: Sendable {
    /// In block order; as many as the block has transactions.
    public var transactionIDs: [[UInt8]]
    public var events: [NewEvent]
    public var hashes: [HashRun]

    public init(transactionIDs: [[UInt8]] = [], events: [NewEvent] = [], hashes: [HashRun] = []) {
        self.transactionIDs = transactionIDs
        self.events = events
        self.hashes = hashes
    }
}
