import Glibc
import Testing

@testable import PrivacyDP

@Suite("The discrete Gaussian sampler")
struct DiscreteGaussianTests {
    private func samples(_ sampler: DiscreteGaussian, count: Int, seed: UInt64) -> [Int64] {
        var words = SeededWords(seed: seed)
        return (0..<count).map { _ in sampler.sample(from: &words) }
    }

    @Test(
        "follows the exact probabilities at small and middle scales",
        arguments: [(1, 10), (1, 2), (1, 1), (3, 2), (7, 3), (10, 1), (655, 64)] as [(UInt64, UInt64)])
    func followsExactProbabilities(fraction: (UInt64, UInt64)) throws {
        let scale = try #require(NoiseScale(numerator: fraction.0, denominator: fraction.1))
        let sampler = try #require(DiscreteGaussian(sigma: scale))
        let sigma = scale.approximateValue
        for seed in 1...3 as ClosedRange<UInt64> {
            let drawn = samples(sampler, count: 200_000, seed: seed)
            let limit = Int64((4 * sigma).rounded(.up))
            let weight: (Int64) -> Double = { exp(-Double($0 * $0) / (2 * sigma * sigma)) }
            if sigma >= 0.3 {
                #expect(GoodnessOfFit.fits(drawn, weight: weight, limit: limit), "seed \(seed)")
                // The checker can fail: a scale 3 % off is caught.
                let wrong: (Int64) -> Double = { exp(-Double($0 * $0) / (2 * sigma * sigma * 1.06)) }
                #expect(!GoodnessOfFit.fits(drawn, weight: wrong, limit: limit), "seed \(seed)")
            } else {
                #expect(drawn.allSatisfy { $0 == 0 })
            }
        }
    }

    @Test("is normal at large scales", arguments: [100, 1 << 20, 1 << 40] as [UInt64])
    func isNormalAtLargeScales(sigma: UInt64) throws {
        let scale = try #require(NoiseScale(numerator: sigma))
        let sampler = try #require(DiscreteGaussian(sigma: scale))
        let drawn = samples(sampler, count: 200_000, seed: sigma)
        // A step of the grid adds 0.2/sigma to the distance. 2.7 is exceeded with probability 1e-6.
        let slack = 0.2 / Double(sigma) * sqrt(200_000)
        #expect(GoodnessOfFit.normalDistance(drawn, sigma: Double(sigma)) < 2.7 + slack)
        #expect(GoodnessOfFit.normalDistance(drawn, sigma: Double(sigma) * 1.03) > 2.7 + slack)
    }

    @Test("has the tails of a Gaussian, beyond three and four sigma")
    func hasTails() throws {
        let scale = try #require(NoiseScale(numerator: 1000))
        let sampler = try #require(DiscreteGaussian(sigma: scale))
        let drawn = samples(sampler, count: 2_000_000, seed: 11)
        for (multiple, probability) in [(3, 2.6998e-3), (4, 6.3342e-5)] {
            let beyond = Double(drawn.count { abs($0) > multiple * 1000 })
            let expected = 2_000_000 * probability
            #expect(abs(beyond - expected) < 5 * sqrt(expected) + 0.02 * expected, "\(beyond) for \(expected)")
        }
        #expect(drawn.allSatisfy { abs($0) < 7000 })
    }

    @Test("gives the same distribution when every draw is forced onto the slow path")
    func forcedSlowPath() throws {
        let scale = try #require(NoiseScale(numerator: 5, denominator: 2))
        let sampler = try #require(DiscreteGaussian(sigma: scale, alwaysSlow: true))
        let drawn = samples(sampler, count: 4_000, seed: 5)
        #expect(GoodnessOfFit.fits(drawn, weight: { exp(-Double($0 * $0) / 12.5) }, limit: 8))
    }

    @Test("takes the same decisions on the slow and on the fast path", arguments: [1, 3, 1000, 1 << 40] as [UInt64])
    func pathsAgree(sigma: UInt64) throws {
        let scale = try #require(NoiseScale(numerator: sigma))
        let fast = try #require(DiscreteGaussian(sigma: scale))
        let slow = try #require(DiscreteGaussian(sigma: scale, alwaysSlow: true))
        for seed in 1...100 as ClosedRange<UInt64> {
            #expect(samples(fast, count: 3, seed: seed) == samples(slow, count: 3, seed: seed), "seed \(seed)")
        }
    }

    @Test("has a fast exponential within its proven bound")
    func fastExponentialIsWithinItsBound() throws {
        var words = SeededWords(seed: 99)
        for _ in 0..<3000 {
            let wide = UInt128(words.nextWord()) << 49
            let denominator = max(1, wide >> UInt128(words.nextWord() % 113))
            let numerator = UInt128(words.nextWord()) * ((denominator >> 58) + 1) % (45 * denominator)
            let trial = try #require(FastExponential(denominator: denominator))
            let estimate = NaturalNumber(trial.scaledExponential(of: numerator))
            let exact = ExactExponential.enclosure(
                numerator: NaturalNumber(numerator), denominator: NaturalNumber(denominator), bits: 63)
            let bound = NaturalNumber(FastExponential.margin / 8)
            #expect(estimate + bound >= exact.lower && exact.upper + bound >= estimate, "\(numerator)/\(denominator)")
        }
    }

    @Test("refuses scales that it cannot sample")
    func refusesScales() {
        #expect(NoiseScale(numerator: 0) == nil)
        #expect(NoiseScale(numerator: 1, denominator: 0) == nil)
        #expect(NoiseScale(numerator: (1 << 40) + 1) == nil)
        #expect(NoiseScale(numerator: 1, denominator: (1 << 16) + 1) == nil)
    }
}
