/// How a byte path is a string of bits: for each byte a 1 and its eight bits, most significant first; after the last
/// byte a 0. No such string is a prefix of another, their order is the order of the paths, and the paths that begin
/// with certain bytes are exactly a subtree.
///
/// A path is handled as a borrowed buffer; its bit `index` is in byte `index / 9`, where 0 is the mark "another byte
/// follows" and 1 to 8 are the bits of the byte.
enum StatePath {
    static let maximumByteCount = 128

    /// The bits before which the paths that begin with `byteCount` bytes all agree.
    static func bitCount(ofPrefix byteCount: Int) -> Int { 9 * byteCount }

    /// The bit; behind the end of the path it is 0.
    @inline(__always)
    static func bit(_ path: UnsafeRawBufferPointer, _ index: Int) -> Bool {
        let (byte, position) = index.quotientAndRemainder(dividingBy: 9)
        guard byte < path.count else { return false }
        return position == 0 || path[byte] & (0x80 >> UInt8(truncatingIfNeeded: position - 1)) != 0
    }

    /// The first bit in which two paths differ, or nil if they are one.
    @inline(__always)
    static func firstDifference(_ left: UnsafeRawBufferPointer, _ right: UnsafeRawBufferPointer) -> Int? {
        let common = min(left.count, right.count)
        var index = 0
        while index < common && left[index] == right[index] { index += 1 }
        if index < common { return 9 * index + 1 + (left[index] ^ right[index]).leadingZeroBitCount }
        return left.count == right.count ? nil : 9 * index
    }
}

/// The digests of the state tree.
///
/// - a leaf: H(0x00 ‖ length of the path, one byte ‖ path ‖ H(value))
/// - a node: H(0x01 ‖ number of bits before the branch, two bytes, big-endian ‖ those bits ‖ left ‖ right)
///
/// The bits before the branch are written as the whole bytes among them, and then, if bits of another byte are among
/// them, that byte with its other bits cleared; the number tells how many bytes there are. H is BLAKE2b-256.
enum StateHash {
    /// The root of a tree without leaves.
    static let empty = Digest.zero

    @inline(__always)
    static func leaf(path: UnsafeRawBufferPointer, valueDigest: Digest) -> Digest {
        withUnsafeTemporaryAllocation(byteCount: 2 + StatePath.maximumByteCount + 32, alignment: 8) { buffer in
            buffer[0] = 0
            buffer[1] = UInt8(truncatingIfNeeded: path.count)
            UnsafeMutableRawBufferPointer(rebasing: buffer[2...]).copyMemory(from: path)
            let end = 2 + path.count
            buffer.storeBytes(of: valueDigest.storage.words, toByteOffset: end, as: Words.self)
            return .blake2b256(UnsafeRawBufferPointer(rebasing: buffer[..<(end + 32)]))
        }
    }

    @inline(__always)
    static func node(bit: Int, path: UnsafeRawBufferPointer, left: Digest, right: Digest) -> Digest {
        withUnsafeTemporaryAllocation(byteCount: 3 + StatePath.maximumByteCount + 64, alignment: 8) { buffer in
            buffer[0] = 1
            buffer[1] = UInt8(truncatingIfNeeded: bit >> 8)
            buffer[2] = UInt8(truncatingIfNeeded: bit)
            let (whole, part) = bit.quotientAndRemainder(dividingBy: 9)
            UnsafeMutableRawBufferPointer(rebasing: buffer[3...]).copyMemory(
                from: UnsafeRawBufferPointer(rebasing: path[..<whole]))
            var end = 3 + whole
            if part > 1 {
                buffer[end] = path[whole] & ~(0xff >> UInt8(truncatingIfNeeded: part - 1))
                end += 1
            }
            buffer.storeBytes(of: left.storage.words, toByteOffset: end, as: Words.self)
            buffer.storeBytes(of: right.storage.words, toByteOffset: end + 32, as: Words.self)
            return .blake2b256(UnsafeRawBufferPointer(rebasing: buffer[..<(end + 64)]))
        }
    }

    /// How many bytes of a path a node's bits take.
    static func prefixByteCount(bit: Int) -> Int { bit / 9 + (bit % 9 > 1 ? 1 : 0) }

    typealias Words = (UInt64, UInt64, UInt64, UInt64)
}
