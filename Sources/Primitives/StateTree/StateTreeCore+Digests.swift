import Dispatch

/// Digests are computed when a root is asked for, only where something has changed.
extension StateTreeCore {
    /// The root; computes the digests that changes have made stale.
    mutating func root() -> Digest {
        guard top != StateTreeCore.none else { return StateHash.empty }
        if topIsStale {
            _ = refresh(top)
            topIsStale = false
        }
        return digest(top)
    }

    /// Like `root()`, with the work divided among all cores: for when a large part is stale, as after a restart. Blocks
    /// its thread until they are done.
    mutating func rootOnAllCores() -> Digest {
        guard top != StateTreeCore.none, topIsStale else { return root() }
        // The stale subtrees some levels down. They have no node in common, and all above them waits for `root()`.
        var parts = staleChildren(of: top)
        for _ in 0..<24 where parts.count < 64 {
            let deeper = parts.flatMap { part in
                StateTreeCore.isLeaf(part.child) ? [part] : staleChildren(of: part.child)
            }
            parts = deeper
        }
        let divided = parts
        withUnsafeMutablePointer(to: &self) { core in
            // Safety: each part reads and writes the nodes and digests of its own subtree, which is no other part's,
            // and the tree does not grow meanwhile; all are done when the call returns.
            nonisolated(unsafe) let shared = core
            DispatchQueue.concurrentPerform(iterations: divided.count) {
                _ = shared.pointee.refresh(divided[$0].child)
            }
        }
        for part in divided { nodes.pointer(part.parent).pointee.bitAndStale &= ~part.flag }
        return root()
    }

    private struct Part {
        let parent: UInt32
        let child: UInt32
        /// What marks the child as stale in its parent.
        let flag: UInt16
    }

    private func staleChildren(of reference: UInt32) -> [Part] {
        guard !StateTreeCore.isLeaf(reference) else { return [] }
        let node = nodes[reference]
        var parts: [Part] = []
        if node.bitAndStale & Node.leftStale != 0 {
            parts.append(Part(parent: reference, child: node.left, flag: Node.leftStale))
        }
        if node.bitAndStale & Node.rightStale != 0 {
            parts.append(Part(parent: reference, child: node.right, flag: Node.rightStale))
        }
        return parts
    }

    /// The digest of a subtree; right only after `root()`.
    @inline(__always)
    func digest(_ reference: UInt32) -> Digest {
        StateTreeCore.isLeaf(reference)
            ? leafDigests[reference & ~StateTreeCore.leafMark] : nodeDigests[reference]
    }

    /// Computes a digest and the stale ones below it, and returns some leaf below. Recursion is as deep as the tree,
    /// which has at most one level a bit of a path.
    private func refresh(_ reference: UInt32) -> UInt32 {
        if StateTreeCore.isLeaf(reference) {
            leafDigests[reference & ~StateTreeCore.leafMark] = StateHash.leaf(
                path: path(reference), valueDigest: .blake2b256(value(reference)))
            return reference
        }
        let node = nodes[reference]
        let isLeftStale = node.bitAndStale & Node.leftStale != 0
        let isRightStale = node.bitAndStale & Node.rightStale != 0
        // Digests that stand are read on the way down, so that their cache misses overlap; on the way up each would be
        // waited for.
        var left = isLeftStale ? Digest.zero : digest(node.left)
        var right = isRightStale ? Digest.zero : digest(node.right)
        var leaf = StateTreeCore.none
        if isLeftStale {
            leaf = refresh(node.left)
            left = digest(node.left)
        }
        if isRightStale {
            leaf = refresh(node.right)
            right = digest(node.right)
        }
        if leaf == StateTreeCore.none { leaf = anyLeaf(below: reference) }
        nodes.pointer(reference).pointee.bitAndStale &= 0x3fff
        nodeDigests[reference] = StateHash.node(bit: node.bit, path: path(leaf), left: left, right: right)
        return leaf
    }
}
