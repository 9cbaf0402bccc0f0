/// Why a proof of the state proves nothing: a stable code and a reason for people.
public struct StateProofError: Error, Hashable, Sendable, CustomStringConvertible {
    public enum Code: String, Hashable, Sendable {
        /// The steps are not in order, or the end does not fit the question.
        case malformed
        /// The end lies outside the question, or does not show what it should.
        case contradictory
        /// The digests do not lead to the root.
        case wrongRoot
    }

    public let code: Code
    public let reason: String
    /// The path or prefix of the question, in hexadecimal digits.
    public let place: String

    public var description: String { "proof for \(place): \(reason) [\(code.rawValue)]" }
}

/// Shows, to one who knows a root only, what the state holds at a path or below a prefix, or that it holds nothing
/// there. Made by `StateTree.prove`; about 34 bytes a level of the tree.
public struct StateProof: Hashable, Sendable {
    public enum Question: Hashable, Sendable {
        /// What is at this path?
        case path([UInt8])
        /// What are all the entries whose paths begin so?
        case prefix([UInt8])

        var bytes: [UInt8] {
            switch self {
            case .path(let bytes), .prefix(let bytes): bytes
            }
        }
    }

    public enum Answer: Hashable, Sendable {
        case value([UInt8])
        /// Nothing is there.
        case absent
        /// All entries below the prefix, in order; at least one.
        case entries([StateEntry])
    }

    /// A node on the way from the root: the bit that it branches on, and the digest of the child that is not on the
    /// way.
    struct Step: Hashable, Sendable {
        let bit: UInt16
        let sibling: Digest
    }

    /// What stands at the end of the way.
    enum End: Hashable, Sendable {
        /// The tree is empty.
        case emptyTree
        /// The leaf of the path.
        case value([UInt8])
        /// All leaves below the prefix.
        case entries([StateEntry])
        /// A leaf that is not asked for: nothing else is there.
        case otherLeaf(path: [UInt8], valueDigest: Digest)
        /// A node whose bits lead elsewhere: nothing of what is asked for is there. The bytes are those of
        /// `StateHash.node`.
        case otherNode(bit: UInt16, prefix: [UInt8], left: Digest, right: Digest)
    }

    public let question: Question
    let steps: [Step]
    let end: End

    /// What the proof shows under `root`, the state root of a header that the caller trusts.
    public func verify(root: Digest) throws(StateProofError) -> Answer {
        let path = question.bytes
        guard path.count <= StatePath.maximumByteCount else { throw error(.malformed, "the path is too long") }
        // The bits that the way may branch on: with a path its last mark too, with a prefix only its own bits.
        var limit = StatePath.bitCount(ofPrefix: path.count)
        if case .path = question { limit += 1 }
        var next = 0
        for step in steps {
            guard Int(step.bit) >= next, Int(step.bit) < limit else { throw error(.malformed, "steps out of order") }
            next = Int(step.bit) + 1
        }
        let (answer, bottom) = try examineEnd(path: path, from: next, to: limit)
        let computed = path.withUnsafeBytes { buffer in
            steps.reversed().reduce(bottom) { digest, step in
                let bit = Int(step.bit)
                let isRight = StatePath.bit(buffer, bit)
                return StateHash.node(
                    bit: bit, path: buffer, left: isRight ? step.sibling : digest,
                    right: isRight ? digest : step.sibling)
            }
        }
        guard computed == root else { throw error(.wrongRoot, "the digests lead to another root") }
        return answer
    }

    private func error(_ code: StateProofError.Code, _ reason: String) -> StateProofError {
        StateProofError(code: code, reason: reason, place: Hex.encode(question.bytes.prefix(40)))
    }

    /// The answer, and the digest of what stands at the end. The bits from `next` to `limit` are those in which the end
    /// may differ from the question.
    private func examineEnd(
        path: [UInt8], from next: Int, to limit: Int
    ) throws(StateProofError) -> (answer: Answer, digest: Digest) {
        switch (end, question) {
        case (.emptyTree, _):
            guard steps.isEmpty else { throw error(.malformed, "an empty tree below others") }
            return (.absent, StateHash.empty)
        case (.value(let value), .path):
            let digest = path.withUnsafeBytes { StateHash.leaf(path: $0, valueDigest: .blake2b256(value)) }
            return (.value(value), digest)
        case (.entries(let entries), .prefix):
            return (.entries(entries), try subtreeRoot(of: entries, below: path))
        case (.otherLeaf(let other, let valueDigest), _):
            guard other.count <= StatePath.maximumByteCount else { throw error(.malformed, "the path is too long") }
            let (difference, digest) = path.withUnsafeBytes { asked in
                other.withUnsafeBytes { found in
                    (
                        StatePath.firstDifference(asked, found),
                        StateHash.leaf(path: found, valueDigest: valueDigest)
                    )
                }
            }
            guard let difference, difference >= next, difference < limit else {
                throw error(.contradictory, "the leaf at the end is what was asked for, or does not stand here")
            }
            return (.absent, digest)
        case (.otherNode(let bit, let prefix, let left, let right), _):
            guard Int(bit) <= StatePath.bitCount(ofPrefix: StatePath.maximumByteCount),
                prefix.count == StateHash.prefixByteCount(bit: Int(bit))
            else { throw error(.malformed, "a node with a wrong number of bits") }
            return (.absent, try examineNode(Int(bit), prefix, left, right, path: path, from: next, to: limit))
        default: throw error(.malformed, "the end does not fit the question")
        }
    }

    private func examineNode(
        _ bit: Int, _ prefix: [UInt8], _ left: Digest, _ right: Digest, path: [UInt8], from next: Int, to limit: Int
    ) throws(StateProofError) -> Digest {
        let (difference, digest) = path.withUnsafeBytes { asked in
            prefix.withUnsafeBytes { found in
                (
                    (0..<min(bit, limit)).first { StatePath.bit(asked, $0) != StateProof.prefixBit(found, $0) },
                    StateHash.node(bit: bit, path: found, left: left, right: right)
                )
            }
        }
        // A last byte with bits behind the branch would be another way to write the same node.
        let part = bit % 9
        if part > 1, let last = prefix.last, last & (0xff >> UInt8(part - 1)) != 0 {
            throw error(.malformed, "bits behind the branch are set")
        }
        guard let difference, difference >= next else {
            throw error(.contradictory, "the node at the end leads to what was asked for, or does not stand here")
        }
        return digest
    }

    /// A bit before a node's branch. The mark of a byte of which no bit is among them is a 1 all the same.
    private static func prefixBit(_ prefix: UnsafeRawBufferPointer, _ index: Int) -> Bool {
        index % 9 == 0 || StatePath.bit(prefix, index)
    }

    private func subtreeRoot(of entries: [StateEntry], below prefix: [UInt8]) throws(StateProofError) -> Digest {
        guard !entries.isEmpty else { throw error(.malformed, "a list without entries") }
        let tree = StateTree()
        var previous: [UInt8]?
        for entry in entries {
            guard entry.path.starts(with: prefix) else { throw error(.contradictory, "an entry outside the prefix") }
            if let previous, !previous.lexicographicallyPrecedes(entry.path) {
                throw error(.malformed, "entries are not in order")
            }
            previous = entry.path
            do {
                try tree.put(entry.path, entry.value)
            } catch {
                throw self.error(.malformed, error.description)
            }
        }
        return tree.root()
    }
}
