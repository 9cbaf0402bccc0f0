/// Exact samples of the discrete Gaussian: probability proportional to exp(-x²/(2·sigma²)) over all integers x.
///
/// Rejection from a discrete Laplace, as in Canonne, Kamath and Steinke, "The Discrete Gaussian for Differential
/// Privacy", 2020, algorithms 1 to 3, with their two acceptance tests merged into one: U is uniform below t ≥
/// sqrt(2)·sigma, V geometric with exp(-1), x = U + t·V is kept with probability exp(-(x²/(2·sigma²) - V)), which is
/// at most 1 because x² ≥ (t·V)² ≥ 2·sigma²·V. The product of the proposal's exp(-V) and this is the wanted density,
/// exactly: with integers only and no floating point, neighbours cannot be told apart by the support of the noise
/// (Mironov 2012).
///
/// Time varies with the number of rejections, which is independent of the data.
struct DiscreteGaussian {
    let sigma: NoiseScale
    private let strip: UInt64
    private let square: UInt128
    private let acceptance: FastExponential
    private let geometric: GeometricTrial

    /// - Parameter alwaysSlow: takes the exact slow path in each trial; for tests.
    init?(sigma: NoiseScale, alwaysSlow: Bool = false) {
        self.sigma = sigma
        let numerator = UInt128(sigma.numerator)
        square = 2 * numerator * numerator
        strip = UInt64(integerSquareRoot(square) / UInt128(sigma.denominator)) + 1
        guard let acceptance = FastExponential(denominator: square, alwaysSlow: alwaysSlow) else { return nil }
        self.acceptance = acceptance
        geometric = GeometricTrial(alwaysSlow: alwaysSlow)
    }

    /// One sample, with a magnitude below 2^47 (61 strips of at most sqrt(2)·2^40; what lies beyond has a probability
    /// below 2^-5000, and is drawn again).
    @inline(__always)
    func sample(from source: inout some WordSource & ~Copyable) -> Int64 {
        while true {
            let steps = geometric.draw(from: &source)
            let magnitude = uniformInteger(below: strip, from: &source) &+ strip &* steps
            let scaled = UInt128(magnitude) * UInt128(sigma.denominator)
            // Reached with a probability below exp(-61²). The bound keeps scaled² below 2^128.
            guard steps <= 60 else { continue }
            let numerator = scaled * scaled - square * UInt128(steps)
            guard acceptance.draw(numerator: numerator, from: &source) else { continue }
            let negative = source.nextWord() & 1 == 1
            if magnitude == 0, negative { continue }
            return negative ? -Int64(magnitude) : Int64(magnitude)
        }
    }

    /// Adds a fresh sample to every value. The caller has checked that the sums cannot overflow.
    func addNoise(to values: inout MutableSpan<Int64>, from source: inout some WordSource & ~Copyable) {
        for index in values.indices { values[index] &+= sample(from: &source) }
    }
}
