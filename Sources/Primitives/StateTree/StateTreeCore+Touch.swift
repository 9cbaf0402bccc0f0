/// Batches read ahead: one descent waits for a cache line at each level, several abreast wait for all of theirs at
/// once.
extension StateTreeCore {
    /// Descents abreast.
    static let lanes = 8

    /// Reads the nodes, the leaf and the path where up to `lanes` changes lead, so that they are in the cache when the
    /// changes are made. Returns something that depends on what was read.
    func touch(_ changes: ArraySlice<StateChange>) -> UInt64 {
        guard top != StateTreeCore.none else { return 0 }
        var references = InlineArray<8, UInt32>(repeating: top)
        var isDescending = true
        while isDescending {
            isDescending = false
            for (lane, index) in changes.indices.prefix(StateTreeCore.lanes).enumerated() {
                let reference = references[lane]
                guard !StateTreeCore.isLeaf(reference) else { continue }
                let node = node(reference)
                let isRight = changes[index].path.withUnsafeBytes { node.goesRight($0) }
                references[lane] = isRight ? node.right : node.left
                isDescending = true
            }
        }
        var read: UInt64 = 0
        for lane in 0..<min(changes.count, StateTreeCore.lanes) { read ^= UInt64(path(references[lane]).first ?? 0) }
        return read
    }
}
