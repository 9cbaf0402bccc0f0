extension StateTree {
    /// Calls the closure for the entries whose paths begin with `prefix`, in the order of their paths, from the first
    /// one that is `from` or comes after it, until it returns false. Paths and values are valid only inside the
    /// closure, which must not change the tree.
    public func forEach(
        prefix: [UInt8] = [], from start: [UInt8] = [],
        _ body: (UnsafeRawBufferPointer, UnsafeRawBufferPointer) -> Bool
    ) {
        let first = prefix.lexicographicallyPrecedes(start) ? start : prefix
        var pending = first.withUnsafeBytes { core.referencesFrom($0) }
        while let reference = pending.popLast() {
            guard StateTreeCore.isLeaf(reference) else {
                let node = core.node(reference)
                pending.append(node.right)
                pending.append(node.left)
                continue
            }
            let path = core.path(reference)
            guard path.starts(with: prefix), body(path, core.value(reference)) else { return }
        }
    }

    /// The entries whose paths begin with `prefix`, in order: at most `limit`, from the first that is `from` or after
    /// it.
    public func scan(prefix: [UInt8] = [], from start: [UInt8] = [], limit: Int = .max) -> [StateEntry] {
        var entries: [StateEntry] = []
        guard limit > 0 else { return entries }
        forEach(prefix: prefix, from: start) { path, value in
            entries.append(StateEntry(path: [UInt8](path), value: [UInt8](value)))
            return entries.count < limit
        }
        return entries
    }

    /// The digest of the subtree of the paths that begin with `prefix`; the empty root if there is none. A tree of
    /// these entries alone has this root.
    public func subtreeRoot(prefix: [UInt8]) -> Digest {
        _ = core.root()
        return prefix.withUnsafeBytes { buffer in
            core.subtree(buffer).map { core.digest($0) } ?? StateHash.empty
        }
    }
}

extension StateTreeCore {
    /// The subtree of all paths that begin with the prefix, or nil if there is none.
    func subtree(_ prefix: UnsafeRawBufferPointer) -> UInt32? {
        guard top != StateTreeCore.none else { return nil }
        let bits = StatePath.bitCount(ofPrefix: prefix.count)
        var reference = top
        while !StateTreeCore.isLeaf(reference) {
            let node = node(reference)
            guard node.bit < bits else { break }
            reference = node.goesRight(prefix) ? node.right : node.left
        }
        let path = path(anyLeaf(below: reference))
        return path.count >= prefix.count
            && UnsafeRawBufferPointer(rebasing: path[..<prefix.count]).elementsEqual(prefix)
            ? reference : nil
    }

    /// The subtrees that together hold the paths from `path` on, the first of them last.
    func referencesFrom(_ path: UnsafeRawBufferPointer) -> [UInt32] {
        guard top != StateTreeCore.none else { return [] }
        var reference = top
        while !StateTreeCore.isLeaf(reference) {
            let node = node(reference)
            reference = node.goesRight(path) ? node.right : node.left
        }
        let difference = StatePath.firstDifference(self.path(reference), path)
        var pending: [UInt32] = []
        reference = top
        while !StateTreeCore.isLeaf(reference) {
            let node = node(reference)
            if let difference, node.bit > difference { break }
            if node.goesRight(path) {
                reference = node.right
            } else {
                pending.append(node.right)
                reference = node.left
            }
        }
        // All below agree in the bit in which the path differs from them: they come after it, or before it.
        if let difference, StatePath.bit(path, difference) { return pending }
        pending.append(reference)
        return pending
    }
}
