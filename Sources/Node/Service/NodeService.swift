import Primitives

/// Everything that a program may ask of a node. The node itself conforms (calls inside one process), and so does the
/// HTTP client, so the command line, sites and tests are written once and use either.
///
/// Bytes that are signed or hashed (transactions, headers, certificates, proofs) travel as their DAG-CBOR encoding and
/// are never re-encoded on the way: the reader decodes them with the ledger's types and checks them itself.
///
/// Threads: every method may be called from any task. None blocks a thread of the cooperative pool.
/// Errors: `ServiceError` only.
public protocol NodeService: Sendable {
    /// The caller does not believe what the node has said, or it lacks something: another node is asked from now on,
    /// where there is one.
    func turnAway()

    // MARK: What the node is and how it fares

    func status() async throws(ServiceError) -> NodeStatus
    /// Never throws for a sick node: the answer says what is wrong.
    func health() async throws(ServiceError) -> NodeHealth
    func metrics() async throws(ServiceError) -> [MetricSample]
    /// The node among others: its own addresses, its peers and their conduct.
    func networkStatus() async throws(ServiceError) -> NetworkStatus
    /// The genesis document, encoded; its CID is the chain's id.
    func genesis() async throws(ServiceError) -> [UInt8]

    // MARK: Transactions

    /// Takes a signed transaction envelope, and answers as soon as it is decided, or admitted and `wait` is over.
    func submit(_ envelope: [UInt8], waitingAtMost wait: Duration) async throws(ServiceError) -> SubmissionOutcome
    /// Waits until the transaction is decided; nil when `timeout` passes first.
    func receipt(of id: Digest, waitingAtMost timeout: Duration) async throws(ServiceError) -> TransactionReceipt?
    func transaction(_ reference: TransactionReference) async throws(ServiceError) -> ProvenTransaction

    // MARK: State

    /// Sequences include what is waiting in the pool, so that the next transaction can be built from the answer.
    func account(_ id: AccountID) async throws(ServiceError) -> AccountView
    /// The value at a path, or the proof that there is none, against the last certified header.
    func state(at path: [UInt8]) async throws(ServiceError) -> ProvenValue
    /// Several values of the same state at once; at most `ProvenValues.pathLimit` paths, and at least one.
    func values(at paths: [[UInt8]]) async throws(ServiceError) -> ProvenValues
    /// Entries below a prefix in path order, beginning after `start`, with one proof for the range.
    func list(prefix: [UInt8], after start: [UInt8]?, limit: Int) async throws(ServiceError) -> ProvenListing

    // MARK: Blocks and events

    /// Certified headers from `height` on, at most `limit`.
    func headers(from height: UInt64, limit: Int) async throws(ServiceError) -> [CertifiedHeader]
    /// Those of them that hand over to other validators, with these: what leads from the genesis to the validators of
    /// any height.
    func handovers(from height: UInt64, limit: Int) async throws(ServiceError) -> [CertifiedHeader]
    /// Events after the query's cursor; waits for the first one when there is none yet and `wait` is not zero.
    func events(_ query: EventQuery) async throws(ServiceError) -> EventPage
    /// A position that a subscriber stored under a name, and that survives restarts; nil when none was stored.
    func namedCursor(_ name: String) async throws(ServiceError) -> EventCursor?
    func setNamedCursor(_ name: String, to cursor: EventCursor) async throws(ServiceError)

    // MARK: Objects

    /// Streams an object's bytes to `sink`, and throws `.digestMismatch` after the last one where they do not give the
    /// CID: a caller keeps nothing that it received before this method returned.
    func getObject(_ id: CID, into sink: any ObjectSink) async throws(ServiceError) -> UInt64
    /// Stores an object under its CID. The digest and the size limit are checked while it streams; nothing is kept of
    /// an object that fails.
    func putObject(_ id: CID, from source: any ObjectSource) async throws(ServiceError) -> ObjectReceipt
    /// The size of an object in bytes; nil when the node does not have it.
    func objectSize(_ id: CID) async throws(ServiceError) -> UInt64?
}

extension NodeService {
    /// Takes a signed transaction envelope, and answers as soon as it is admitted to the pool or decided.
    public func submit(_ envelope: [UInt8]) async throws(ServiceError) -> SubmissionOutcome {
        try await submit(envelope, waitingAtMost: .zero)
    }

    /// One node is all there is.
    public func turnAway() {}
}

/// Where streamed bytes go. Called from one task at a time.
public protocol ObjectSink: Sendable {
    func write(_ bytes: [UInt8]) async throws(ServiceError)
}

/// Where streamed bytes come from. Called from one task at a time.
public protocol ObjectSource: Sendable {
    /// The size in bytes when it is known beforehand.
    var byteCount: UInt64? { get }
    /// The next piece (of about 64 KiB), or nil at the end.
    func next() async throws(ServiceError) -> [UInt8]?
}
