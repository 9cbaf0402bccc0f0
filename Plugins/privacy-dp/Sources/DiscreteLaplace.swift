/// Exact samples of the discrete Laplace: probability proportional to exp(-|x|/scale) over all integers x.
///
/// Canonne, Kamath and Steinke 2020, algorithm 2, for scale = numerator/denominator: U uniform below the numerator,
/// kept with probability exp(-U/numerator); V geometric with exp(-1); the magnitude is (U + numerator·V)/denominator,
/// rounded down; a negative zero is drawn again.
struct DiscreteLaplace {
    let scale: NoiseScale
    private let acceptance: FastExponential
    private let geometric: GeometricTrial

    /// - Parameter alwaysSlow: takes the exact slow path in each trial; for tests.
    init?(scale: NoiseScale, alwaysSlow: Bool = false) {
        self.scale = scale
        guard let acceptance = FastExponential(denominator: UInt128(scale.numerator), alwaysSlow: alwaysSlow) else {
            return nil
        }
        self.acceptance = acceptance
        geometric = GeometricTrial(alwaysSlow: alwaysSlow)
    }

    /// One sample. The magnitude is below 2^63 but for a probability below exp(-2^22), where it is drawn again.
    func sample(from source: inout some WordSource & ~Copyable) -> Int64 {
        while true {
            let offset = uniformInteger(below: scale.numerator, from: &source)
            guard acceptance.draw(numerator: UInt128(offset), from: &source) else { continue }
            let steps = geometric.draw(from: &source)
            let total = UInt128(scale.numerator) * UInt128(steps) + UInt128(offset)
            guard let magnitude = Int64(exactly: total / UInt128(scale.denominator)) else { continue }
            let negative = source.nextWord() & 1 == 1
            if magnitude == 0, negative { continue }
            return negative ? -magnitude : magnitude
        }
    }
}
