/// The upper part of a state tree: the subtrees that a snapshot's chunks are, and nothing below them. Whoever has a
/// certified state root checks the outline against it before the first chunk arrives, and each chunk by itself then.
public enum StateOutline {
    /// A subtree: its root, and the path of some entry in it, which tells where it hangs.
    public struct Part: Hashable, Sendable {
        public let root: Digest
        public let firstPath: [UInt8]

        public init(root: Digest, firstPath: [UInt8]) {
            self.root = root
            self.firstPath = firstPath
        }
    }

    /// The root of the tree that consists of these subtrees, in the order of their paths.
    ///
    /// Two neighbours branch at the first bit in which their paths differ, and the branch nearest to the root is the
    /// one with the lowest bit: the shape follows from the paths alone, in one pass with a stack.
    ///
    /// - Throws: `StateProofError` with `malformed` for paths that are too long or not in order, `contradictory` for
    ///   subtrees that no tree has side by side.
    public static func root(of parts: [Part]) throws(StateProofError) -> Digest {
        guard var previous = parts.first else { return StateHash.empty }
        try checkLength(previous)
        /// What stands left of branches whose right side is not complete yet; bits rise.
        var open: [(left: Digest, bit: Int)] = []
        var current = previous.root
        for part in parts.dropFirst() {
            try checkLength(part)
            let bit = try branch(previous, part)
            current = close(&open, above: bit, current, path: previous.firstPath)
            guard open.last?.bit != bit else {
                throw error(.contradictory, "two branches at bit \(bit)", part)
            }
            open.append((current, bit))
            (current, previous) = (part.root, part)
        }
        return close(&open, above: -1, current, path: previous.firstPath)
    }

    /// Joins what is open at bits above one; the path is of an entry on the right.
    private static func close(
        _ open: inout [(left: Digest, bit: Int)], above bit: Int, _ right: Digest, path: [UInt8]
    ) -> Digest {
        var digest = right
        while let last = open.last, last.bit > bit {
            digest = path.withUnsafeBytes {
                StateHash.node(bit: last.bit, path: $0, left: last.left, right: digest)
            }
            open.removeLast()
        }
        return digest
    }

    /// The bit at which two neighbours branch, the left one to the left.
    private static func branch(_ left: Part, _ right: Part) throws(StateProofError) -> Int {
        let found = left.firstPath.withUnsafeBytes { before in
            right.firstPath.withUnsafeBytes { after -> Int? in
                guard let bit = StatePath.firstDifference(before, after), StatePath.bit(after, bit) else { return nil }
                return bit
            }
        }
        guard let found else { throw error(.malformed, "the paths are not in order", right) }
        return found
    }

    private static func checkLength(_ part: Part) throws(StateProofError) {
        guard part.firstPath.count <= StatePath.maximumByteCount else {
            throw error(.malformed, "the path is too long", part)
        }
    }

    private static func error(_ code: StateProofError.Code, _ reason: String, _ part: Part) -> StateProofError {
        StateProofError(code: code, reason: reason, place: Hex.encode(part.firstPath.prefix(40)))
    }
}

extension StateChunk {
    /// Throws unless the content is the encoding of entries, in order, whose tree has the root: then it is exactly what
    /// `StateTree.content(of:)` gives for the chunk of that name. Costs a tree of the entries.
    public static func check(_ content: [UInt8], root: Digest) throws(StateProofError) {
        let tree = StateTree()
        var failure: StateTreeError?
        do throws(CBORError) {
            try CBORDecoder.read(content) { (decoder) throws(CBORError) in
                for _ in 0..<(try decoder.array()) {
                    try decoder.array(count: 2)
                    let path = try decoder.borrowedBytes()
                    let value = try decoder.borrowedBytes()
                    decoder.withBytes(in: path) { path in
                        decoder.withBytes(in: value) { value in
                            do throws(StateTreeError) { try tree.append(path, value) } catch { failure = error }
                        }
                    }
                    if let failure { throw decoder.invalid(failure.description) }
                }
            }
        } catch {
            throw StateProofError(code: .malformed, reason: error.description, place: root.hex)
        }
        guard tree.root() == root else {
            throw StateProofError(code: .wrongRoot, reason: "the entries have another root", place: root.hex)
        }
    }
}
