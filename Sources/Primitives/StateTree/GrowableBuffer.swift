import Glibc

/// Memory for plain values that grows in place where the system can (`realloc` moves pages, not bytes, when large), by
/// an eighth at a time, so that little is reserved in vain.
///
/// Safety: the memory belongs to this value alone, since it cannot be copied, and is freed once, by `deinit`. Elements
/// are plain bits. `subscript` asks for an index below `count`, which its owner, `StateTreeCore`, holds by
/// construction; debug builds check it.
struct GrowableBuffer<Element: BitwiseCopyable>: ~Copyable {
    private(set) var base: UnsafeMutablePointer<Element>
    private(set) var count = 0
    private(set) var capacity: Int

    init(capacity: Int) {
        self.capacity = max(capacity, 1)
        base = GrowableBuffer.reallocate(nil, self.capacity)
    }

    deinit { free(base) }

    private static func reallocate(
        _ old: UnsafeMutablePointer<Element>?, _ capacity: Int
    ) -> UnsafeMutablePointer<Element> {
        guard let memory = realloc(old, capacity * MemoryLayout<Element>.stride) else {
            // As any Swift collection does when the machine has no memory left.
            preconditionFailure("out of memory")
        }
        adviseLargePages(memory, capacity * MemoryLayout<Element>.stride)
        return memory.assumingMemoryBound(to: Element.self)
    }

    /// Descents of a large tree jump through memory, and pages of 2 MiB spare them most misses of the address
    /// translation. Only advice: where the system has no such pages nothing changes.
    private static func adviseLargePages(_ memory: UnsafeMutableRawPointer, _ byteCount: Int) {
        guard byteCount >= 4 << 20 else { return }
        let hugePages = Int32(14)  // MADV_HUGEPAGE, which the C library's module does not show without its extensions
        let page = UInt(4096)
        let start = (UInt(bitPattern: memory) + page - 1) & ~(page - 1)
        let end = (UInt(bitPattern: memory) + UInt(byteCount)) & ~(page - 1)
        madvise(UnsafeMutableRawPointer(bitPattern: start), Int(end - start), hugePages)
    }

    @inline(__always)
    subscript(index: UInt32) -> Element {
        get {
            assert(Int(index) < count)
            return base[Int(index)]
        }
        nonmutating set {
            assert(Int(index) < count)
            base[Int(index)] = newValue
        }
    }

    @inline(__always)
    func pointer(_ index: UInt32) -> UnsafeMutablePointer<Element> {
        assert(Int(index) < count)
        return base + Int(index)
    }

    /// Makes room for `additional` elements, whose content is undefined, and returns the index of the first.
    mutating func extend(by additional: Int) -> Int {
        let start = count
        count += additional
        if count > capacity {
            capacity = max(count, capacity + capacity / 8 + 64)
            base = GrowableBuffer.reallocate(base, capacity)
        }
        return start
    }

    var byteCount: Int { capacity * MemoryLayout<Element>.stride }
}
