/// A path and its value.
public struct StateEntry: Hashable, Sendable, CBORCodable {
    public let path: [UInt8]
    public let value: [UInt8]

    public init(path: [UInt8], value: [UInt8]) {
        self.path = path
        self.value = value
    }

    public func encode(to encoder: inout CBOREncoder) {
        encoder.array(count: 2)
        encoder.bytes(path)
        encoder.bytes(value)
    }

    public init(from decoder: inout CBORDecoder) throws(CBORError) {
        try decoder.array(count: 2)
        path = try decoder.bytes()
        value = try decoder.bytes()
    }
}

/// A path and its new value, or nil to delete it.
public struct StateChange: Hashable, Sendable, CBORCodable {
    public let path: [UInt8]
    public let value: [UInt8]?

    public init(path: [UInt8], value: [UInt8]?) {
        self.path = path
        self.value = value
    }

    public func encode(to encoder: inout CBOREncoder) {
        encoder.array(count: 2)
        encoder.bytes(path)
        if let value { encoder.bytes(value) } else { encoder.null() }
    }

    public init(from decoder: inout CBORDecoder) throws(CBORError) {
        try decoder.array(count: 2)
        path = try decoder.bytes()
        value = decoder.skipNull() ? nil : try decoder.bytes()
    }
}

/// What takes a batch of changes back. Valid for the tree as `apply` left it; batches are reverted last first.
public struct StateUndo: Hashable, Sendable {
    /// What the paths held before, last change first.
    public let changes: [StateChange]
}

/// Why the tree refused something.
public struct StateTreeError: Error, Hashable, Sendable, CustomStringConvertible {
    public enum Code: String, Hashable, Sendable {
        /// A path has more than 128 bytes.
        case pathTooLong
        /// A value has 2^30 bytes or more.
        case valueTooLong
        /// An appended path is not after all others.
        case outOfOrder
    }

    public let code: Code
    public let reason: String
    /// The start of the path, in hexadecimal digits.
    public let place: String

    public var description: String { "path \(place): \(reason) [\(code.rawValue)]" }
}

/// The state: an ordered map from paths (128 bytes at most) to values, and a Merkle tree over it in which every byte
/// prefix is a subtree (`StatePath`, `StateHash`). The root is a function of the content alone, whatever the order of
/// changes.
///
/// Everything is in memory: 92 bytes a key, and what growth reserves, on top of paths and values. Digests are computed
/// when `root()` is called, once for all changes since the last call. One thread at a time; not Sendable.
public final class StateTree {
    var core = StateTreeCore()

    public static let maximumPathByteCount = StatePath.maximumByteCount
    public static let maximumValueByteCount = 1 << 30
    /// The root of a tree without entries.
    public static let emptyRoot = StateHash.empty

    public init() {}

    /// Entries.
    public var count: Int { core.count }
    /// Bytes of all paths and values.
    public var contentByteCount: Int { core.contentByteCount }
    /// Bytes that the tree has reserved, content included.
    public var memoryByteCount: Int { core.memoryByteCount }

    /// The root digest. Costs a hash for each node above a changed path, once.
    public func root() -> Digest { core.root() }

    /// The root, with the work divided among all cores: for when most of a large tree has changed. Blocks its thread.
    public func rootOnAllCores() -> Digest { core.rootOnAllCores() }

    // MARK: Single entries

    public func get(_ path: [UInt8]) -> [UInt8]? {
        path.withUnsafeBytes { buffer in
            core.find(buffer).map { [UInt8](core.value($0)) }
        }
    }

    public func contains(_ path: [UInt8]) -> Bool {
        path.withUnsafeBytes { core.find($0) != nil }
    }

    /// Hands the value to the closure without a copy; the closure must not change the tree.
    public func withValue<Result>(_ path: [UInt8], _ body: (UnsafeRawBufferPointer?) -> Result) -> Result {
        path.withUnsafeBytes { buffer in
            body(core.find(buffer).map { core.value($0) })
        }
    }

    public func put(_ path: [UInt8], _ value: [UInt8]) throws(StateTreeError) {
        try StateTree.check(path, value)
        path.withUnsafeBytes { pathBuffer in
            value.withUnsafeBytes { core.put(pathBuffer, $0) }
        }
    }

    /// Adds an entry behind all others, ten times faster than `put`: for sorted entries. Refuses one whose path is not
    /// after all others with `outOfOrder`.
    public func append(_ path: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) throws(StateTreeError) {
        try StateTree.check(pathByteCount: path.count, valueByteCount: value.count) { path.prefix(16) }
        guard core.append(path, value) else {
            throw StateTreeError(
                code: .outOfOrder, reason: "the path is not after all others", place: Hex.encode(path.prefix(16)))
        }
    }

    /// Returns whether there was an entry.
    @discardableResult
    public func delete(_ path: [UInt8]) -> Bool {
        path.withUnsafeBytes { core.delete($0) }
    }

    // MARK: Batches

    /// Makes all changes, in their order, or none if one is refused.
    public func apply(_ changes: [StateChange]) throws(StateTreeError) -> StateUndo {
        for change in changes { try StateTree.check(change.path, change.value ?? []) }
        var before: [StateChange] = []
        before.reserveCapacity(changes.count)
        for (index, change) in changes.enumerated() {
            if index % StateTreeCore.lanes == 0 { readAhead(changes, from: index) }
            before.append(StateChange(path: change.path, value: get(change.path)))
            make(change)
        }
        before.reverse()
        return StateUndo(changes: before)
    }

    /// Makes all changes like `apply`, for callers that never take them back: a restart, a snapshot.
    public func applyForGood(_ changes: [StateChange]) throws(StateTreeError) {
        for change in changes { try StateTree.check(change.path, change.value ?? []) }
        for (index, change) in changes.enumerated() {
            if index % StateTreeCore.lanes == 0 { readAhead(changes, from: index) }
            make(change)
        }
    }

    /// Takes the last batch back that is not yet reverted.
    public func revert(_ undo: StateUndo) {
        for change in undo.changes { make(change) }
    }

    /// Keeps what `touch` returns, so that its reads are not optimised away.
    private var lastRead: UInt64 = 0

    private func readAhead(_ changes: [StateChange], from index: Int) {
        lastRead = core.touch(changes[index..<min(index + StateTreeCore.lanes, changes.count)])
    }

    private func make(_ change: StateChange) {
        change.path.withUnsafeBytes { path in
            if let value = change.value {
                value.withUnsafeBytes { core.put(path, $0) }
            } else {
                _ = core.delete(path)
            }
        }
    }

    private static func check(_ path: [UInt8], _ value: [UInt8]) throws(StateTreeError) {
        try check(pathByteCount: path.count, valueByteCount: value.count) { path.prefix(16) }
    }

    private static func check(
        pathByteCount: Int, valueByteCount: Int, start: () -> some Sequence<UInt8>
    ) throws(StateTreeError) {
        guard pathByteCount <= maximumPathByteCount else {
            throw StateTreeError(
                code: .pathTooLong, reason: "\(pathByteCount) bytes; the limit is \(maximumPathByteCount)",
                place: Hex.encode(Array(start())))
        }
        guard valueByteCount < maximumValueByteCount else {
            throw StateTreeError(
                code: .valueTooLong, reason: "a value of \(valueByteCount) bytes", place: Hex.encode(Array(start())))
        }
    }
}
