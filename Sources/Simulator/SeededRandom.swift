package import Primitives

/// SplitMix64 (Steele, Lea, Flood 2014): the same numbers from a seed on every machine.
package struct SeededRandom: Sendable {
    private var state: UInt64

    package init(seed: UInt64) { state = seed }

    package mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        return Self.mix(state)
    }

    package static func mix(_ word: UInt64) -> UInt64 {
        var value = word
        value = (value ^ (value >> 30)) &* 0xbf58_476d_1ce4_e5b9
        value = (value ^ (value >> 27)) &* 0x94d0_49bb_1331_11eb
        return value ^ (value >> 31)
    }

    package mutating func below(_ bound: UInt64) -> UInt64 { next() % max(1, bound) }
    package mutating func within(_ range: ClosedRange<Int64>) -> Int64 {
        range.lowerBound + Int64(below(UInt64(range.upperBound - range.lowerBound + 1)))
    }
    /// True so often of a thousand times.
    package mutating func chance(_ thousandths: UInt64) -> Bool { below(1000) < thousandths }
    package mutating func bytes(_ count: Int) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(count + 8)
        while bytes.count < count {
            let word = next()
            for shift in 0..<8 { bytes.append(UInt8(truncatingIfNeeded: word >> UInt64(8 * shift))) }
        }
        bytes.removeLast(bytes.count - count)
        return bytes
    }
    package mutating func digest() -> Digest { Digest(bytes: bytes(32)) ?? .zero }

    package mutating func shuffle<Element>(_ list: inout [Element]) {
        guard list.count > 1 else { return }
        for place in stride(from: list.count - 1, to: 0, by: -1) {
            list.swapAt(place, Int(below(UInt64(place + 1))))
        }
    }
}
