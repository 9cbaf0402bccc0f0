/// A piece of a snapshot: all entries of one subtree, whose root names it. A tree of these entries alone has that root,
/// so a chunk is checked by itself, and one whose entries have not changed keeps its name.
public struct StateChunk: Hashable, Sendable {
    public let root: Digest
    /// The first and last path in it.
    public let firstPath: [UInt8]
    public let lastPath: [UInt8]
    /// Entries.
    public let count: Int
    /// Bytes of its paths and values.
    public let contentByteCount: Int
}

extension StateTree {
    /// Divides the state into the largest subtrees of at most `maximumByteCount` bytes of paths and values (a single
    /// larger entry is a chunk too), in the order of their paths. Visits every entry.
    public func chunks(maximumByteCount: Int) -> [StateChunk] {
        _ = core.root()
        guard core.top != StateTreeCore.none else { return [] }
        var chunks: [StateChunk] = []
        if let whole = collect(core.top, maximumByteCount, into: &chunks) { chunks.append(chunk(core.top, whole)) }
        return chunks
    }

    /// The entries of a chunk, as the canonical DAG-CBOR of a list of entries; nil if the tree has changed there.
    public func content(of chunk: StateChunk) -> [UInt8]? {
        _ = core.root()
        guard let reference = subtree(of: chunk) else { return nil }
        var encoder = CBOREncoder(capacity: chunk.contentByteCount + 8 * chunk.count)
        encoder.array(count: chunk.count)
        encode(reference, to: &encoder)
        return encoder.finish()
    }

    /// The subtree that has the chunk's root, on the way to its first path: equal digests are equal entries.
    private func subtree(of chunk: StateChunk) -> UInt32? {
        guard core.top != StateTreeCore.none else { return nil }
        return chunk.firstPath.withUnsafeBytes { path in
            var reference = core.top
            while core.digest(reference) != chunk.root {
                guard !StateTreeCore.isLeaf(reference) else { return nil }
                let node = core.node(reference)
                reference = node.goesRight(path) ? node.right : node.left
            }
            return reference
        }
    }

    private func encode(_ reference: UInt32, to encoder: inout CBOREncoder) {
        guard StateTreeCore.isLeaf(reference) else {
            let node = core.node(reference)
            encode(node.left, to: &encoder)
            encode(node.right, to: &encoder)
            return
        }
        encoder.array(count: 2)
        encoder.bytes(core.path(reference))
        encoder.bytes(core.value(reference))
    }

    /// Adds the entries of a chunk to this tree, if they are what `root` names; adds nothing otherwise.
    public func restore(chunk content: [UInt8], root: Digest) throws(StateProofError) {
        let place = root.hex
        do {
            let entries = try [StateEntry].decode(content)
            let part = StateTree()
            for entry in entries { try part.put(entry.path, entry.value) }
            guard part.root() == root, part.count == entries.count else {
                throw StateProofError(code: .wrongRoot, reason: "the entries have another root", place: place)
            }
            for entry in entries { try put(entry.path, entry.value) }
        } catch let error as StateProofError {
            throw error
        } catch {
            throw StateProofError(code: .malformed, reason: String(describing: error), place: place)
        }
    }

    /// What a subtree holds, if it fits a chunk and may be joined with its sibling; nil if its chunks are in the list
    /// already.
    private func collect(
        _ reference: UInt32, _ maximum: Int, into chunks: inout [StateChunk]
    ) -> (count: Int, bytes: Int)? {
        if StateTreeCore.isLeaf(reference) {
            let size = (count: 1, bytes: core.path(reference).count + core.value(reference).count)
            guard size.bytes > maximum else { return size }
            chunks.append(chunk(reference, size))
            return nil
        }
        let node = core.node(reference)
        let start = chunks.count
        let left = collect(node.left, maximum, into: &chunks)
        let right = collect(node.right, maximum, into: &chunks)
        if let left, let right, left.bytes + right.bytes <= maximum {
            return (left.count + right.count, left.bytes + right.bytes)
        }
        // Not joined: each side that is whole is a chunk. The left one comes before what the right side has appended.
        if let left { chunks.insert(chunk(node.left, left), at: start) }
        if let right { chunks.append(chunk(node.right, right)) }
        return nil
    }

    private func chunk(_ reference: UInt32, _ size: (count: Int, bytes: Int)) -> StateChunk {
        var last = reference
        while !StateTreeCore.isLeaf(last) { last = core.node(last).right }
        return StateChunk(
            root: core.digest(reference), firstPath: [UInt8](core.path(core.anyLeaf(below: reference))),
            lastPath: [UInt8](core.path(last)), count: size.count, contentByteCount: size.bytes)
    }
}
