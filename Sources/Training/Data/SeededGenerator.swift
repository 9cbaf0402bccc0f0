import CKernels

/// xoshiro256** (Blackman and Vigna 2018), seeded through SplitMix64: the same numbers everywhere for one seed.
///
/// For splits, initial weights and shuffles that must be repeatable. Never for keys, noise or anything that must not be
/// guessed: use `SecureRandom` there.
public struct SeededGenerator: RandomNumberGenerator, Sendable {
    private var state: (UInt64, UInt64, UInt64, UInt64)
    private var spareNormal: Double?

    /// `stream` separates the uses of one seed: equal seeds with different streams are unrelated.
    public init(seed: UInt64, stream: UInt64 = 0) {
        var mixer = seed &+ stream &* 0xd134_2543_de82_ef95
        func next() -> UInt64 {
            mixer &+= 0x9e37_79b9_7f4a_7c15
            var z = mixer
            z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
            z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
            return z ^ (z >> 31)
        }
        state = (next(), next(), next(), next())
    }

    public mutating func next() -> UInt64 {
        func rotated(_ value: UInt64, _ count: UInt64) -> UInt64 { (value << count) | (value >> (64 - count)) }
        let result = rotated(state.1 &* 5, 7) &* 9
        let shifted = state.1 << 17
        state.2 ^= state.0
        state.3 ^= state.1
        state.1 ^= state.2
        state.0 ^= state.3
        state.2 ^= shifted
        state.3 = rotated(state.3, 45)
        return result
    }

    /// Uniform in (0, 1), 53 bits, never 0.
    public mutating func uniform() -> Double { (Double(next() >> 11) + 0.5) * 0x1p-53 }

    /// Uniform in 0..<bound, without bias (Lemire 2019). `bound` is at least 1.
    public mutating func below(_ bound: Int) -> Int {
        let bound = UInt64(max(1, bound))
        while true {
            let product = next().multipliedFullWidth(by: bound)
            if product.low >= (0 &- bound) % bound { return Int(product.high) }
        }
    }

    /// Standard normal, by the polar method of Marsaglia and Bray, with our own logarithm.
    public mutating func normal() -> Double {
        if let spare = spareNormal {
            spareNormal = nil
            return spare
        }
        while true {
            let x = 2 * uniform() - 1
            let y = 2 * uniform() - 1
            let square = x * x + y * y
            guard square < 1, square > 1e-300 else { continue }
            let factor = (-2 * vin_log(square) / square).squareRoot()
            spareNormal = y * factor
            return x * factor
        }
    }

    /// The logarithm of a gamma variate of that shape (Marsaglia and Tsang 2000); shapes below 1 by the usual boost.
    /// Logarithms, because a small shape gives numbers that underflow.
    public mutating func logGamma(shape: Double) -> Double {
        if shape < 1 { return logGamma(shape: shape + 1) + vin_log(uniform()) / shape }
        let d = shape - 1.0 / 3
        let c = 1 / (9 * d).squareRoot()
        while true {
            let x = normal()
            let root = 1 + c * x
            guard root > 0 else { continue }
            let v = root * root * root
            if vin_log(uniform()) < 0.5 * x * x + d - d * v + d * vin_log(v) { return vin_log(d * v) }
        }
    }

    /// A draw from the symmetric Dirichlet distribution. `count` and `concentration` are above 0.
    public mutating func dirichlet(count: Int, concentration: Double) -> [Double] {
        let logarithms = (0..<count).map { _ in logGamma(shape: concentration) }
        let largest = logarithms.max() ?? 0
        let weights = logarithms.map { Double(vin_exp(Float($0 - largest))) }
        let total = weights.reduce(0, +)
        return weights.map { $0 / total }
    }

    /// Fisher and Yates, with this generator's own bounded draw, so that the order never changes with the library.
    public mutating func shuffle<Element>(_ values: inout [Element]) {
        for index in stride(from: values.count - 1, to: 0, by: -1) { values.swapAt(index, below(index + 1)) }
    }
}
