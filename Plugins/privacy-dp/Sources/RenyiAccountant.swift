/// The 32 Rényi orders of the ledger's privacy budgets, and costs at them as integers in 1e-9.
enum RenyiOrders {
    static let count = 32

    /// Each order as a whole number of quarters.
    static let quarters: [UInt64] = [
        5, 6, 7, 8, 9, 10, 12, 14, 16, 18, 20, 24, 28, 32, 36, 40, 48, 56, 64, 72, 80, 96, 112, 128, 160, 192, 224, 256,
        384, 512, 1024, 2048,
    ]
}

/// The accountant: costs of the discrete Gaussian at the 32 orders, composition, conversion to epsilon, calibration.
///
/// Costs and limits are integers in 1e-9. Each rounding is on the safe side: costs and epsilons up, limits down,
/// sigma up.
enum RenyiAccountant {
    /// A cost that no budget admits.
    static let unaffordable = UInt64.max
    private static let unitsPerOne: UInt64 = 1_000_000_000
    /// Far above the error of ``naturalLogarithm(_:)`` in 1e-9, so that conversions err on the safe side.
    private static let logarithmMargin = 0.01

    /// The cost of one release of integer sums whose L2 sensitivity is at most `sensitivity` grid units, under
    /// discrete Gaussian noise of `sigma` grid units: order · sensitivity² / (2 · sigma²), rounded up.
    ///
    /// Source: Canonne, Kamath, Steinke 2020, theorem 14 (the same bound as for the continuous Gaussian, for each
    /// integer shift, hence for its L2 norm over coordinates).
    static func cost(sensitivity: UInt64, sigma: NoiseScale) -> [UInt64] {
        let scaled = NaturalNumber(sensitivity) * NaturalNumber(sigma.denominator)
        let ratioNumerator = scaled * scaled * NaturalNumber(unitsPerOne)
        let sigmaSquare = NaturalNumber(sigma.numerator) * NaturalNumber(sigma.numerator)
        let ratioDenominator = sigmaSquare * NaturalNumber(8 as UInt64)
        return RenyiOrders.quarters.map { quarters in
            let cost = (ratioNumerator * NaturalNumber(quarters)).quotientRoundedUp(dividingBy: ratioDenominator)
            return cost?.word ?? unaffordable
        }
    }

    /// The cost of `uses` releases together; a sum that does not fit is unaffordable.
    static func composed(_ cost: [UInt64], uses: UInt64) -> [UInt64] {
        cost.map {
            let (product, overflow) = $0.multipliedReportingOverflow(by: uses)
            return overflow ? unaffordable : product
        }
    }

    static func sum(_ left: [UInt64], _ right: [UInt64]) -> [UInt64] {
        zip(left, right).map {
            let (total, overflow) = $0.addingReportingOverflow($1)
            return overflow ? unaffordable : total
        }
    }

    /// The epsilon that holds at `delta` after `spent`, in 1e-9, rounded up; nil when no order gives a finite one, or
    /// for a delta outside (0, 1).
    ///
    /// Source: Canonne, Kamath, Steinke 2020, proposition 12: the least over the orders a of
    /// rho(a) + log((a - 1)/a) - (log delta + log a)/(a - 1), and never below zero.
    static func epsilon(spent: [UInt64], delta: Double) -> UInt64? {
        guard delta > 0, delta < 1, spent.count == RenyiOrders.count else { return nil }
        // Nothing was released.
        if spent.allSatisfy({ $0 == 0 }) { return 0 }
        var least: UInt64?
        for (index, cost) in spent.enumerated() where cost != unaffordable {
            let offset = conversionOffset(orderIndex: index, delta: delta)
            let total = Double(cost) * (1 + 1e-15) + offset + logarithmMargin
            guard total < 9e18 else { continue }
            let epsilon = total <= 0 ? 0 : UInt64(total.rounded(.up))
            least = least.map { min($0, epsilon) } ?? epsilon
        }
        return least
    }

    /// The limits at the orders that stand for (epsilon, delta), in 1e-9, rounded down and not below zero: a spending
    /// is within (epsilon, delta) when some order's limit is not exceeded. Nil for values out of range.
    static func limits(epsilon: Double, delta: Double) -> [UInt64]? {
        guard epsilon > 0, epsilon <= 1000, delta > 0, delta < 1 else { return nil }
        return RenyiOrders.quarters.indices.map { index in
            let limit =
                epsilon * Double(unitsPerOne) * (1 - 1e-15) - conversionOffset(orderIndex: index, delta: delta)
                - logarithmMargin
            return limit <= 0 ? 0 : UInt64(limit.rounded(.down))
        }
    }

    /// Whether `spent` keeps to `limits`: at some order of a limit above zero it does not exceed it.
    static func admits(spent: [UInt64], limits: [UInt64]) -> Bool {
        zip(spent, limits).contains { $0 <= $1 && $1 > 0 }
    }

    /// The least sigma, in whole grid units and within 0.002 % of itself, with which `rounds` releases of `sensitivity`
    /// stay within (epsilon, delta); nil when there is none up to 2^40.
    static func calibrate(epsilon: Double, delta: Double, rounds: UInt64, sensitivity: UInt64) -> NoiseScale? {
        guard rounds > 0, sensitivity > 0, let limits = limits(epsilon: epsilon, delta: delta) else { return nil }
        func suffices(_ sigma: NoiseScale) -> Bool {
            admits(spent: composed(cost(sensitivity: sensitivity, sigma: sigma), uses: rounds), limits: limits)
        }
        var low: UInt64 = 0
        guard var best = NoiseScale(numerator: 1 << 40), suffices(best) else { return nil }
        while best.numerator - low > max(1, best.numerator >> 16) {
            let middle = low + (best.numerator - low) / 2
            guard let candidate = NoiseScale(numerator: middle) else { return nil }
            if suffices(candidate) { best = candidate } else { low = middle }
        }
        return best
    }

    /// log((a - 1)/a) - (log delta + log a)/(a - 1) in 1e-9, for the order a.
    private static func conversionOffset(orderIndex: Int, delta: Double) -> Double {
        let order = Double(RenyiOrders.quarters[orderIndex]) / 4
        let value =
            naturalLogarithm((order - 1) / order)
            - (naturalLogarithm(delta) + naturalLogarithm(order)) / (order - 1)
        return value * Double(unitsPerOne)
    }
}

/// The natural logarithm of a positive finite number, within 1e-14 of its size: 2·artanh((m - 1)/(m + 1)) +
/// exponent·ln 2 for m in [2/3, 4/3). Own code, because a deterministic plugin calls no mathematics library that may
/// differ.
func naturalLogarithm(_ value: Double) -> Double {
    var exponent = Double(value.exponent)
    var significand = value.significand
    if significand >= 4.0 / 3 {
        significand /= 2
        exponent += 1
    }
    let ratio = (significand - 1) / (significand + 1)
    let square = ratio * ratio
    var sum = 0.0
    // ratio ≤ 1/5: 25^-12 is below 1e-16.
    for index in stride(from: 25, through: 1, by: -2) { sum = sum * square + 1 / Double(index) }
    return 2 * ratio * sum + exponent * 0.693147180559945309417232
}
