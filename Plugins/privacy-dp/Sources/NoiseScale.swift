/// Sigma of a discrete Gaussian on the integer grid, as an exact fraction in units of the grid.
struct NoiseScale: Equatable {
    /// Above zero and below 2^56.
    let numerator: UInt64
    /// 1 to 2^16.
    let denominator: UInt64

    /// - Returns: nil unless the fraction is within the limits above and its value is at most 2^40.
    init?(numerator: UInt64, denominator: UInt64 = 1) {
        guard numerator > 0, numerator < 1 << 56, denominator > 0, denominator <= 1 << 16,
            numerator <= denominator << 40
        else { return nil }
        self.numerator = numerator
        self.denominator = denominator
    }

    /// For tables and logs only: no noise is computed from it.
    var approximateValue: Double { Double(numerator) / Double(denominator) }
}

/// The largest integer whose square is at most `value`.
func integerSquareRoot(_ value: UInt128) -> UInt128 {
    guard value > 0 else { return 0 }
    var estimate = UInt128(1) << UInt128((129 - value.leadingZeroBitCount) / 2 + 1)
    while true {
        let next = (estimate + value / estimate) / 2
        if next >= estimate { return estimate }
        estimate = next
    }
}
