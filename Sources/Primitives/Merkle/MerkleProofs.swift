/// Why a proof over a Merkle vector could not be made or proves nothing.
public struct MerkleProofError: Error, Hashable, Sendable, CustomStringConvertible {
    public enum Code: String, Hashable, Sendable {
        case outOfRange
        /// A digest that the proof needs is not kept any longer.
        case missingNode
        /// The proof has too few or too many digests.
        case wrongLength
        case wrongRoot
    }

    public let code: Code
    public let reason: String
    public let place: String

    public var description: String { "\(place): \(reason) [\(code.rawValue)]" }
}

/// Shows that an entry is in a vector (RFC 9162, section 2.1.3).
public struct MerkleInclusionProof: Hashable, Sendable, CBORCodable {
    public let index: UInt64
    /// The entries of the vector whose root the proof leads to.
    public let count: UInt64
    /// The siblings, from the leaf up.
    public let path: [Digest]

    public init(index: UInt64, count: UInt64, path: [Digest]) {
        self.index = index
        self.count = count
        self.path = path
    }

    /// Verifies as RFC 9162, section 2.1.3.2 says; returns if the entry with this digest is at `index`, throws
    /// otherwise.
    public func verify<Hash: MerkleHash>(
        leafDigest: Digest, root: Digest, hash: Hash.Type = BLAKE2bMerkleHash.self
    ) throws(MerkleProofError) {
        guard index < count else { throw failure(.outOfRange, "\(count) entries have no entry \(index)") }
        var (first, second) = (index, count - 1)
        var digest = leafDigest
        for sibling in path {
            guard second > 0 else { throw failure(.wrongLength, "too many digests") }
            if first & 1 == 1 || first == second {
                digest = Hash.node(sibling, digest)
                while first & 1 == 0 && first != 0 {
                    first >>= 1
                    second >>= 1
                }
            } else {
                digest = Hash.node(digest, sibling)
            }
            first >>= 1
            second >>= 1
        }
        guard second == 0 else { throw failure(.wrongLength, "too few digests") }
        guard digest == root else { throw failure(.wrongRoot, "the digests lead to another root") }
    }

    private func failure(_ code: MerkleProofError.Code, _ reason: String) -> MerkleProofError {
        MerkleProofError(code: code, reason: reason, place: "inclusion of entry \(index) of \(count)")
    }

    /// [index, count, [digest …]]
    public func encode(to encoder: inout CBOREncoder) {
        encoder.array(count: 3)
        encoder.unsigned(index)
        encoder.unsigned(count)
        encoder.list(path)
    }

    public init(from decoder: inout CBORDecoder) throws(CBORError) {
        try decoder.array(count: 3)
        index = try decoder.unsigned()
        count = try decoder.unsigned()
        path = try decoder.list(maximum: 64)
    }
}

/// Shows that one vector extends another (RFC 9162, section 2.1.4).
public struct MerkleConsistencyProof: Hashable, Sendable, CBORCodable {
    /// The entries of the earlier vector, and of the later one.
    public let first: UInt64
    public let second: UInt64
    public let path: [Digest]

    public init(first: UInt64, second: UInt64, path: [Digest]) {
        self.first = first
        self.second = second
        self.path = path
    }

    /// Verifies as RFC 9162, section 2.1.4.2 says; an empty earlier vector is extended by every other, with no digests.
    public func verify<Hash: MerkleHash>(
        firstRoot: Digest, secondRoot: Digest, hash: Hash.Type = BLAKE2bMerkleHash.self
    ) throws(MerkleProofError) {
        guard first <= second else { throw failure(.outOfRange, "the later vector is shorter") }
        if first == 0 || first == second {
            guard path.isEmpty else { throw failure(.wrongLength, "too many digests") }
            guard firstRoot == (first == 0 ? Hash.empty : secondRoot) else {
                throw failure(.wrongRoot, "the roots do not agree")
            }
            return
        }
        // A whole earlier vector of a power of two is itself the first digest.
        var rest = path[...]
        guard let start = first.nonzeroBitCount == 1 ? firstRoot : rest.popFirst() else {
            throw failure(.wrongLength, "too few digests")
        }
        var (index, last) = (first - 1, second - 1)
        while index & 1 == 1 {
            index >>= 1
            last >>= 1
        }
        var (old, new) = (start, start)
        for digest in rest {
            guard last > 0 else { throw failure(.wrongLength, "too many digests") }
            if index & 1 == 1 || index == last {
                old = Hash.node(digest, old)
                new = Hash.node(digest, new)
                while index & 1 == 0 && index != 0 {
                    index >>= 1
                    last >>= 1
                }
            } else {
                new = Hash.node(new, digest)
            }
            index >>= 1
            last >>= 1
        }
        guard last == 0 else { throw failure(.wrongLength, "too few digests") }
        guard old == firstRoot, new == secondRoot else { throw failure(.wrongRoot, "the digests lead to other roots") }
    }

    private func failure(_ code: MerkleProofError.Code, _ reason: String) -> MerkleProofError {
        MerkleProofError(code: code, reason: reason, place: "consistency of \(first) and \(second) entries")
    }

    /// [first, second, [digest …]]
    public func encode(to encoder: inout CBOREncoder) {
        encoder.array(count: 3)
        encoder.unsigned(first)
        encoder.unsigned(second)
        encoder.list(path)
    }

    public init(from decoder: inout CBORDecoder) throws(CBORError) {
        try decoder.array(count: 3)
        first = try decoder.unsigned()
        second = try decoder.unsigned()
        path = try decoder.list(maximum: 128)
    }
}
