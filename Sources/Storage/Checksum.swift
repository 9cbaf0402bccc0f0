/// CRC-32C (Castagnoli, RFC 3720 appendix B.4), eight bytes a step ("slicing by 8", Kounavis and Berry 2008).
///
/// Finds damage of a row on disk; it is no protection against an attacker, whom the digests in the headers stop.
struct Checksum {
    private var state: UInt32 = .max

    /// The finished checksum of everything added so far.
    var value: UInt32 { ~state }

    mutating func add(_ number: UInt64) {
        withUnsafeBytes(of: number.littleEndian) { addRaw($0) }
    }

    /// Adds the length and the bytes, so that moving a byte from one field to the next changes the checksum.
    mutating func add(_ bytes: [UInt8]) {
        add(UInt64(bytes.count))
        bytes.withUnsafeBytes { addRaw($0) }
    }

    mutating func add(_ bytes: UnsafeRawBufferPointer) {
        add(UInt64(bytes.count))
        addRaw(bytes)
    }

    mutating func addRaw(_ bytes: UnsafeRawBufferPointer) {
        var state = state
        var offset = 0
        // The offsets stay inside `bytes` and inside the 8 x 256 table, by the loop bounds and the eight-bit masks.
        Self.table.withUnsafeBufferPointer { table in
            while offset + 8 <= bytes.count {
                let word = UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
                let low = UInt32(truncatingIfNeeded: word) ^ state
                let high = UInt32(truncatingIfNeeded: word >> 32)
                state =
                    table[7 * 256 + Int(low & 0xff)] ^ table[6 * 256 + Int(low >> 8 & 0xff)]
                    ^ table[5 * 256 + Int(low >> 16 & 0xff)] ^ table[4 * 256 + Int(low >> 24)]
                    ^ table[3 * 256 + Int(high & 0xff)] ^ table[2 * 256 + Int(high >> 8 & 0xff)]
                    ^ table[256 + Int(high >> 16 & 0xff)] ^ table[Int(high >> 24)]
                offset += 8
            }
            while offset < bytes.count {
                state = table[Int((state ^ UInt32(bytes[offset])) & 0xff)] ^ (state >> 8)
                offset += 1
            }
        }
        self.state = state
    }

    private static let table: [UInt32] = {
        var table = [UInt32](repeating: 0, count: 8 * 256)
        for index in 0..<256 {
            var entry = UInt32(index)
            for _ in 0..<8 { entry = entry & 1 == 1 ? 0x82f6_3b78 ^ (entry >> 1) : entry >> 1 }
            table[index] = entry
        }
        for index in 256..<table.count {
            let previous = table[index - 256]
            table[index] = table[Int(previous & 0xff)] ^ (previous >> 8)
        }
        return table
    }()
}
