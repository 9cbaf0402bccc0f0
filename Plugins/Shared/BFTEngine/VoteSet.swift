package import PluginKit

/// What a vote says, apart from where: a block, and the round of its proof.
package struct VoteTarget: Hashable, Sendable {
    package let headerID: Bytes32
    package let proofRound: UInt32

    package init(_ vote: ConsensusVote) {
        headerID = vote.headerID
        proofRound = vote.proofRound
    }

    package var isNil: Bool { headerID.isZero }
}

/// The votes of one step of a round: the first of each validator counts.
package struct VoteSet: Equatable, Sendable {
    private(set) var votes: [CastVote?]
    /// Power for each target that anybody voted for; at most one for each validator.
    private var tallies: [(target: VoteTarget, power: UInt64)] = []
    /// Of all votes.
    private(set) var power: UInt64 = 0
    /// The target that a quorum voted for, and its votes. They may have come together, where a validator's first vote
    /// here was another.
    private(set) var quorum: (target: VoteTarget, votes: [CastVote])?

    init(count: Int) { votes = Array(repeating: nil, count: count) }

    /// Whether the vote is new.
    mutating func add(_ cast: CastVote, index: Int, _ validators: ValidatorTable, quorum needed: UInt64) -> Bool {
        guard votes[index] == nil else { return false }
        votes[index] = cast
        power += validators.powers[index]
        let target = VoteTarget(cast.vote)
        let place: Int
        if let known = tallies.firstIndex(where: { $0.target == target }) {
            tallies[known].power += validators.powers[index]
            place = known
        } else {
            tallies.append((target, validators.powers[index]))
            place = tallies.count - 1
        }
        if tallies[place].power >= needed { self.quorum = (target, votes(for: target)) }
        return true
    }

    /// Takes votes over one target that reach the quorum together.
    mutating func take(certificate: [CastVote], for target: VoteTarget) {
        if quorum == nil { quorum = (target, certificate) }
    }

    private func votes(for target: VoteTarget) -> [CastVote] {
        votes.compactMap { $0 }.filter { VoteTarget($0.vote) == target }
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

    package static func == (left: VoteSet, right: VoteSet) -> Bool {
        left.votes == right.votes && left.quorum?.target == right.quorum?.target
    }
}

/// All that is known of one round of the height.
package struct RoundState: Equatable, Sendable {
    let round: UInt32
    /// The proposer's signed proposal, and when it came.
    var proposal: CastVote?
    var proposalTime: Int64 = 0
    var prepares: VoteSet
    var commits: VoteSet
    /// Timers that run once in a round.
    var hasPrepareTimer = false
    var hasCommitTimer = false

    init(round: UInt32, count: Int) {
        self.round = round
        prepares = VoteSet(count: count)
        commits = VoteSet(count: count)
    }

    func vote(_ step: ConsensusVote.Step, by index: Int) -> CastVote? {
        switch step {
        case .propose: proposal
        case .prepare: prepares.votes[index]
        case .commit: commits.votes[index]
        }
    }
}
