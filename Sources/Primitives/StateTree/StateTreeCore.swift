/// The memory and the algorithms of `StateTree`: a crit-bit tree in arenas, whose node and leaf digests are computed
/// when a root is asked for.
///
/// A reference is the index of a node, or of a leaf with the highest bit set. A node knows the bit that it branches on,
/// and that every leaf below it agrees in the bits before; the bits themselves are those of any leaf below. A node also
/// knows which of its two children have digests that are out of date.
///
/// Safety: references and blob numbers come from the arenas' own `allocate`, and a freed one is in no node. Addresses
/// of paths and values are used only before the next allocation.
struct StateTreeCore: ~Copyable {
    /// Twelve bytes of topology; digests are apart, so that a descent touches few cache lines.
    struct Node {
        var left: UInt32
        var right: UInt32
        /// The bit that the node branches on, and in the two highest bits: the digest of the left / right child is
        /// stale.
        var bitAndStale: UInt16
        /// Where the bit is: the byte, and the mask in it; mask 0 is the mark "another byte follows".
        var byte: UInt8
        var mask: UInt8

        static let leftStale: UInt16 = 0x8000
        static let rightStale: UInt16 = 0x4000

        init(bit: Int, left: UInt32, right: UInt32) {
            self.left = left
            self.right = right
            bitAndStale = UInt16(truncatingIfNeeded: bit)
            byte = UInt8(truncatingIfNeeded: bit / 9)
            mask = bit % 9 == 0 ? 0 : 0x80 >> UInt8(truncatingIfNeeded: bit % 9 - 1)
        }

        @inline(__always) var bit: Int { Int(bitAndStale & 0x3fff) }

        @inline(__always)
        func goesRight(_ path: UnsafeRawBufferPointer) -> Bool {
            guard Int(byte) < path.count else { return false }
            return mask == 0 || path[Int(byte)] & mask != 0
        }
    }

    struct Leaf {
        /// Path and value, one behind the other.
        var blob: UInt32
        var valueByteCount: UInt32
        var pathByteCount: UInt8
    }

    static let leafMark: UInt32 = 0x8000_0000
    static let none = UInt32.max

    var nodes = GrowableBuffer<Node>(capacity: 16)
    var nodeDigests = GrowableBuffer<Digest>(capacity: 16)
    var leaves = GrowableBuffer<Leaf>(capacity: 16)
    var leafDigests = GrowableBuffer<Digest>(capacity: 16)
    private var blobs = BlobArena()
    private var freeNode = StateTreeCore.none
    private var freeLeaf = StateTreeCore.none
    /// The nodes of the last descent, from the root down; no path has more bits than this.
    private var trail = GrowableBuffer<UInt32>(capacity: 1160)

    /// The nodes from the root to the last leaf, and that leaf, while entries are appended in order; any other change
    /// makes them unknown.
    private var spine = GrowableBuffer<UInt32>(capacity: 1160)
    private var spineDepth = 0
    private var lastLeaf = StateTreeCore.none

    private(set) var top = StateTreeCore.none
    var topIsStale = false
    private(set) var count = 0
    /// Bytes of all paths and values.
    private(set) var contentByteCount = 0

    init() {
        _ = trail.extend(by: 1160)
        _ = spine.extend(by: 1160)
    }

    /// Bytes that the arenas hold, content included.
    var memoryByteCount: Int {
        nodes.byteCount + nodeDigests.byteCount + leaves.byteCount + leafDigests.byteCount + blobs.byteCount
    }

    @inline(__always) static func isLeaf(_ reference: UInt32) -> Bool { reference & leafMark != 0 }
    @inline(__always) func node(_ reference: UInt32) -> Node { nodes[reference] }

    /// The path of a leaf; valid until the tree changes.
    @inline(__always)
    func path(_ reference: UInt32) -> UnsafeRawBufferPointer {
        let leaf = leaves[reference & ~StateTreeCore.leafMark]
        return UnsafeRawBufferPointer(start: blobs.address(leaf.blob), count: Int(leaf.pathByteCount))
    }

    /// The value of a leaf; valid until the tree changes.
    @inline(__always)
    func value(_ reference: UInt32) -> UnsafeRawBufferPointer {
        let leaf = leaves[reference & ~StateTreeCore.leafMark]
        return UnsafeRawBufferPointer(
            start: blobs.address(leaf.blob) + Int(leaf.pathByteCount), count: Int(leaf.valueByteCount))
    }

    // MARK: Reading

    /// The leaf where the path would be; the tree is not empty.
    @inline(__always)
    private func nearest(_ path: UnsafeRawBufferPointer) -> UInt32 {
        var reference = top
        while !StateTreeCore.isLeaf(reference) {
            let node = nodes[reference]
            reference = node.goesRight(path) ? node.right : node.left
        }
        return reference
    }

    /// The leaf of the path, or nil.
    func find(_ path: UnsafeRawBufferPointer) -> UInt32? {
        guard top != StateTreeCore.none else { return nil }
        let leaf = nearest(path)
        return StatePath.firstDifference(self.path(leaf), path) == nil ? leaf : nil
    }

    /// Some leaf below: what its path begins with, all below begin with.
    func anyLeaf(below reference: UInt32) -> UInt32 {
        var reference = reference
        while !StateTreeCore.isLeaf(reference) { reference = nodes[reference].left }
        return reference
    }

    // MARK: Writing

    /// Sets the value of a path of at most 128 bytes.
    mutating func put(_ path: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) {
        lastLeaf = StateTreeCore.none
        guard top != StateTreeCore.none else {
            top = makeLeaf(path, value)
            topIsStale = true
            return
        }
        let (depth, leaf) = descend(path)
        guard let bit = StatePath.firstDifference(self.path(leaf), path) else {
            replaceValue(leaf, path, value)
            markStale(path, depth: depth)
            return
        }
        insert(path, value, branchingOn: bit, depth: depth)
    }

    /// Descends to the nearest leaf, and leaves the nodes in `trail`.
    @inline(__always)
    private func descend(_ path: UnsafeRawBufferPointer) -> (depth: Int, leaf: UInt32) {
        var reference = top
        var depth = 0
        while !StateTreeCore.isLeaf(reference) {
            trail[UInt32(depth)] = reference
            depth += 1
            let node = nodes[reference]
            reference = node.goesRight(path) ? node.right : node.left
        }
        return (depth, reference)
    }

    /// Marks the children along the first `depth` nodes of the trail.
    @inline(__always)
    private mutating func markStale(_ path: UnsafeRawBufferPointer, depth: Int) {
        topIsStale = true
        for step in 0..<depth {
            let node = nodes.pointer(trail[UInt32(step)])
            node.pointee.bitAndStale |= node.pointee.goesRight(path) ? Node.rightStale : Node.leftStale
        }
    }

    private mutating func insert(
        _ path: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer, branchingOn bit: Int, depth: Int
    ) {
        // The new node comes below the last node that branches on an earlier bit.
        var level = depth
        while level > 0 && nodes[trail[UInt32(level - 1)]].bit > bit { level -= 1 }
        let leaf = makeLeaf(path, value)
        let isRight = StatePath.bit(path, bit)
        var old = top
        var oldIsStale = topIsStale
        var parentIsRight = false
        if level > 0 {
            let parent = nodes[trail[UInt32(level - 1)]]
            parentIsRight = parent.goesRight(path)
            old = parentIsRight ? parent.right : parent.left
            oldIsStale = parent.bitAndStale & (parentIsRight ? Node.rightStale : Node.leftStale) != 0
        }
        var node = Node(bit: bit, left: isRight ? old : leaf, right: isRight ? leaf : old)
        node.bitAndStale |= isRight ? Node.rightStale : Node.leftStale
        if oldIsStale { node.bitAndStale |= isRight ? Node.leftStale : Node.rightStale }
        let made = makeNode(node)
        markStale(path, depth: level)
        if level > 0 {
            let parent = nodes.pointer(trail[UInt32(level - 1)])
            if parentIsRight { parent.pointee.right = made } else { parent.pointee.left = made }
        } else {
            top = made
        }
    }

    /// Adds an entry behind all others, without a descent; false, and nothing is done, if its path is not after theirs.
    mutating func append(_ path: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) -> Bool {
        guard top != StateTreeCore.none else {
            put(path, value)
            return true
        }
        if lastLeaf == StateTreeCore.none { findSpine() }
        // The first different bit tells the order: paths are ordered as their bits are.
        guard let bit = StatePath.firstDifference(self.path(lastLeaf), path), StatePath.bit(path, bit) else {
            return false
        }
        var level = spineDepth
        var displaced = lastLeaf
        while level > 0 && nodes[spine[UInt32(level - 1)]].bit > bit {
            level -= 1
            displaced = spine[UInt32(level)]
        }
        let isStale =
            level > 0 ? nodes[spine[UInt32(level - 1)]].bitAndStale & Node.rightStale != 0 : topIsStale
        let leaf = makeLeaf(path, value)
        var node = Node(bit: bit, left: displaced, right: leaf)
        node.bitAndStale |= isStale ? Node.rightStale | Node.leftStale : Node.rightStale
        let made = makeNode(node)
        if level > 0 { nodes.pointer(spine[UInt32(level - 1)]).pointee.right = made } else { top = made }
        // Above a stale child everything is stale already.
        var above = level
        while above > 0 {
            let node = nodes.pointer(spine[UInt32(above - 1)])
            if node.pointee.bitAndStale & Node.rightStale != 0 { break }
            node.pointee.bitAndStale |= Node.rightStale
            above -= 1
        }
        topIsStale = true
        spine[UInt32(level)] = made
        spineDepth = level + 1
        lastLeaf = leaf
        return true
    }

    private mutating func findSpine() {
        spineDepth = 0
        lastLeaf = top
        while !StateTreeCore.isLeaf(lastLeaf) {
            spine[UInt32(spineDepth)] = lastLeaf
            spineDepth += 1
            lastLeaf = nodes[lastLeaf].right
        }
    }

    /// Removes a path; false if it was not there.
    mutating func delete(_ path: UnsafeRawBufferPointer) -> Bool {
        lastLeaf = StateTreeCore.none
        guard top != StateTreeCore.none else { return false }
        let (depth, leaf) = descend(path)
        guard StatePath.firstDifference(self.path(leaf), path) == nil else { return false }
        if depth == 0 {
            top = StateTreeCore.none
        } else {
            // The parent goes too; the leaf's sibling takes its place. Its digest stays right, since it covers its own
            // bits.
            let parentReference = trail[UInt32(depth - 1)]
            let parent = nodes[parentReference]
            let sibling = parent.goesRight(path) ? parent.left : parent.right
            markStale(path, depth: depth - 1)
            if depth > 1 {
                let grandparent = nodes.pointer(trail[UInt32(depth - 2)])
                if grandparent.pointee.goesRight(path) {
                    grandparent.pointee.right = sibling
                } else {
                    grandparent.pointee.left = sibling
                }
            } else {
                top = sibling
            }
            nodes[parentReference].left = freeNode
            freeNode = parentReference
        }
        topIsStale = true
        releaseLeaf(leaf & ~StateTreeCore.leafMark)
        return true
    }

    // MARK: Arenas

    private mutating func makeNode(_ node: Node) -> UInt32 {
        if freeNode != StateTreeCore.none {
            let index = freeNode
            freeNode = nodes[index].left
            nodes[index] = node
            return index
        }
        let index = UInt32(nodes.extend(by: 1))
        _ = nodeDigests.extend(by: 1)
        nodes[index] = node
        return index
    }

    private mutating func makeLeaf(_ path: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) -> UInt32 {
        let index: UInt32
        if freeLeaf != StateTreeCore.none {
            index = freeLeaf
            freeLeaf = leaves[index].blob
        } else {
            index = UInt32(leaves.extend(by: 1))
            _ = leafDigests.extend(by: 1)
        }
        let blob = blobs.allocate(path.count + value.count)
        StateTreeCore.copy(path, to: blobs.address(blob))
        StateTreeCore.copy(value, to: blobs.address(blob) + path.count)
        leaves[index] = Leaf(
            blob: blob, valueByteCount: UInt32(value.count), pathByteCount: UInt8(truncatingIfNeeded: path.count))
        count += 1
        contentByteCount += path.count + value.count
        return index | StateTreeCore.leafMark
    }

    private mutating func replaceValue(
        _ reference: UInt32, _ path: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer
    ) {
        let index = reference & ~StateTreeCore.leafMark
        var leaf = leaves[index]
        let old = path.count + Int(leaf.valueByteCount)
        let new = path.count + value.count
        if !BlobArena.isSameSize(old, new) {
            blobs.free(leaf.blob, old)
            leaf.blob = blobs.allocate(new)
            StateTreeCore.copy(path, to: blobs.address(leaf.blob))
        }
        StateTreeCore.copy(value, to: blobs.address(leaf.blob) + path.count)
        leaf.valueByteCount = UInt32(value.count)
        leaves[index] = leaf
        contentByteCount += new - old
    }

    private mutating func releaseLeaf(_ index: UInt32) {
        let leaf = leaves[index]
        let size = Int(leaf.pathByteCount) + Int(leaf.valueByteCount)
        blobs.free(leaf.blob, size)
        leaves[index].blob = freeLeaf
        freeLeaf = index
        count -= 1
        contentByteCount -= size
    }

    @inline(__always)
    private static func copy(_ source: UnsafeRawBufferPointer, to place: UnsafeMutableRawPointer) {
        if let base = source.baseAddress { place.copyMemory(from: base, byteCount: source.count) }
    }
}
