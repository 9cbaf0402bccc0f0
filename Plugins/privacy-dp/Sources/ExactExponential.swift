/// A uniform real in [0, 1) whose bits are drawn as they are needed.
struct LazyUniform {
    /// The bits drawn so far, as an integer of `64 * wordCount` bits.
    private(set) var bits: NaturalNumber
    private(set) var wordCount: Int

    /// - Parameter firstWord: the 64 most significant bits, already drawn.
    init(firstWord: UInt64) {
        bits = NaturalNumber(firstWord)
        wordCount = 1
    }

    mutating func extend(from source: inout some WordSource & ~Copyable) {
        bits = (bits << 64) + NaturalNumber(source.nextWord())
        wordCount += 1
    }
}

/// Exact decisions about exp(-numerator/denominator), for the draws that 64 bits do not decide.
///
/// Interval arithmetic on integers: every bound is rounded outward, so a decision is never wrong; where the bounds do
/// not decide, one more word is drawn and the precision grows with it.
enum ExactExponential {
    /// Bounds of 2^bits · exp(-numerator/denominator).
    struct Enclosure {
        var lower: NaturalNumber
        var upper: NaturalNumber
    }

    /// Whether `uniform` < exp(-numerator/denominator), exactly. The denominator is not zero.
    static func isBelow(
        _ uniform: inout LazyUniform, numerator: NaturalNumber, denominator: NaturalNumber,
        source: inout some WordSource & ~Copyable
    ) -> Bool {
        // exp(0) = 1 is above every uniform; its bounds would never close.
        if numerator.isZero { return true }
        while true {
            let bits = 64 * uniform.wordCount
            let bounds = enclosure(numerator: numerator, denominator: denominator, bits: bits)
            if uniform.bits + .one <= bounds.lower { return true }
            if uniform.bits >= bounds.upper { return false }
            uniform.extend(from: &source)
        }
    }

    /// Bounds of 2^bits · exp(-x), x = numerator/denominator: exp(-x) = exp(-x/2^m)^(2^m) with x/2^m ≤ 1/2, by the
    /// alternating series, whose rest is smaller than its last term.
    static func enclosure(numerator: NaturalNumber, denominator: NaturalNumber, bits: Int) -> Enclosure {
        let halvings = max(0, numerator.bitWidth - denominator.bitWidth + 2)
        // exp(-x) < 2^-bits leaves no more to compute (x ≥ 2^(halvings - 3)).
        if halvings > 3, halvings - 3 < 40, 1 << (halvings - 3) > bits {
            return Enclosure(lower: .zero, upper: .one)
        }
        if halvings >= 43 { return Enclosure(lower: .zero, upper: .one) }
        let precision = bits + 2 * halvings + 16
        let scaledDenominator = denominator << halvings
        guard let argument = (numerator << precision).quotient(dividingBy: scaledDenominator) else {
            return Enclosure(lower: .zero, upper: .powerOfTwo(bits))
        }
        let unit = NaturalNumber.powerOfTwo(precision)
        var value = series(lowerArgument: argument, upperArgument: argument + .one, unit: unit, precision: precision)
        for _ in 0..<halvings {
            value.lower = (value.lower * value.lower) >> precision
            value.upper = ((value.upper * value.upper) >> precision) + .one
        }
        let shift = precision - bits
        return Enclosure(lower: value.lower >> shift, upper: (value.upper >> shift) + .one)
    }

    private static func series(
        lowerArgument: NaturalNumber, upperArgument: NaturalNumber, unit: NaturalNumber, precision: Int
    ) -> Enclosure {
        var term = Enclosure(lower: unit, upper: unit)
        // Positive and negative parts apart, because natural numbers do not go below zero.
        var positive = Enclosure(lower: unit, upper: unit)
        var negative = Enclosure(lower: .zero, upper: .zero)
        var index: UInt64 = 1
        while true {
            // Rounding twice in the same direction is rounding once: shift first, so that the divisor stays one limb.
            let divisor = NaturalNumber(index)
            let raisedUpper = term.upper * upperArgument + unit - .one
            guard let lower = ((term.lower * lowerArgument) >> precision).quotient(dividingBy: divisor),
                let upper = (raisedUpper >> precision).quotientRoundedUp(dividingBy: divisor)
            else { break }
            term = Enclosure(lower: lower, upper: upper)
            if index % 2 == 1 {
                negative.lower = negative.lower + lower
                negative.upper = negative.upper + upper
            } else {
                positive.lower = positive.lower + lower
                positive.upper = positive.upper + upper
            }
            if upper <= .one { break }
            index += 1
        }
        return Enclosure(
            lower: positive.lower - negative.upper - .one, upper: positive.upper - negative.lower + .one)
    }
}
