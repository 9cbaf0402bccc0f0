import Glibc
import Testing

@testable import PrivacyDP

/// Mironov's attack ("On significance of the least significant bits for differential privacy", 2012), on Gaussian
/// noise: which of two neighbouring sums can have produced an output that a sampler released?
@Suite("The floating-point attack")
struct FloatingPointAttackTests {
    /// What a library writes without thinking of this: Box and Muller on doubles, added to the true value.
    private struct NaiveGaussian {
        var words: SeededWords

        mutating func noisy(_ value: Double, sigma: Double) -> Double {
            let first = Double(words.nextWord() >> 40) + 1
            let second = Double(words.nextWord() >> 52)
            let radius = (-2 * log(first / 16_777_217)).squareRoot()
            return value + sigma * radius * cos(2 * Double.pi * second / 4096)
        }

        /// Whether some pair of the generator's uniforms gives exactly `output` from `value`: the attacker goes through
        /// all angles and asks whether the radius that is needed can come from a uniform of 24 bits.
        static func isReachable(_ output: Double, from value: Double, sigma: Double) -> Bool {
            for angle in 0..<4096 {
                let direction = cos(2 * Double.pi * Double(angle) / 4096)
                let radius = (output - value) / sigma / direction
                guard radius > 0, radius < 6.5 else { continue }
                let guess = (exp(-radius * radius / 2) * 16_777_217).rounded()
                for first in [guess - 1, guess, guess + 1] where first >= 1 && first <= 16_777_216 {
                    let rebuilt = (-2 * log(first / 16_777_217)).squareRoot()
                    if value + sigma * rebuilt * direction == output { return true }
                }
            }
            return false
        }
    }

    @Test("tells neighbours apart under naive floating-point noise")
    func succeedsAgainstNaiveNoise() {
        var naive = NaiveGaussian(words: SeededWords(seed: 7))
        var correct = 0
        for _ in 0..<40 {
            let output = naive.noisy(0, sigma: 3)
            let couldBeZero = NaiveGaussian.isReachable(output, from: 0, sigma: 3)
            let couldBeOne = NaiveGaussian.isReachable(output, from: 1, sigma: 3)
            #expect(couldBeZero)
            if !couldBeOne { correct += 1 }
        }
        // One output with one support settles the question; nearly all do.
        #expect(correct >= 36)
    }

    @Test("finds nothing against the exact sampler: both supports are the whole grid, in the right proportions")
    func findsNothingAgainstExactNoise() throws {
        let scale = try #require(NoiseScale(numerator: 3))
        let sampler = try #require(DiscreteGaussian(sigma: scale))
        var words = SeededWords(seed: 8)
        var fromZero = [Int64: Int]()
        var fromOne = [Int64: Int]()
        for _ in 0..<400_000 {
            fromZero[sampler.sample(from: &words), default: 0] += 1
            fromOne[1 + sampler.sample(from: &words), default: 0] += 1
        }
        for output in Int64(-9)...10 {
            let zero = Double(fromZero[output] ?? 0)
            let one = Double(fromOne[output] ?? 0)
            #expect(zero > 0 && one > 0)
            // The likelihood ratio is the one that the guarantee accounts for, exp((1 - 2·output)/18), within six
            // errors.
            let expected = Double(1 - 2 * output) / 18
            #expect(abs(log(zero / one) - expected) < 6 * (1 / zero + 1 / one).squareRoot(), "output \(output)")
        }
        // No output has a low-order bit that depends on the sum: parities of the noise are equally frequent.
        let even = Double(fromZero.filter { $0.key % 2 == 0 }.values.reduce(0, +))
        #expect(abs(even - 200_000) < 5 * 400_000.0.squareRoot())
    }
}
