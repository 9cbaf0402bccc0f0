import Primitives

/// SplitMix64 (Steele, Lea, Flood 2014): small and good enough to make test input; the same on every machine.
struct SeededNumbers {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var value = state
        value = (value ^ (value >> 30)) &* 0xbf58_476d_1ce4_e5b9
        value = (value ^ (value >> 27)) &* 0x94d0_49bb_1331_11eb
        return value ^ (value >> 31)
    }

    /// Below `bound`, which is above zero; the slight bias does not matter here.
    mutating func below(_ bound: UInt64) -> UInt64 { next() % bound }

    mutating func bytes(_ count: Int) -> [UInt8] { (0..<count).map { _ in UInt8(truncatingIfNeeded: next() >> 32) } }

    mutating func digest() -> Digest { Digest.blake2b256(bytes(32)) }

    /// 32 bytes that stand for a key; nobody signs with it.
    mutating func key() -> PublicKey? { PublicKey(bytes: bytes(32)) }

    mutating func shuffled<Element>(_ list: [Element]) -> [Element] {
        var list = list
        for index in stride(from: list.count - 1, to: 0, by: -1) {
            list.swapAt(index, Int(below(UInt64(index + 1))))
        }
        return list
    }
}
