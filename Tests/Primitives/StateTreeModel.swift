import Primitives

/// The state tree as its definition reads: a dictionary, and a recursion over strings of bits. Slow and obvious.
struct StateTreeModel {
    var entries: [[UInt8]: [UInt8]] = [:]

    static func bits(_ path: [UInt8]) -> [Bool] {
        var bits: [Bool] = []
        for byte in path {
            bits.append(true)
            for shift in (0..<8).reversed() { bits.append(byte >> UInt8(shift) & 1 == 1) }
        }
        return bits + [false]
    }

    /// Bits as whole bytes without their marks, and what there is of a further byte.
    static func prefixBytes(_ bits: ArraySlice<Bool>) -> [UInt8] {
        var bytes: [UInt8] = []
        var rest = bits
        while rest.count > 1 {
            let group = rest.prefix(9).dropFirst()
            var byte: UInt8 = 0
            for (index, bit) in group.enumerated() where bit { byte |= 0x80 >> UInt8(index) }
            bytes.append(byte)
            rest = rest.dropFirst(9)
        }
        return bytes
    }

    func root() -> Digest {
        StateTreeModel.root(entries.map { (bits: StateTreeModel.bits($0.key), path: $0.key, value: $0.value) })
    }

    private static func root(_ items: [(bits: [Bool], path: [UInt8], value: [UInt8])]) -> Digest {
        guard let first = items.first else { return .zero }
        if items.count == 1 {
            let head: [UInt8] = [0, UInt8(first.path.count)]
            return .blake2b256(head + first.path + Digest.blake2b256(first.value).bytes)
        }
        var length = 0
        while items.allSatisfy({ $0.bits[length] == first.bits[length] }) { length += 1 }
        let left = root(items.filter { !$0.bits[length] })
        let right = root(items.filter { $0.bits[length] })
        let head: [UInt8] = [1, UInt8(length >> 8), UInt8(length & 255)]
        return .blake2b256(head + prefixBytes(first.bits[..<length]) + left.bytes + right.bytes)
    }

    func scan(prefix: [UInt8], from start: [UInt8] = []) -> [StateEntry] {
        entries.filter { $0.key.starts(with: prefix) && !$0.key.lexicographicallyPrecedes(start) }
            .sorted { $0.key.lexicographicallyPrecedes($1.key) }
            .map { StateEntry(path: $0.key, value: $0.value) }
    }
}

extension SeededGenerator {
    /// A path from a small space, so that paths collide, extend one another and share prefixes.
    mutating func path() -> [UInt8] {
        switch Int.random(in: 0..<10, using: &self) {
        case 0: bytes(upTo: 128)
        case 1: [UInt8]("a/".utf8) + bytes(count: 33)
        default:
            (0..<Int.random(in: 0...5, using: &self)).map { _ in
                [0x00, 0x01, 0x61, 0x80, 0xff].randomElement(using: &self) ?? 0
            }
        }
    }

    mutating func value() -> [UInt8] {
        bytes(upTo: Int.random(in: 0..<20, using: &self) == 0 ? 3000 : 60)
    }

    mutating func changes(upTo maximum: Int) -> [StateChange] {
        (0..<Int.random(in: 0...maximum, using: &self)).map { _ in
            StateChange(path: path(), value: Int.random(in: 0..<3, using: &self) == 0 ? nil : value())
        }
    }
}
