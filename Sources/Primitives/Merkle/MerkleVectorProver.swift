/// Makes the proofs of RFC 9162, sections 2.1.3 and 2.1.4, from the digests of complete subtrees, which the closure
/// reads from wherever they are kept: an array of levels, or a table of tiles.
public struct MerkleVectorProver<Hash: MerkleHash> {
    public typealias Node = MerkleVector<Hash>.Node

    private let read: (Node) -> Digest?

    /// - Parameter read: the digest of a complete subtree, or nil if it is not kept (any longer).
    public init(read: @escaping (Node) -> Digest?) { self.read = read }

    /// A prover over leaf digests that are all at hand.
    public init(leafDigests: [Digest]) {
        var levels: [[Digest]] = []
        var vector = MerkleVector<Hash>()
        for leaf in leafDigests {
            vector.append(leafDigest: leaf) { node, digest in
                if node.level == levels.count { levels.append([]) }
                levels[node.level].append(digest)
            }
        }
        let kept = levels
        self.init { node in
            guard kept.indices.contains(node.level), node.index < UInt64(kept[node.level].count) else { return nil }
            return kept[node.level][Int(node.index)]
        }
    }

    /// The proof that entry `index` is in the vector of the first `count` entries. Fails if `index` is not below
    /// `count`, or a digest is not kept.
    public func inclusion(of index: UInt64, count: UInt64) throws(MerkleProofError) -> MerkleInclusionProof {
        guard index < count else {
            throw MerkleProofError(
                code: .outOfRange, reason: "\(count) entries have no entry \(index)", place: "prover")
        }
        var path: [Digest] = []
        var (start, size) = (UInt64(0), count)
        while size > 1 {
            let left = MerkleVectorProver.split(size)
            if index - start < left {
                path.append(try digest(from: start + left, size: size - left))
                size = left
            } else {
                path.append(try digest(from: start, size: left))
                start += left
                size -= left
            }
        }
        return MerkleInclusionProof(index: index, count: count, path: path.reversed())
    }

    /// The proof that the first `first` entries of the vector of `second` entries are those of the earlier vector.
    public func consistency(from first: UInt64, to second: UInt64) throws(MerkleProofError) -> MerkleConsistencyProof {
        guard first <= second else {
            throw MerkleProofError(
                code: .outOfRange, reason: "\(second) entries do not extend \(first)", place: "prover")
        }
        var path: [Digest] = []
        if first > 0 && first < second {
            var (start, size) = (UInt64(0), second)
            var isOldRoot = true
            while first - start != size {
                let left = MerkleVectorProver.split(size)
                if first - start <= left {
                    path.append(try digest(from: start + left, size: size - left))
                    size = left
                } else {
                    path.append(try digest(from: start, size: left))
                    start += left
                    size -= left
                    isOldRoot = false
                }
            }
            // The subtree where both meet; the verifier has it when it is the whole old vector.
            if !isOldRoot { path.append(try digest(from: start, size: size)) }
        }
        return MerkleConsistencyProof(first: first, second: second, path: path.reversed())
    }

    /// The largest power of two below the size, which is above 1.
    private static func split(_ size: UInt64) -> UInt64 { 1 << UInt64(63 - (size - 1).leadingZeroBitCount) }

    /// The Merkle tree hash of a range that begins at a multiple of the power of two at or above its size.
    private func digest(from start: UInt64, size: UInt64) throws(MerkleProofError) -> Digest {
        var (place, rest) = (start, size)
        var parts: [Digest] = []
        while rest > 0 {
            let level = 63 - rest.leadingZeroBitCount
            let node = Node(level: level, index: place >> UInt64(level))
            guard let digest = read(node) else {
                throw MerkleProofError(
                    code: .missingNode, reason: "the digest of level \(node.level), index \(node.index) is not kept",
                    place: "prover")
            }
            parts.append(digest)
            place += 1 << UInt64(level)
            rest -= 1 << UInt64(level)
        }
        guard var result = parts.popLast() else { return Hash.empty }
        while let left = parts.popLast() { result = Hash.node(left, result) }
        return result
    }
}
