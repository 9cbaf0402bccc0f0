import Primitives

/// Where the state lives: an ordered map of byte paths under a Merkle root. Modules see it only through `ModuleContext`.
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
    /// Makes all changes or none; the result takes them back.
    func apply(_ changes: [StateChange]) throws(StateTreeError) -> StateUndo
    /// Like `apply`, for changes that are final: nothing is kept to take them back.
    func applyForGood(_ changes: [StateChange]) throws(StateTreeError)
    func revert(_ undo: StateUndo)
    func root() -> Digest
    /// The digest of the subtree below `prefix`.
    func subtreeRoot(prefix: [UInt8]) -> Digest
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
    public func apply(_ changes: [StateChange]) throws(StateTreeError) -> StateUndo { try tree.apply(changes) }
    public func applyForGood(_ changes: [StateChange]) throws(StateTreeError) { try tree.applyForGood(changes) }
    public func revert(_ undo: StateUndo) { tree.revert(undo) }
    public func root() -> Digest { tree.root() }
    public func subtreeRoot(prefix: [UInt8]) -> Digest { tree.subtreeRoot(prefix: prefix) }
}
