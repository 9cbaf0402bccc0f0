/// V with probability (1 - 1/e) · exp(-V), from one word: the number of thresholds exp(-1), exp(-2), … above a uniform.
struct GeometricTrial {
    private static let thresholdCount = 40
    /// Lower bounds of 2^64 · exp(-1 - index), each low by at most 3. Found once: it takes as long as 10,000 draws.
    private static let thresholds: [UInt64] = (1...UInt64(thresholdCount)).map { exponent in
        let bounds = ExactExponential.enclosure(numerator: NaturalNumber(exponent), denominator: .one, bits: 64)
        return bounds.lower.word ?? 0
    }
    private let thresholds = Self.thresholds
    private let alwaysSlow: Bool

    init(alwaysSlow: Bool = false) {
        self.alwaysSlow = alwaysSlow
    }

    @inline(__always)
    func draw(from source: inout some WordSource & ~Copyable) -> UInt64 {
        let word = source.nextWord()
        var count = 0
        while count < Self.thresholdCount, !alwaysSlow {
            let threshold = thresholds[count]
            if word < threshold {
                count += 1
            } else if word > threshold &+ 4 {
                return UInt64(truncatingIfNeeded: count)
            } else {
                break
            }
        }
        return drawSlowly(firstWord: word, from: &source)
    }

    @inline(never)
    private func drawSlowly(firstWord: UInt64, from source: inout some WordSource & ~Copyable) -> UInt64 {
        var uniform = LazyUniform(firstWord: firstWord)
        var count: UInt64 = 0
        while ExactExponential.isBelow(
            &uniform, numerator: NaturalNumber(count + 1), denominator: .one, source: &source)
        {
            count += 1
        }
        return count
    }
}

/// A uniform integer below `bound`, exactly (Lemire, "Fast random integer generation in an interval", 2019).
@inline(__always)
func uniformInteger(below bound: UInt64, from source: inout some WordSource & ~Copyable) -> UInt64 {
    var product = source.nextWord().multipliedFullWidth(by: bound)
    if product.low < bound {
        let threshold = (0 &- bound) % bound
        while product.low < threshold { product = source.nextWord().multipliedFullWidth(by: bound) }
    }
    return product.high
}
