import Primitives

/// Power in votes of the active validators, from whole tokens and scores. A pure function in integers: every node comes
/// to the same.
///
/// Power is tokens × (1,000 + boost), the boost being at most 500, in proportion to the score. For all alike it is
/// halved until no coalition with less than a third of the tokens has a third of the power, and taken away where
/// halving does not help: `CoalitionBound`. Parts of a token do not vote.
public struct PowerTable: Hashable, Sendable {
    public struct Candidate: Hashable, Sendable {
        public let tokens: UInt64
        /// 0 to 1,000,000.
        public let score: UInt64

        public init(tokens: UInt64, score: UInt64) {
            self.tokens = tokens
            self.score = score
        }
    }

    /// In votes.
    public let powers: [UInt64]
    /// Among rewards, where no third is at stake: tokens × (1,000 + boost) with the whole boost.
    public let weights: [UInt64]
    /// How often the boost was halved; nil: it was taken away, or there was none.
    public let halvings: Int?

    /// Power of a token without a boost.
    public static let plain: UInt64 = 1_000
    /// The boost of the best score: half as much again.
    public static let mostBoost: UInt64 = 500
    /// The best score.
    public static let scoreLimit: UInt64 = 1_000_000
    /// Tokens of one validator are below this, so that powers stay within what a set takes.
    public static let tokenLimit: UInt64 = 5_000_000_000_000

    public init(_ candidates: [Candidate]) {
        let stakes = candidates.map { min($0.tokens, PowerTable.tokenLimit) }
        let boosts = candidates.map { PowerTable.boost(score: $0.score) }
        func weighted(_ boosts: [UInt64]) -> [UInt64] { zip(stakes, boosts).map { $0 * (PowerTable.plain + $1) } }
        weights = weighted(boosts)
        var halving = 0
        while true {
            let damped = boosts.map { $0 >> UInt64(halving) }
            guard damped.contains(where: { $0 > 0 }) else {
                powers = weighted(boosts.map { _ in 0 })
                halvings = nil
                return
            }
            let boosted = weighted(damped)
            if CoalitionBound.holds(stakes: stakes, powers: boosted) {
                powers = boosted
                halvings = halving
                return
            }
            halving += 1
        }
    }

    static func boost(score: UInt64) -> UInt64 { min(score, scoreLimit) * mostBoost / scoreLimit }

    /// The whole tokens of a stake, as far as they count.
    public static func tokens(_ stake: Amount) -> UInt64 {
        UInt64(clamping: stake.baseUnits / Amount.baseUnitsPerToken)
    }
}

/// Whether every coalition with less than a third of the stake has less than a third of the power.
///
/// Finding the strongest such coalition is the knapsack problem. It is solved exactly, by meeting in the middle
/// (Horowitz and Sahni 1974), for as many validators as take no noticeable time; for more the answer is no. Little is
/// lost by that: were stake divisible at will, the third with the highest boosts would hold more than a third of the
/// power whatever the boosts, unless all were equal.
enum CoalitionBound {
    /// 2 × 2^12 sums.
    static let exactCount = 24

    static func holds(stakes: [UInt64], powers: [UInt64]) -> Bool {
        guard stakes.count <= exactCount else { return false }
        let (total, power) = (stakes.reduce(0, +), powers.reduce(0, +))
        let items = zip(stakes, powers).map { Coalition(stake: $0, power: $1) }
        let middle = items.count / 2
        var left = coalitions(of: items[..<middle]).sorted { $0.stake < $1.stake }
        // The strongest of those with no more stake than each.
        for index in left.indices.dropFirst() { left[index].power = max(left[index].power, left[index - 1].power) }
        return coalitions(of: items[middle...]).allSatisfy { right in
            guard let best = strongest(of: left, with: right.stake, below: total) else { return true }
            return 3 * (best + right.power) < power
        }
    }

    private struct Coalition {
        var stake: UInt64
        var power: UInt64
    }

    private static func coalitions(of items: ArraySlice<Coalition>) -> [Coalition] {
        items.reduce(into: [Coalition(stake: 0, power: 0)]) { sums, item in
            sums += sums.map { Coalition(stake: $0.stake + item.stake, power: $0.power + item.power) }
        }
    }

    /// The power of the strongest of `left` that stays below a third of the stake together with `stake`.
    private static func strongest(of left: [Coalition], with stake: UInt64, below total: UInt64) -> UInt64? {
        var (low, high) = (0, left.count)
        while low < high {
            let middle = (low + high) / 2
            if 3 * (left[middle].stake + stake) < total { low = middle + 1 } else { high = middle }
        }
        return low > 0 ? left[low - 1].power : nil
    }
}
