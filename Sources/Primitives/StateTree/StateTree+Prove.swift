extension StateTree {
    /// Proves what is at a path, or that nothing is.
    public func prove(_ path: [UInt8]) -> StateProof { prove(.path(path)) }

    /// Proves which entries have paths that begin with `prefix`, or that none has. The proof holds all of them.
    public func prove(prefix: [UInt8]) -> StateProof { prove(.prefix(prefix)) }

    public func prove(_ question: StateProof.Question) -> StateProof {
        _ = core.root()
        var limit = StatePath.bitCount(ofPrefix: question.bytes.count)
        if case .path = question { limit += 1 }
        var steps: [StateProof.Step] = []
        let end = question.bytes.withUnsafeBytes { asked -> StateProof.End in
            guard core.top != StateTreeCore.none else { return .emptyTree }
            var reference = core.top
            while true {
                let found = core.path(core.anyLeaf(below: reference))
                let difference = StatePath.firstDifference(asked, found) ?? limit
                guard !StateTreeCore.isLeaf(reference) else {
                    return self.end(atLeaf: reference, difference: difference, limit: limit, question)
                }
                let node = core.node(reference)
                if difference < min(node.bit, limit) {
                    return .otherNode(
                        bit: UInt16(node.bit), prefix: StateTree.prefix(of: found, bit: node.bit),
                        left: core.digest(node.left), right: core.digest(node.right))
                }
                guard node.bit < limit else { return .entries(entries(below: reference)) }
                let isRight = node.goesRight(asked)
                steps.append(
                    .init(bit: UInt16(node.bit), sibling: core.digest(isRight ? node.left : node.right)))
                reference = isRight ? node.right : node.left
            }
        }
        return StateProof(question: question, steps: steps, end: end)
    }

    private func end(
        atLeaf reference: UInt32, difference: Int, limit: Int, _ question: StateProof.Question
    ) -> StateProof.End {
        let value = core.value(reference)
        if difference < limit {
            return .otherLeaf(path: [UInt8](core.path(reference)), valueDigest: .blake2b256(value))
        }
        switch question {
        case .path: return .value([UInt8](value))
        case .prefix: return .entries(entries(below: reference))
        }
    }

    func entries(below reference: UInt32) -> [StateEntry] {
        var entries: [StateEntry] = []
        var pending = [reference]
        while let next = pending.popLast() {
            if StateTreeCore.isLeaf(next) {
                entries.append(StateEntry(path: [UInt8](core.path(next)), value: [UInt8](core.value(next))))
            } else {
                let node = core.node(next)
                pending.append(node.right)
                pending.append(node.left)
            }
        }
        return entries
    }

    /// The bytes of the bits before a node's branch, as `StateHash.node` has them.
    private static func prefix(of path: UnsafeRawBufferPointer, bit: Int) -> [UInt8] {
        var bytes = [UInt8](path.prefix(StateHash.prefixByteCount(bit: bit)))
        let part = bit % 9
        if part > 1, !bytes.isEmpty { bytes[bytes.count - 1] &= ~(0xff >> UInt8(part - 1)) }
        return bytes
    }
}
