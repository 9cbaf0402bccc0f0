import Primitives

/// The ids of all transactions by slot, as an RFC 9162 vector: append-only, with a root in every header.
///
/// Memory holds the vector's frontier. Digests of complete subtrees are stored for every eighth level, each once, when
/// it is complete: that is enough to restore the frontier and to prove any slot, with the digests of levels between
/// computed from at most 128 stored ones.
public struct TransactionHistory: Hashable, Sendable {
    /// Levels of the tree from one stored level to the next.
    static let levelStep = 8

    /// Digests that a stored level has gained since `takeNewHashes`.
    public struct Run: Hashable, Sendable {
        /// 0 for leaves, 1 for subtrees of 256 leaves, and so on.
        public let level: UInt8
        /// The place of the first digest on its level.
        public let first: UInt64
        public internal(set) var hashes: [Digest]
    }

    /// Finds `count` digests of a stored level from a place on; nil if they are not all there.
    public typealias Read = (_ level: UInt8, _ first: UInt64, _ count: Int) -> [Digest]?

    private var vector = HistoryVector()
    /// By stored level.
    private var new: [Run] = []

    public init() {}

    /// Restores a vector of `size` leaves from its stored digests.
    public init(size: UInt64, read: Read) throws(TrustError) {
        var frontier: [Digest] = []
        for level in (0..<64).reversed() where size >> UInt64(level) & 1 == 1 {
            let index = (size >> UInt64(level)) - 1
            guard let digest = TransactionHistory.digest(.init(level: level, index: index), read) else {
                throw TrustError(.wrongHistory, "the digest of level \(level), index \(index) is not stored")
            }
            frontier.append(digest)
        }
        guard let vector = HistoryVector(count: size, frontier: frontier) else {
            throw TrustError(.wrongHistory, "\(frontier.count) digests do not make a history of \(size)")
        }
        self.vector = vector
    }

    /// Leaves.
    public var size: UInt64 { vector.count }

    public mutating func append(_ id: Digest) {
        var new = new
        self.new = []
        vector.append(leafDigest: BLAKE2bMerkleHash.leaf(id)) { node, digest in
            let (level, between) = node.level.quotientAndRemainder(dividingBy: TransactionHistory.levelStep)
            guard between == 0 else { return }
            if let place = new.firstIndex(where: { $0.level == level }) {
                new[place].hashes.append(digest)
            } else {
                new.append(Run(level: UInt8(level), first: node.index, hashes: [digest]))
            }
        }
        self.new = new
    }

    /// The root over all leaves so far.
    public func root() -> Digest { vector.root }

    /// What has to be stored so that the vector can be restored and proven.
    public mutating func takeNewHashes() -> [Run] {
        defer { new = [] }
        return new
    }

    /// The siblings that prove the leaf at `slot`, from stored digests.
    public func path(to slot: UInt64, read: @escaping Read) throws(TrustError) -> [Digest] {
        do {
            let prover = MerkleVectorProver<BLAKE2bMerkleHash> { TransactionHistory.digest($0, read) }
            return try prover.inclusion(of: slot, count: size).path
        } catch {
            throw TrustError(.wrongHistory, error.description)
        }
    }

    /// The digest of a complete subtree.
    private static func digest(_ node: HistoryVector.Node, _ read: Read) -> Digest? {
        let (level, between) = node.level.quotientAndRemainder(dividingBy: levelStep)
        let count = 1 << between
        guard let hashes = read(UInt8(level), node.index * UInt64(count), count), hashes.count == count else {
            return nil
        }
        return HistoryVector.root(leafDigests: hashes)
    }
}
