package import PluginKit

/// The validators of a height: sorted by key, so that a place in the list names one on every node.
package struct ValidatorTable: Equatable, Sendable {
    package let keys: [Bytes32]
    package let powers: [UInt64]
    package let total: UInt64
    /// Power that decides: more than two thirds, or what the chain demands above that.
    package let quorum: UInt64
    /// Power of which at least one validator keeps the rules, where less than a third does not: a third and more.
    package let blocking: UInt64

    /// A chain has no more (`ValidatorSet.maximumCount`); twice that, for the chains of others.
    package static let maximumCount = 300

    /// - Parameter threshold: power that makes a certificate; counts where it is above two thirds.
    package init(_ validators: [ConsensusValidator], threshold: UInt64) throws(PluginFailure) {
        guard !validators.isEmpty, validators.count <= Self.maximumCount else {
            throw PluginFailure(
                .refused, "\(validators.count) validators; this engine takes 1 to \(Self.maximumCount)")
        }
        keys = validators.map(\.key)
        powers = validators.map(\.power)
        guard zip(keys, keys.dropFirst()).allSatisfy({ $0 < $1 }) else {
            throw PluginFailure(.invalid, "validators are not sorted by key, or one is there twice")
        }
        var sum: UInt64 = 0
        for power in powers {
            let (next, overflow) = sum.addingReportingOverflow(power)
            guard power > 0, !overflow, next < 1 << 63 else {
                throw PluginFailure(.invalid, "powers are above zero and add up to less than 2^63")
            }
            sum = next
        }
        total = sum
        let overTwoThirds = sum - (sum - 1) / 3
        guard threshold <= sum else { throw PluginFailure(.invalid, "the threshold is above the sum of all powers") }
        quorum = max(threshold, overTwoThirds)
        blocking = (sum - 1) / 3 + 1
    }

    package var count: Int { keys.count }

    package func index(of key: Bytes32) -> Int? {
        var (low, high) = (0, keys.count)
        while low < high {
            let middle = (low + high) / 2
            if keys[middle] < key { low = middle + 1 } else { high = middle }
        }
        return low < keys.count && keys[low] == key ? low : nil
    }

    /// Who proposes: each validator as often as its power says, evenly spread.
    ///
    /// Slot s points at the part {s·φ} of the line on which each validator has a piece as long as its power, φ being
    /// the golden ratio's fraction as a 64-bit number: the sequence of the lowest known discrepancy (Kuipers and
    /// Niederreiter 1974, chapter 2). In any N slots in a row a validator's count differs from its share by O(log N),
    /// and between two of its slots lie at most about 2.7 of its mean distances. Nothing is carried from height to
    /// height: whoever joins anywhere computes the same, and leaving and entering again gains nothing.
    package func proposer(height: UInt64, round: UInt32, start: UInt64) -> Int {
        let slot = height &+ UInt64(round)
        let point = start &+ slot &* 0x9e37_79b9_7f4a_7c15
        var place = point.multipliedFullWidth(by: total).high
        for (index, power) in powers.enumerated() {
            if place < power { return index }
            place -= power
        }
        return powers.count - 1
    }
}
