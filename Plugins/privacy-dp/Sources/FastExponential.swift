/// Bernoulli(exp(-numerator/denominator)) for one denominator and many numerators: decided by 64 random bits nearly
/// always, by ``ExactExponential`` when those bits fall into the error bound (about one draw in 2^50).
///
/// The result is exact: the fast path only decides where its error bound, proven below, leaves no doubt. All
/// arithmetic is on integers.
struct FastExponential {
    /// Twice the bound of the error of ``scaledExponential(of:)`` and of the dropped bit of the uniform, in 2^-63.
    static let margin: UInt64 = 4096

    private let denominator: UInt128
    /// Moves the denominator's top bit to bit 120.
    private let shift: UInt128
    /// floor(2^127 / (denominator's top 64 bits + 1)), which is 2^184 / (denominator << shift) less 2^-62 of itself.
    private let reciprocal: UInt64
    /// Widens the margin to everything, so that a test can force each draw onto the slow path.
    private let alwaysSlow: Bool
    /// 2^63 · 2^(-j/16), rounded down.
    private let roots: [UInt64] = [
        0x8000_0000_0000_0000, 0x7a92_be8a_9243_6616, 0x7560_6373_ee92_1c97, 0x7066_6f76_154a_7088,
        0x6ba2_7e65_6b4e_b57a, 0x6712_460a_8fc2_4071, 0x62b3_9508_aa83_6d6e, 0x5e84_51cf_ac06_1b5f,
        0x5a82_7999_fcef_3242, 0x56ac_1f75_2150_a563, 0x52ff_6b54_d8a8_9c75, 0x4f7a_9930_48d0_88d6,
        0x4c1b_f828_c6dc_54b7, 0x48e1_e9b9_d588_e19b, 0x45ca_e0f1_f545_eb73, 0x42d5_61b3_e624_3d8a,
    ]

    /// - Parameter denominator: 1 ≤ denominator < 2^121; nil otherwise.
    init?(denominator: UInt128, alwaysSlow: Bool = false) {
        guard denominator > 0, denominator.leadingZeroBitCount >= 7 else { return nil }
        self.denominator = denominator
        shift = UInt128(denominator.leadingZeroBitCount - 7)
        let top = UInt64(truncatingIfNeeded: (denominator << shift) >> 57)
        let quotient = (UInt128(1) << 127) / (UInt128(top) + 1)
        // Only top + 1 = 2^63 would give 2^64, and top ≥ 2^63.
        reciprocal = UInt64(truncatingIfNeeded: min(quotient, UInt128(UInt64.max)))
        self.alwaysSlow = alwaysSlow
    }

    /// Draws true with probability exp(-numerator/denominator), exactly.
    @inline(__always)
    func draw(numerator: UInt128, from source: inout some WordSource & ~Copyable) -> Bool {
        let word = source.nextWord()
        // At 45 the probability is below 2^-64: only the word zero is undecided.
        if numerator < 45 * denominator, !alwaysSlow {
            let estimate = scaledExponential(of: numerator)
            let uniform = word >> 1
            if uniform &+ Self.margin < estimate { return true }
            if uniform > estimate &+ Self.margin { return false }
        } else if word != 0, !alwaysSlow {
            return false
        }
        return drawSlowly(numerator: numerator, firstWord: word, from: &source)
    }

    @inline(never)
    private func drawSlowly(
        numerator: UInt128, firstWord: UInt64, from source: inout some WordSource & ~Copyable
    ) -> Bool {
        var uniform = LazyUniform(firstWord: firstWord)
        return ExactExponential.isBelow(
            &uniform, numerator: NaturalNumber(numerator), denominator: NaturalNumber(denominator), source: &source)
    }

    /// 2^63 · exp(-numerator/denominator) with an error below 1,500; the quotient is below 45.
    ///
    /// The quotient in 2^-58: the dropped bits of the numerator cost 2 units, the reciprocal 45·2^58·2^-62 < 3 and its
    /// truncation 1, so it is low by less than 6 units, 2^-55.4: 2^63·2^-55.4 < 200 in the result. Its reduction by
    /// multiples of ln 2/16 (rounded down in 2^-64) adds 0.5·idx·2^-64·exp(-idx·ln 2/16) < 5·2^-64; the series is cut
    /// after r^9/9!, below 2^-66 for r ≤ 0.0434; each of its 9 products and the last one drop less than 2^-62. The sum
    /// stays below 256 in 2^-63, and the margin has a factor of 8 in hand.
    @inline(__always)
    func scaledExponential(of numerator: UInt128) -> UInt64 {
        let high = UInt64(truncatingIfNeeded: (numerator << shift) >> 63)
        let exponent = UInt64(truncatingIfNeeded: (UInt128(high) * UInt128(reciprocal)) >> 63)
        let index = exponent.multipliedFullWidth(by: 0x5c55_1d94_ae0b_f85d).high >> 52
        let rest = (exponent << 6) &- index &* 0x0b17_217f_7d1c_f79a
        var sum: UInt64 = 0x0000_2e3b_c74a_ad8e  // 1/9!
        sum = 0x0001_a01a_01a0_1a01 &- Self.product(rest, sum)
        sum = 0x000d_00d0_0d00_d00d &- Self.product(rest, sum)
        sum = 0x005b_05b0_5b05_b05b &- Self.product(rest, sum)
        sum = 0x0222_2222_2222_2222 &- Self.product(rest, sum)
        sum = 0x0aaa_aaaa_aaaa_aaaa &- Self.product(rest, sum)
        sum = 0x2aaa_aaaa_aaaa_aaaa &- Self.product(rest, sum)
        sum = 0x8000_0000_0000_0000 &- Self.product(rest, sum)
        // 1 - exp(-rest) = rest - rest · (rest · sum).
        let complement = rest &- Self.product(rest, Self.product(rest, sum))
        let root = roots[Int(index & 15)]
        return (root &- Self.product(root, complement)) >> (index >> 4)
    }

    /// The upper half of the product of two numbers in 2^-64.
    @inline(__always)
    private static func product(_ left: UInt64, _ right: UInt64) -> UInt64 {
        left.multipliedFullWidth(by: right).high
    }
}
