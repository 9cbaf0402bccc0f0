import Primitives

/// Where the state lives: an ordered map of byte paths under a Merkle root. Modules see it only through
/// `ModuleContext`.
///
/// One thread at a time. Memory is the first store; one on disk can follow without a change of formats.
public protocol StateStore: AnyObject {
    /// Entries.
    var count: Int { get }
    /// Bytes of all paths and values; what the ledger's limit of the state's size counts.
    var contentByteCount: Int { get }

    func get(_ path: [UInt8]) -> [UInt8]?
    /// At most `limit` entries below `prefix` in order, from the first whose path is `start` or after it.
    func scan(prefix: [UInt8], from start: [UInt8], limit: Int) -> [StateEntry]
    func put(_ path: [UInt8], _ value: [UInt8]) throws(StateTreeError)
    func delete(_ path: [UInt8])
    /// Adds an entry whose path is after all others: how a large state is loaded, in order. The bytes are borrowed.
    func append(_ path: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) throws(StateTreeError)
    /// Makes all changes or none; the result takes them back.
    func apply(_ changes: [StateChange]) throws(StateTreeError) -> StateUndo
    /// Like `apply`, for changes that are final: nothing is kept to take them back.
    func applyForGood(_ changes: [StateChange]) throws(StateTreeError)
    func revert(_ undo: StateUndo)
    func root() -> Digest
    /// The same, computed by all cores: for when most of the state is new. Blocks its thread.
    func rootOnAllCores() -> Digest
    /// The digest of the subtree below `prefix`.
    func subtreeRoot(prefix: [UInt8]) -> Digest
    /// Proves what is, or is not, at `path`, against `root()`.
    func prove(_ path: [UInt8]) -> StateProof
    /// Proves everything below `prefix`, or that nothing is.
    func prove(prefix: [UInt8]) -> StateProof
    /// Divides the state into subtrees of at most so many bytes, in the order of their paths: the chunks of a snapshot.
    func chunks(maximumByteCount: Int) -> [StateChunk]
    /// The entries of a chunk, encoded; nil if the state has changed there.
    func content(of chunk: StateChunk) -> [UInt8]?
    /// Adds a chunk's entries, if they are what `root` names.
    func restore(chunk content: [UInt8], root: Digest) throws(StateProofError)
}

/// The state in memory, over the path-compressed Merkle tree of `Primitives`.
public final class MemoryStateStore: StateStore {
    private let tree = StateTree()

    public init() {}

    public var count: Int { tree.count }
    public var contentByteCount: Int { tree.contentByteCount }
    public func get(_ path: [UInt8]) -> [UInt8]? { tree.get(path) }
    public func scan(prefix: [UInt8], from start: [UInt8], limit: Int) -> [StateEntry] {
        tree.scan(prefix: prefix, from: start, limit: limit)
    }
    public func put(_ path: [UInt8], _ value: [UInt8]) throws(StateTreeError) { try tree.put(path, value) }
    public func delete(_ path: [UInt8]) { tree.delete(path) }
    public func append(_ path: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) throws(StateTreeError) {
        try tree.append(path, value)
    }
    public func apply(_ changes: [StateChange]) throws(StateTreeError) -> StateUndo { try tree.apply(changes) }
    public func applyForGood(_ changes: [StateChange]) throws(StateTreeError) { try tree.applyForGood(changes) }
    public func revert(_ undo: StateUndo) { tree.revert(undo) }
    public func root() -> Digest { tree.root() }
    public func rootOnAllCores() -> Digest { tree.rootOnAllCores() }
    public func subtreeRoot(prefix: [UInt8]) -> Digest { tree.subtreeRoot(prefix: prefix) }
    public func prove(_ path: [UInt8]) -> StateProof { tree.prove(path) }
    public func prove(prefix: [UInt8]) -> StateProof { tree.prove(prefix: prefix) }
    public func chunks(maximumByteCount: Int) -> [StateChunk] { tree.chunks(maximumByteCount: maximumByteCount) }
    public func content(of chunk: StateChunk) -> [UInt8]? { tree.content(of: chunk) }
    public func restore(chunk content: [UInt8], root: Digest) throws(StateProofError) {
        try tree.restore(chunk: content, root: root)
    }
}
