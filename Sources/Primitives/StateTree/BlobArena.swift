/// Byte strings in one growing piece of memory, in units of 16 bytes, with a free list for each size.
///
/// Up to 64 units every size has its list; above that sizes are rounded up to powers of two. A freed string holds the
/// number of the next free one in its first bytes.
///
/// Safety: addresses are made from unit numbers that `allocate` returned, and are used only until the next `allocate`.
struct BlobArena: ~Copyable {
    typealias Unit = (UInt64, UInt64)

    private var units = GrowableBuffer<Unit>(capacity: 64)
    private var freeLists = [UInt32](repeating: BlobArena.none, count: 65 + 32)

    private static let none = UInt32.max
    private static let exactSizes = 64

    @inline(__always)
    private static func sizeClass(_ byteCount: Int) -> (list: Int, units: Int) {
        let needed = max(1, (byteCount + 15) >> 4)
        if needed <= exactSizes { return (needed, needed) }
        let exponent = Int.bitWidth - (needed - 1).leadingZeroBitCount
        return (exactSizes + exponent - 5, 1 << exponent)
    }

    /// Whether a string of one size can replace one of the other in place.
    static func isSameSize(_ first: Int, _ second: Int) -> Bool { sizeClass(first).list == sizeClass(second).list }

    mutating func allocate(_ byteCount: Int) -> UInt32 {
        let (list, size) = BlobArena.sizeClass(byteCount)
        let free = freeLists[list]
        guard free == BlobArena.none else {
            freeLists[list] = UInt32(truncatingIfNeeded: units[free].0)
            return free
        }
        return UInt32(units.extend(by: size))
    }

    mutating func free(_ unit: UInt32, _ byteCount: Int) {
        let list = BlobArena.sizeClass(byteCount).list
        units[unit] = (UInt64(freeLists[list]), 0)
        freeLists[list] = unit
    }

    @inline(__always)
    func address(_ unit: UInt32) -> UnsafeMutableRawPointer { UnsafeMutableRawPointer(units.pointer(unit)) }

    var byteCount: Int { units.byteCount }
}
