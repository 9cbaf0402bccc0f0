import Primitives

/// A node at one moment.
public struct NodeStatus: Sendable, Hashable, Codable {
    public var version: String
    /// `validator` where the node's key is in the validator set, else `observer`.
    public var role: String
    /// The chain's id: the CID of its genesis, as text.
    public var chain: String
    public var height: UInt64
    /// The id of the last header, hex.
    public var head: String
    public var stateRoot: String
    /// Time of the last block, milliseconds since 1970.
    public var headTimeMilliseconds: UInt64
    /// The first height whose blocks are kept.
    public var firstKeptHeight: UInt64
    /// The consensus plugin in charge, e.g. `solo`.
    public var engine: String
    public var rulesVersion: UInt64
    public var validators: Int
    public var pendingTransactions: Int
    public var transactions: UInt64
    public var uptimeMilliseconds: UInt64
    /// Facts that a reader should know before trusting the node, e.g. that its operator can foresee the beacon.
    public var notes: [String]
    public var plugins: [PluginStatus]
    /// The account that aggregates for jobs which name nobody else; nil where the node does not.
    public var aggregator: String?

    public struct PluginStatus: Sendable, Hashable, Codable {
        public var id: String
        public var kind: String
        public var version: String
        /// `in-process` or `process`.
        public var isolation: String
        public var healthy: Bool

        public init(id: String, kind: String, version: String, isolation: String, healthy: Bool) {
            self.id = id
            self.kind = kind
            self.version = version
            self.isolation = isolation
            self.healthy = healthy
        }
    }

    public init(
        version: String, role: String, chain: String, height: UInt64, head: String, stateRoot: String,
        headTimeMilliseconds: UInt64, firstKeptHeight: UInt64, engine: String, rulesVersion: UInt64, validators: Int,
        pendingTransactions: Int, transactions: UInt64, uptimeMilliseconds: UInt64, notes: [String],
        plugins: [PluginStatus], aggregator: String? = nil
    ) {
        self.version = version
        self.role = role
        self.chain = chain
        self.height = height
        self.head = head
        self.stateRoot = stateRoot
        self.headTimeMilliseconds = headTimeMilliseconds
        self.firstKeptHeight = firstKeptHeight
        self.engine = engine
        self.rulesVersion = rulesVersion
        self.validators = validators
        self.pendingTransactions = pendingTransactions
        self.transactions = transactions
        self.uptimeMilliseconds = uptimeMilliseconds
        self.notes = notes
        self.plugins = plugins
        self.aggregator = aggregator
    }
}

/// Whether the node can do its work, and what is in the way.
public struct NodeHealth: Sendable, Hashable, Codable {
    public var healthy: Bool
    public var findings: [Finding]

    /// One thing that was looked at.
    public struct Finding: Sendable, Hashable, Codable {
        /// A stable name, e.g. `disk`.
        public var check: String
        public var healthy: Bool
        public var detail: String
        /// What to do when it is not healthy.
        public var mend: String?

        public init(check: String, healthy: Bool, detail: String, mend: String? = nil) {
            self.check = check
            self.healthy = healthy
            self.detail = detail
            self.mend = mend
        }
    }

    public init(findings: [Finding]) {
        self.findings = findings
        healthy = findings.allSatisfy(\.healthy)
    }
}

/// A signed envelope was taken: either decided already, or waiting in the pool.
public enum SubmissionOutcome: Sendable, Hashable {
    case decided(TransactionReceipt)
    case pending(id: Digest)

    public var id: Digest {
        switch self {
        case .decided(let receipt): receipt.id
        case .pending(let id): id
        }
    }
}

/// What became of a transaction.
public struct TransactionReceipt: Sendable, Hashable {
    public var id: Digest
    /// Position in the history vector.
    public var slot: UInt64
    public var height: UInt64
    /// 0 is success; others are the ledger's append-only result codes.
    public var resultCode: Int32
    /// A sentence about the result that is not part of any hash; empty when the node has none.
    public var detail: String
    public var fee: Amount
    /// The receipt as the ledger hashed it.
    public var encoded: [UInt8]

    public var succeeded: Bool { resultCode == 0 }

    public init(
        id: Digest, slot: UInt64, height: UInt64, resultCode: Int32, detail: String, fee: Amount, encoded: [UInt8]
    ) {
        self.id = id
        self.slot = slot
        self.height = height
        self.resultCode = resultCode
        self.detail = detail
        self.fee = fee
        self.encoded = encoded
    }
}

public enum TransactionReference: Sendable, Hashable {
    case slot(UInt64)
    case id(Digest)
}

/// A header and its certificate, both encoded.
public struct CertifiedHeader: Sendable, Hashable {
    /// Before the first block: nothing is certified yet, and whoever trusts nobody executes the genesis itself.
    public static let genesis = CertifiedHeader(height: 0, header: [], certificate: [])

    public var height: UInt64
    public var header: [UInt8]
    public var certificate: [UInt8]
    /// The set of validators to which the header hands over, encoded; nil where the same go on, and in anchors.
    public var newValidators: [UInt8]?

    public init(height: UInt64, header: [UInt8], certificate: [UInt8], newValidators: [UInt8]? = nil) {
        self.height = height
        self.header = header
        self.certificate = certificate
        self.newValidators = newValidators
    }
}

/// A transaction with its receipt, and the proof that its slot in history holds it.
public struct ProvenTransaction: Sendable, Hashable {
    public var slot: UInt64
    public var envelope: [UInt8]
    public var receipt: TransactionReceipt
    /// Inclusion in the history vector, encoded.
    public var proof: [UInt8]
    public var anchor: CertifiedHeader

    public init(
        slot: UInt64, envelope: [UInt8], receipt: TransactionReceipt, proof: [UInt8], anchor: CertifiedHeader
    ) {
        self.slot = slot
        self.envelope = envelope
        self.receipt = receipt
        self.proof = proof
        self.anchor = anchor
    }
}

/// A value, or its absence (nil), with a proof against a certified header.
public struct ProvenValue: Sendable, Hashable {
    public var path: [UInt8]
    public var value: [UInt8]?
    /// `StateProof`, encoded.
    public var proof: [UInt8]
    public var anchor: CertifiedHeader

    public init(path: [UInt8], value: [UInt8]?, proof: [UInt8], anchor: CertifiedHeader) {
        self.path = path
        self.value = value
        self.proof = proof
        self.anchor = anchor
    }
}

/// Several values of one state, each with its proof against the same certified header.
public struct ProvenValues: Sendable, Hashable {
    public struct Entry: Sendable, Hashable {
        public var path: [UInt8]
        public var value: [UInt8]?
        /// `StateProof`, encoded.
        public var proof: [UInt8]

        public init(path: [UInt8], value: [UInt8]?, proof: [UInt8]) {
            self.path = path
            self.value = value
            self.proof = proof
        }
    }

    /// The most paths that one call asks for: they are in the request's target, which servers bound at 8 KiB.
    public static let pathLimit = 24

    /// In the order of the paths that were asked for.
    public var entries: [Entry]
    public var anchor: CertifiedHeader

    public init(entries: [Entry], anchor: CertifiedHeader) {
        self.entries = entries
        self.anchor = anchor
    }
}

/// A part of a subtree.
public struct ProvenListing: Sendable, Hashable {
    public var prefix: [UInt8]
    public var entries: [Entry]
    /// True when entries follow after the last one.
    public var hasMore: Bool
    public var proof: [UInt8]
    public var anchor: CertifiedHeader

    public struct Entry: Sendable, Hashable {
        public var path: [UInt8]
        public var value: [UInt8]

        public init(path: [UInt8], value: [UInt8]) {
            self.path = path
            self.value = value
        }
    }

    public init(prefix: [UInt8], entries: [Entry], hasMore: Bool, proof: [UInt8], anchor: CertifiedHeader) {
        self.prefix = prefix
        self.entries = entries
        self.hasMore = hasMore
        self.proof = proof
        self.anchor = anchor
    }
}

/// What a wallet needs to know of an account.
public struct AccountView: Sendable, Hashable {
    public var id: AccountID
    public var exists: Bool
    public var balance: Amount
    /// The next sequence number of each lane that was used, with what waits in the pool counted.
    public var nextSequences: [UInt8: UInt64]
    /// The authorisation record, encoded; nil for the default (the account's own key).
    public var authorisation: [UInt8]?
    public var height: UInt64

    public init(
        id: AccountID, exists: Bool, balance: Amount, nextSequences: [UInt8: UInt64], authorisation: [UInt8]?,
        height: UInt64
    ) {
        self.id = id
        self.exists = exists
        self.balance = balance
        self.nextSequences = nextSequences
        self.authorisation = authorisation
        self.height = height
    }

    public func nextSequence(lane: UInt8) -> UInt64 { nextSequences[lane] ?? 0 }
}

/// The outcome of storing an object.
public struct ObjectReceipt: Sendable, Hashable {
    public var id: CID
    public var byteCount: UInt64
    /// False when the node had it already.
    public var created: Bool

    public init(id: CID, byteCount: UInt64, created: Bool) {
        self.id = id
        self.byteCount = byteCount
        self.created = created
    }
}
