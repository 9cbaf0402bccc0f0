import Ledger
import Primitives

/// Stake of many holders as one amount and a number of shares: what is slashed is taken from the amount, and so from
/// all shares alike, in one step however many holders there are. Rounding is in favour of those who stay, and the last
/// one takes all: no unit is lost or made. Tuple: [stake, shares].
public struct SharePool: Hashable, Sendable, CBORCodable {
    public private(set) var stake: Amount = .zero
    public private(set) var shares: UInt128 = 0

    /// Shares stay below this, so that their weights among rewards do not overflow.
    static let shareLimit: UInt128 = 1 << 112

    public init() {}

    /// What so many shares are worth, rounded down.
    public func value(of count: UInt128) -> Amount {
        guard shares > 0, count < shares else { return count == 0 || shares == 0 ? .zero : stake }
        // Below the stake, since the count is below all shares.
        return (try? stake.multiplied(by: count, dividedBy: shares)) ?? .zero
    }

    /// Adds an amount and returns its shares.
    mutating func add(_ amount: Amount) throws(Refusal) -> UInt128 {
        var count = amount.baseUnits
        if shares > 0 {
            let (stake, shares) = (stake, shares)
            guard !stake.isZero else { throw StakingCode.validatorBarred.refusal("all of its stake was slashed") }
            count = try exact { () throws(AmountError) in
                try amount.multiplied(by: shares, dividedBy: stake.baseUnits)
            }.baseUnits
        }
        guard count > 0 else { throw StakingCode.amountTooSmall.refusal("\(amount) is worth no share") }
        let (sum, overflow) = shares.addingReportingOverflow(count)
        guard !overflow, sum < SharePool.shareLimit else { throw StakingCode.stakeTooLarge.refusal("\(sum) shares") }
        stake = try stake.plus(amount)
        shares = sum
        return count
    }

    /// The fewest shares that are worth at least so much; all of them where that is more than there is.
    func shares(worth amount: Amount) -> UInt128 {
        guard amount < stake, let count = try? amount.multiplied(by: shares, dividedBy: stake.baseUnits) else {
            return shares
        }
        return value(of: count.baseUnits) < amount ? count.baseUnits + 1 : count.baseUnits
    }

    /// Takes shares out and returns what they were worth.
    mutating func remove(_ count: UInt128) throws(Refusal) -> Amount {
        guard count <= shares else { throw Refusal(.stateCorrupt, "\(count) shares of \(shares)") }
        let amount = value(of: count)
        stake = try stake.minus(amount)
        shares -= count
        return amount
    }

    /// Takes a part of the stake, in 1e-6, rounded up: an offence costs something.
    mutating func slash(_ millionths: UInt64) throws(Refusal) -> Amount {
        let whole = UInt128(StakingParameters.millionths)
        let kept = try stake.share(whole - UInt128(min(millionths, StakingParameters.millionths)), of: whole)
        let cut = try stake.minus(kept)
        stake = kept
        return cut
    }

    public func encode(to encoder: inout CBOREncoder) {
        encoder.array(count: 2)
        encoder.value(stake)
        encoder.value(Amount(baseUnits: shares))
    }

    public init(from decoder: inout CBORDecoder) throws(CBORError) {
        try decoder.array(count: 2)
        stake = try decoder.value()
        shares = try decoder.value(Amount.self).baseUnits
    }
}
