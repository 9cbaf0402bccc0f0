/// A natural number of any size, for what happens rarely and must be exact: undecided comparisons of the samplers and
/// the ceilings of the accountant. Schoolbook algorithms on 32-bit limbs, least significant first, without leading
/// zeros.
struct NaturalNumber: Equatable, Comparable {
    private(set) var limbs: [UInt32]

    private init(trimming limbs: [UInt32]) {
        self.limbs = limbs
        while self.limbs.last == 0 { self.limbs.removeLast() }
    }

    init(_ value: UInt64) {
        self.init(trimming: [UInt32(truncatingIfNeeded: value), UInt32(truncatingIfNeeded: value >> 32)])
    }

    init(_ value: UInt128) {
        self.init(trimming: (0..<4).map { UInt32(truncatingIfNeeded: value >> UInt128(32 * $0)) })
    }

    static let zero = NaturalNumber(0 as UInt64)
    static let one = NaturalNumber(1 as UInt64)

    static func powerOfTwo(_ exponent: Int) -> NaturalNumber { one << exponent }

    var isZero: Bool { limbs.isEmpty }

    var bitWidth: Int {
        guard let top = limbs.last else { return 0 }
        return 32 * limbs.count - top.leadingZeroBitCount
    }

    /// The value, or nil when it does not fit.
    var word: UInt64? {
        guard limbs.count <= 2 else { return nil }
        return limbs.reversed().reduce(0) { $0 << 32 | UInt64($1) }
    }

    static func < (left: NaturalNumber, right: NaturalNumber) -> Bool {
        guard left.limbs.count == right.limbs.count else { return left.limbs.count < right.limbs.count }
        for index in left.limbs.indices.reversed() where left.limbs[index] != right.limbs[index] {
            return left.limbs[index] < right.limbs[index]
        }
        return false
    }

    static func + (left: NaturalNumber, right: NaturalNumber) -> NaturalNumber {
        let count = max(left.limbs.count, right.limbs.count)
        var sum = [UInt32]()
        sum.reserveCapacity(count + 1)
        var carry: UInt64 = 0
        for index in 0..<count {
            let a = index < left.limbs.count ? UInt64(left.limbs[index]) : 0
            let b = index < right.limbs.count ? UInt64(right.limbs[index]) : 0
            let total = a + b + carry
            sum.append(UInt32(truncatingIfNeeded: total))
            carry = total >> 32
        }
        sum.append(UInt32(carry))
        return NaturalNumber(trimming: sum)
    }

    /// The difference, or zero where it would be negative: all users compute bounds that zero bounds too.
    static func - (left: NaturalNumber, right: NaturalNumber) -> NaturalNumber {
        guard left > right else { return zero }
        var difference = left.limbs
        var borrow: Int64 = 0
        for index in difference.indices {
            let b = index < right.limbs.count ? Int64(right.limbs[index]) : 0
            var value = Int64(difference[index]) - b - borrow
            borrow = value < 0 ? 1 : 0
            if value < 0 { value += 1 << 32 }
            difference[index] = UInt32(value)
        }
        return NaturalNumber(trimming: difference)
    }

    static func * (left: NaturalNumber, right: NaturalNumber) -> NaturalNumber {
        guard !left.isZero, !right.isZero else { return zero }
        var product = [UInt32](repeating: 0, count: left.limbs.count + right.limbs.count)
        for (i, a) in left.limbs.enumerated() {
            var carry: UInt64 = 0
            for (j, b) in right.limbs.enumerated() {
                let value = UInt64(a) * UInt64(b) + UInt64(product[i + j]) + carry
                product[i + j] = UInt32(truncatingIfNeeded: value)
                carry = value >> 32
            }
            product[i + right.limbs.count] = UInt32(carry)
        }
        return NaturalNumber(trimming: product)
    }

    static func << (value: NaturalNumber, bits: Int) -> NaturalNumber {
        guard !value.isZero else { return zero }
        let (whole, part) = (bits / 32, UInt64(bits % 32))
        var shifted = [UInt32](repeating: 0, count: whole)
        var carry: UInt64 = 0
        for limb in value.limbs {
            let wide = UInt64(limb) << part | carry
            shifted.append(UInt32(truncatingIfNeeded: wide))
            carry = wide >> 32
        }
        shifted.append(UInt32(carry))
        return NaturalNumber(trimming: shifted)
    }

    static func >> (value: NaturalNumber, bits: Int) -> NaturalNumber {
        let (whole, part) = (bits / 32, UInt64(bits % 32))
        guard whole < value.limbs.count else { return zero }
        var shifted = [UInt32]()
        for index in whole..<value.limbs.count {
            let high = index + 1 < value.limbs.count ? UInt64(value.limbs[index + 1]) << 32 : 0
            shifted.append(UInt32(truncatingIfNeeded: (high | UInt64(value.limbs[index])) >> part))
        }
        return NaturalNumber(trimming: shifted)
    }

    /// The quotient rounded down; nil for a zero divisor. Long division bit by bit: a few microseconds at 300 bits.
    func quotient(dividingBy divisor: NaturalNumber) -> NaturalNumber? {
        guard !divisor.isZero else { return nil }
        if let small = divisor.word, small <= UInt64(UInt32.max) {
            return divided(bySmall: small)
        }
        var quotient = [UInt32](repeating: 0, count: limbs.count)
        var rest = NaturalNumber.zero
        for bit in stride(from: bitWidth - 1, through: 0, by: -1) {
            rest = rest << 1
            if limbs[bit / 32] >> UInt32(bit % 32) & 1 == 1 { rest = rest + .one }
            if rest >= divisor {
                rest = rest - divisor
                quotient[bit / 32] |= 1 << UInt32(bit % 32)
            }
        }
        return NaturalNumber(trimming: quotient)
    }

    /// The quotient rounded up; nil for a zero divisor.
    func quotientRoundedUp(dividingBy divisor: NaturalNumber) -> NaturalNumber? {
        guard !divisor.isZero else { return nil }
        return (self + divisor - .one).quotient(dividingBy: divisor)
    }

    private func divided(bySmall divisor: UInt64) -> NaturalNumber {
        var quotient = limbs
        var rest: UInt64 = 0
        for index in quotient.indices.reversed() {
            let value = rest << 32 | UInt64(quotient[index])
            quotient[index] = UInt32(truncatingIfNeeded: value / divisor)
            rest = value % divisor
        }
        return NaturalNumber(trimming: quotient)
    }
}
