import PluginKit

/// Pseudo-random draws that follow from a beacon: SipHash-2-4 (Aumasson and Bernstein 2012) keyed by its first half.
///
/// The beacon is unknown until after the commitments; once it is known, everybody computes the same draws.
struct Draw {
    private let key: (UInt64, UInt64)
    private let context: [UInt64]

    init(beacon: Bytes32, job: Bytes32, round: UInt32) {
        let beaconWords = Self.words(beacon)
        key = (beaconWords[0], beaconWords[1])
        context = [beaconWords[2], beaconWords[3]] + Self.words(job) + [UInt64(round)]
    }

    /// A word for the purpose and index.
    func word(purpose: UInt64, index: UInt64) -> UInt64 {
        Self.sipHash(key: key, words: context + [purpose, index])
    }

    /// True with the rate, in 1e-6.
    func happens(rate: Int64, purpose: UInt64, index: UInt64) -> Bool {
        guard rate < 1_000_000 else { return true }
        return word(purpose: purpose, index: index).multipliedFullWidth(by: 1_000_000).high < UInt64(max(0, rate))
    }

    /// SipHash-2-4 of whole little-endian words.
    static func sipHash(key: (UInt64, UInt64), words: [UInt64]) -> UInt64 {
        var state = (
            key.0 ^ 0x736f_6d65_7073_6575, key.1 ^ 0x646f_7261_6e64_6f6d, key.0 ^ 0x6c79_6765_6e65_7261,
            key.1 ^ 0x7465_6462_7974_6573
        )
        func rotated(_ value: UInt64, _ bits: UInt64) -> UInt64 { value << bits | value >> (64 - bits) }
        func mix() {
            state.0 &+= state.1
            state.2 &+= state.3
            state.1 = rotated(state.1, 13) ^ state.0
            state.3 = rotated(state.3, 16) ^ state.2
            state.0 = rotated(state.0, 32)
            state.2 &+= state.1
            state.0 &+= state.3
            state.1 = rotated(state.1, 17) ^ state.2
            state.3 = rotated(state.3, 21) ^ state.0
            state.2 = rotated(state.2, 32)
        }
        let lengthWord = UInt64(truncatingIfNeeded: words.count * 8) << 56
        for word in words + [lengthWord] {
            state.3 ^= word
            mix()
            mix()
            state.0 ^= word
        }
        state.2 ^= 0xff
        for _ in 0..<4 { mix() }
        return state.0 ^ state.1 ^ state.2 ^ state.3
    }

    private static func words(_ value: Bytes32) -> [UInt64] {
        let bytes = value.bytes
        return stride(from: 0, to: 32, by: 8).map { start in
            bytes[start..<start + 8].reversed().reduce(0) { $0 << 8 | UInt64($1) }
        }
    }
}
