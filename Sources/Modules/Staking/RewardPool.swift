import Ledger
import Primitives

/// Rewards of one validator's delegators, shared by weight without touching anyone: a running sum of reward per weight,
/// of which every holder remembers where it stood (Ojha 2018, "F1 fee distribution"; Batog, Boca and Johnson 2018,
/// "Scalable reward distribution on the Ethereum blockchain"). Every unit that comes in is owed to somebody or pending.
/// Tuple: [index, weight, pending, outstanding].
public struct RewardPool: Hashable, Sendable, CBORCodable {
    /// Reward per unit of weight since the beginning, times 2^64.
    public private(set) var index: UInt128 = 0
    /// Of all holders.
    public private(set) var weight: UInt128 = 0
    /// Came in, and was too little to divide, or there was nobody.
    public private(set) var pending: Amount = .zero
    /// Came in and was not paid out; the pending part included.
    public private(set) var outstanding: Amount = .zero

    public init() {}

    /// Takes a reward in. What cannot be divided waits for the next one; this never fails, since the end of a block
    /// must not.
    mutating func add(_ reward: Amount) {
        guard let sum = try? outstanding.adding(reward), let waiting = try? pending.adding(reward) else { return }
        (outstanding, pending) = (sum, waiting)
        divide()
    }

    private mutating func divide() {
        guard weight > 0, !pending.isZero else { return }
        // pending × 2^64, in 256 bits.
        let scaled = (high: pending.baseUnits >> 64, low: pending.baseUnits << 64)
        guard scaled.high < weight else { return }
        let increment = weight.dividingFullWidth(scaled).quotient
        let (next, overflow) = index.addingReportingOverflow(increment)
        guard increment > 0, !overflow, let used = RewardPool.product(increment, weight, roundedUp: true),
            let rest = try? pending.subtracting(used)
        else { return }
        index = next
        pending = rest
    }

    /// `index` × `weight` / 2^64; nil above the range.
    private static func product(_ index: UInt128, _ weight: UInt128, roundedUp: Bool) -> Amount? {
        let product = index.multipliedFullWidth(by: weight)
        guard product.high >> 64 == 0 else { return nil }
        let whole = product.high << 64 | product.low >> 64
        let hasRest = product.low & UInt128(UInt64.max) != 0
        let (sum, overflow) = whole.addingReportingOverflow(roundedUp && hasRest ? 1 : 0)
        return overflow ? nil : Amount(baseUnits: sum)
    }

    /// What a holder of so much weight has earned since the index stood at `start`.
    public func earned(weight: UInt128, since start: UInt128) -> Amount {
        guard index > start else { return .zero }
        return min(RewardPool.product(index - start, weight, roundedUp: false) ?? .zero, outstanding)
    }

    /// Takes out what a holder has earned.
    mutating func take(weight: UInt128, since start: UInt128) -> Amount {
        let earned = earned(weight: weight, since: start)
        outstanding = (try? outstanding.subtracting(earned)) ?? .zero
        return earned
    }

    /// A holder's weight changes, after what it had earned was taken out.
    mutating func changeWeight(from old: UInt128, to new: UInt128) throws(Refusal) {
        guard old <= weight else { throw Refusal(.stateCorrupt, "a weight of \(old) in \(weight)") }
        let (sum, overflow) = (weight - old).addingReportingOverflow(new)
        guard !overflow else { throw StakingCode.stakeTooLarge.refusal("a weight of \(new)") }
        weight = sum
        // What rounding has left over when everyone is gone is for those who come next.
        if weight == 0 { pending = outstanding }
    }

    public func encode(to encoder: inout CBOREncoder) {
        encoder.array(count: 4)
        encoder.value(Amount(baseUnits: index))
        encoder.value(Amount(baseUnits: weight))
        encoder.value(pending)
        encoder.value(outstanding)
    }

    public init(from decoder: inout CBORDecoder) throws(CBORError) {
        try decoder.array(count: 4)
        index = try decoder.value(Amount.self).baseUnits
        weight = try decoder.value(Amount.self).baseUnits
        pending = try decoder.value()
        outstanding = try decoder.value()
        guard pending <= outstanding else { throw decoder.invalid("more is pending than outstanding") }
    }
}
