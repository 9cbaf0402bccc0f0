import Glibc

/// Statistics for tests of samplers; floating point, because they judge and do not sample.
enum GoodnessOfFit {
    /// Pearson's statistic over the bins, and its degrees of freedom.
    static func chiSquare(observed: [Double], expected: [Double]) -> (statistic: Double, freedom: Int) {
        var statistic = 0.0
        for (seen, wanted) in zip(observed, expected) { statistic += (seen - wanted) * (seen - wanted) / wanted }
        return (statistic, observed.count - 1)
    }

    /// The value that a chi-square statistic exceeds with probability about 1e-6 (Wilson and Hilferty 1931, z = 4.75).
    static func chiSquareBound(freedom: Int) -> Double {
        let k = Double(freedom)
        let root = 1 - 2 / (9 * k) + 4.75 * sqrt(2 / (9 * k))
        return k * root * root * root
    }

    /// Bins `samples` by value from -limit to limit, tails together, against weights of a symmetric distribution.
    static func fits(_ samples: [Int64], weight: (Int64) -> Double, limit: Int64) -> Bool {
        var total = 0.0
        var expected = [Double](repeating: 0, count: Int(2 * limit + 3))
        for value in -(40 * limit + 40)...(40 * limit + 40) {
            let share = weight(value)
            total += share
            expected[Int(max(-limit - 1, min(limit + 1, value)) + limit + 1)] += share
        }
        var observed = [Double](repeating: 0, count: expected.count)
        for value in samples { observed[Int(max(-limit - 1, min(limit + 1, value)) + limit + 1)] += 1 }
        let kept = expected.indices.filter { expected[$0] / total * Double(samples.count) >= 5 }
        // What bins leave out must be rare in the sample too.
        let left = expected.indices.filter { !kept.contains($0) }
        guard left.allSatisfy({ observed[$0] <= 25 }), kept.count > 1 else { return false }
        let result = chiSquare(
            observed: kept.map { observed[$0] }, expected: kept.map { expected[$0] / total * Double(samples.count) })
        return result.statistic < chiSquareBound(freedom: result.freedom)
    }

    /// Kolmogorov's distance of samples to the normal distribution with deviation sigma, times the root of their
    /// number.
    static func normalDistance(_ samples: [Int64], sigma: Double) -> Double {
        let sorted = samples.sorted()
        let count = Double(sorted.count)
        var distance = 0.0
        for (index, value) in sorted.enumerated() {
            let below = 0.5 * erfc(-Double(value) / (sigma * 2.0.squareRoot()))
            distance = max(distance, abs(below - Double(index) / count), abs(below - Double(index + 1) / count))
        }
        return distance * sqrt(count)
    }
}
