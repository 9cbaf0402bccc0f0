package import PluginKit

/// The validators of a height: sorted by key, so that a place in the list names one on every node.
package struct Operators: Equatable, Sendable {
    package let keys: [Bytes32]
    package let powers: [UInt64]
    package let total: UInt64
    /// Power that decides: what the chain demands, which is more than half.
    package let quorum: UInt64

    package static let maximumCount = 300

    /// - Parameter threshold: power that makes a certificate; 0 for more than half.
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
        guard threshold <= sum, threshold == 0 || threshold > sum / 2 else {
            throw PluginFailure(.invalid, "a threshold of \(threshold) of \(sum) is not more than half")
        }
        quorum = threshold == 0 ? sum / 2 + 1 : threshold
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
}

/// The commit votes of one round: the first of each validator counts.
package struct RoundVotes: Equatable, Sendable {
    package let round: UInt32
    package private(set) var votes: [CastVote?]

    /// What the votes that are here say of the round, whatever the missing ones will be.
    package enum Outcome: Equatable, Sendable {
        /// Too few are here, or more than one block may still be decided.
        case open
        case decided(Bytes32)
        /// This block may be decided in this round, and no other.
        case bound(Bytes32)
        /// No block is decided in this round, ever.
        case free
    }

    package init(round: UInt32, count: Int) {
        self.round = round
        votes = Array(repeating: nil, count: count)
    }

    /// Whether the vote is new.
    package mutating func add(_ cast: CastVote, index: Int) -> Bool {
        guard votes[index] == nil else { return false }
        votes[index] = cast
        return true
    }

    /// The block of the first vote that is for one.
    var someBlock: Bytes32? { votes.lazy.compactMap { $0?.vote.headerID }.first { !$0.isZero } }

    /// - Complexity: validators times different blocks, of which there are one or two.
    package func outcome(_ operators: Operators) -> Outcome {
        var tallies: [(id: Bytes32, power: UInt64)] = []
        var given: UInt64 = 0
        for (index, cast) in votes.enumerated() {
            guard let cast else { continue }
            given += operators.powers[index]
            if cast.vote.headerID.isZero { continue }
            if let known = tallies.firstIndex(where: { $0.id == cast.vote.headerID }) {
                tallies[known].power += operators.powers[index]
            } else {
                tallies.append((cast.vote.headerID, operators.powers[index]))
            }
        }
        if let won = tallies.first(where: { $0.power >= operators.quorum }) { return .decided(won.id) }
        // Fewer votes than a quorum leave room for a block that nobody here has heard of.
        guard given >= operators.quorum else { return .open }
        let possible = tallies.filter { $0.power + (operators.total - given) >= operators.quorum }
        return switch possible.count {
        case 0: .free
        case 1: .bound(possible[0].id)
        default: .open
        }
    }

    /// A bit for each validator whose vote is here, the lowest first.
    var bitmap: [UInt8] {
        var bits = [UInt8](repeating: 0, count: (votes.count + 7) / 8)
        for (index, vote) in votes.enumerated() where vote != nil { bits[index / 8] |= 1 << UInt8(index % 8) }
        return bits
    }

    /// The votes of validators whose bit is not set.
    func missing(from bitmap: [UInt8]) -> [CastVote] {
        votes.enumerated().compactMap { index, vote in
            bitmap[index / 8] & (1 << UInt8(index % 8)) == 0 ? vote : nil
        }
    }
}
