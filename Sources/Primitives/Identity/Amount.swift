/// Why an amount could not be computed or read.
public enum AmountError: Error, Hashable, Sendable {
    /// The result is above 2^128 - 1 base units.
    case overflow
    /// The result is below zero.
    case underflow
    case divisionByZero
    /// Not a decimal number with at most 18 digits after the point; the text is attached.
    case invalidText(String)
}

/// An amount of tokens: a whole number of base units, of which 10^18 make one token. Never negative, never rounded
/// silently: arithmetic is checked and throws.
public struct Amount: Hashable, Comparable, Sendable, CustomStringConvertible {
    public let baseUnits: UInt128

    public init(baseUnits: UInt128) { self.baseUnits = baseUnits }

    /// Whole tokens; the largest `UInt64` fits.
    public init(tokens: UInt64) { baseUnits = UInt128(tokens) * Amount.baseUnitsPerToken }

    public static let decimals = 18
    public static let baseUnitsPerToken: UInt128 = 1_000_000_000_000_000_000
    public static let zero = Amount(baseUnits: 0)
    public static let maximum = Amount(baseUnits: .max)

    public var isZero: Bool { baseUnits == 0 }

    public static func < (left: Amount, right: Amount) -> Bool { left.baseUnits < right.baseUnits }

    public func adding(_ other: Amount) throws(AmountError) -> Amount {
        let (sum, overflow) = baseUnits.addingReportingOverflow(other.baseUnits)
        guard !overflow else { throw .overflow }
        return Amount(baseUnits: sum)
    }

    public func subtracting(_ other: Amount) throws(AmountError) -> Amount {
        let (difference, overflow) = baseUnits.subtractingReportingOverflow(other.baseUnits)
        guard !overflow else { throw .underflow }
        return Amount(baseUnits: difference)
    }

    /// `self` × `factor`.
    public func multiplied(by factor: UInt64) throws(AmountError) -> Amount {
        let (product, overflow) = baseUnits.multipliedReportingOverflow(by: UInt128(factor))
        guard !overflow else { throw .overflow }
        return Amount(baseUnits: product)
    }

    /// `self` × `numerator` / `denominator`, rounded down, exact in between (the product has 256 bits).
    public func multiplied(by numerator: UInt128, dividedBy denominator: UInt128) throws(AmountError) -> Amount {
        guard denominator > 0 else { throw .divisionByZero }
        let product = baseUnits.multipliedFullWidth(by: numerator)
        guard product.high < denominator else { throw .overflow }
        return Amount(baseUnits: denominator.dividingFullWidth(product).quotient)
    }

    /// Reads a decimal number of tokens: digits, and after a point up to 18 more. No sign, no exponent, no spaces.
    public init(_ text: some StringProtocol) throws(AmountError) {
        let parts = text.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
        let whole = parts.first ?? ""
        let fraction = parts.count == 2 ? parts[1] : "0"
        guard !whole.isEmpty, !fraction.isEmpty, fraction.utf8.count <= Amount.decimals else {
            throw .invalidText(String(text))
        }
        var units: UInt128 = 0
        for character in whole.utf8 {
            units = try Amount.appending(character, to: units, in: text)
        }
        for character in fraction.utf8 {
            units = try Amount.appending(character, to: units, in: text)
        }
        var missing = Amount.decimals - fraction.utf8.count
        while missing > 0 {
            units = try Amount.appending(0x30, to: units, in: text)
            missing -= 1
        }
        baseUnits = units
    }

    private static func appending(
        _ character: UInt8, to units: UInt128, in text: some StringProtocol
    ) throws(AmountError) -> UInt128 {
        guard (0x30...0x39).contains(character) else { throw .invalidText(String(text)) }
        let (tens, first) = units.multipliedReportingOverflow(by: 10)
        let (sum, second) = tens.addingReportingOverflow(UInt128(character - 0x30))
        guard !first, !second else { throw .overflow }
        return sum
    }

    /// The decimal number of tokens, without superfluous zeros.
    public var description: String {
        let (whole, rest) = baseUnits.quotientAndRemainder(dividingBy: Amount.baseUnitsPerToken)
        guard rest > 0 else { return String(whole) }
        let digits = String(rest)
        let padded = String(repeating: "0", count: Amount.decimals - digits.utf8.count) + digits
        let kept = padded.utf8.count - padded.utf8.reversed().prefix { $0 == 0x30 }.count
        return "\(whole).\(padded.prefix(kept))"
    }
}

extension Amount: CBORCodable {
    /// A byte string of 16 bytes, most significant first.
    public func encode(to encoder: inout CBOREncoder) {
        Swift.withUnsafeBytes(of: baseUnits.bigEndian) { encoder.bytes($0) }
    }

    public init(from decoder: inout CBORDecoder) throws(CBORError) {
        let place = try decoder.fixedBytes(16)
        let high = UInt64(bigEndian: place.loadUnaligned(as: UInt64.self))
        let low = UInt64(bigEndian: place.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
        baseUnits = UInt128(high) << 64 | UInt128(low)
    }
}
