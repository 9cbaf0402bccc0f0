import Primitives

extension SeededGenerator {
    /// Any DAG-CBOR value, with the sizes at which heads change among its numbers and lengths.
    mutating func value(depth: Int = 4) -> CBORValue {
        switch Int.random(in: 0..<(depth > 0 ? 12 : 9), using: &self) {
        case 0: return .unsigned(number())
        case 1: return .negative(number())
        case 2: return .bytes(bytes(upTo: Bool.random(using: &self) ? 30 : 300))
        case 3, 4: return .text(text(upTo: 40))
        case 5: return .link(contentIdentifier())
        case 6: return .bool(Bool.random(using: &self))
        case 7: return .null
        case 8:
            let float = Double(bitPattern: next())
            return .float(float.isFinite ? float : -0.5)
        case 9, 10:
            return .array((0..<Int.random(in: 0...6, using: &self)).map { _ in value(depth: depth - 1) })
        default:
            var map = CBORMap()
            for _ in 0..<Int.random(in: 0...6, using: &self) { map[text(upTo: 12)] = value(depth: depth - 1) }
            return .map(map)
        }
    }

    mutating func number() -> UInt64 {
        let edges: [UInt64] = [
            0, 1, 23, 24, 255, 256, 65535, 65536, 0xffff_ffff, 0x1_0000_0000, UInt64(Int64.max), .max,
        ]
        if Bool.random(using: &self) { return edges.randomElement(using: &self) ?? 0 }
        return next() >> UInt64.random(in: 0..<64, using: &self)
    }

    mutating func text(upTo maximum: Int) -> String {
        let scalars: [Unicode.Scalar] = ["a", "b", "z", "0", " ", "\n", "\"", "\u{e9}", "\u{6c34}", "\u{1f600}"]
        var text = ""
        for _ in 0..<Int.random(in: 0...maximum, using: &self) {
            text.unicodeScalars.append(scalars.randomElement(using: &self) ?? "a")
        }
        return text
    }

    mutating func contentIdentifier() -> CID {
        let content = bytes(upTo: 40)
        switch Int.random(in: 0..<3, using: &self) {
        case 0: return .of(raw: content)
        case 1: return .of(dagCBOR: content)
        default: return CID(codec: .dagCBOR, hashFunction: .sha256, digest: .sha256(content))
        }
    }

    /// Bytes near valid ones: bits flipped, bytes removed, added, repeated.
    mutating func mutation(of bytes: [UInt8]) -> [UInt8] {
        var bytes = bytes
        for _ in 0..<Int.random(in: 1...3, using: &self) {
            let place = Int.random(in: 0...bytes.count, using: &self)
            switch Int.random(in: 0..<4, using: &self) {
            case 0 where place < bytes.count: bytes[place] ^= 1 << UInt8.random(in: 0..<8, using: &self)
            case 1 where place < bytes.count: bytes.remove(at: place)
            case 2 where place < bytes.count: bytes.removeSubrange(place...)
            default: bytes.insert(UInt8.random(in: 0...255, using: &self), at: place)
            }
        }
        return bytes
    }
}
