/// An append-only vector under a Merkle root (RFC 9162, section 2.1): the history of blocks, the transactions of one.
///
/// The value holds the frontier only: the roots of the complete subtrees that the size divides into, at most 64. It can
/// be stored and continued. Proofs need the digests of complete subtrees inside, which whoever keeps the entries also
/// keeps (`MerkleVectorProver`); `append` tells which are new.
public struct MerkleVector<Hash: MerkleHash>: Hashable, Sendable {
    /// The entries so far.
    public private(set) var count: UInt64 = 0
    /// The roots of the complete subtrees, largest first: one for each bit that is set in `count`.
    public private(set) var frontier: [Digest] = []

    public init() {}

    /// Continues from a stored frontier; nil if it does not have one digest for each bit set in `count`.
    public init?(count: UInt64, frontier: [Digest]) {
        guard frontier.count == count.nonzeroBitCount else { return nil }
        self.count = count
        self.frontier = frontier
    }

    /// A complete subtree: `level` 0 is a leaf's digest; it covers 2^level entries from `index` × 2^level on.
    public struct Node: Hashable, Sendable {
        public let level: Int
        public let index: UInt64

        public init(level: Int, index: UInt64) {
            self.level = level
            self.index = index
        }
    }

    /// Appends an entry, and returns its digest.
    @discardableResult
    public mutating func append(_ entry: [UInt8]) -> Digest {
        let leaf = Hash.leaf(entry)
        append(leafDigest: leaf) { _, _ in }
        return leaf
    }

    /// Appends an entry by its digest, and hands over every complete subtree that it completes, the leaf first: what a
    /// store keeps for proofs.
    public mutating func append(leafDigest: Digest, completed: (Node, Digest) -> Void) {
        var digest = leafDigest
        var index = count
        var level = 0
        completed(Node(level: 0, index: index), digest)
        while index & 1 == 1, let left = frontier.popLast() {
            digest = Hash.node(left, digest)
            index >>= 1
            level += 1
            completed(Node(level: level, index: index), digest)
        }
        frontier.append(digest)
        count += 1
    }

    /// The Merkle tree hash of all entries.
    public var root: Digest {
        guard var digest = frontier.last else { return Hash.empty }
        for left in frontier.dropLast().reversed() { digest = Hash.node(left, digest) }
        return digest
    }

    /// The root of entries that are all at hand.
    public static func root(of entries: [[UInt8]]) -> Digest {
        var vector = MerkleVector()
        for entry in entries { vector.append(entry) }
        return vector.root
    }

    /// The root over digests of leaves, or of complete subtrees of one size.
    public static func root(leafDigests: [Digest]) -> Digest {
        var vector = MerkleVector()
        for digest in leafDigests { vector.append(leafDigest: digest) { _, _ in } }
        return vector.root
    }
}

extension MerkleVector: CBORCodable {
    /// [count, [digest …]]
    public func encode(to encoder: inout CBOREncoder) {
        encoder.array(count: 2)
        encoder.unsigned(count)
        encoder.list(frontier)
    }

    public init(from decoder: inout CBORDecoder) throws(CBORError) {
        try decoder.array(count: 2)
        let count = try decoder.unsigned()
        let frontier: [Digest] = try decoder.list(maximum: 64)
        guard let vector = MerkleVector(count: count, frontier: frontier) else {
            throw decoder.invalid("a frontier that does not fit the count")
        }
        self = vector
    }
}

/// The vectors of this system.
public typealias HistoryVector = MerkleVector<BLAKE2bMerkleHash>
