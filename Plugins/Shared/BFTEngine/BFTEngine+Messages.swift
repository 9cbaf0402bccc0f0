package import PluginKit

extension BFTEngine {
    /// Different rounds and targets of a message's votes that are looked at as a whole.
    private static let certificatesMax = 8

    mutating func message(
        from sender: Bytes32, _ attachment: Bytes32?, _ votes: [CastVote], _ payload: [UInt8], at now: Int64,
        _ effects: inout ConsensusEffects
    ) {
        guard let peer = validators.index(of: sender), peer != ownIndex, let kind = EnginePayload(payload) else {
            return
        }
        for cast in votes {
            guard cast.vote.chain == chain else { continue }
            if cast.vote.height == memory.height {
                add(cast, at: now, &effects)
            } else if cast.vote.height == memory.height &+ 1 {
                isBehind = true
            } else if cast.vote.height &+ 1 == memory.height {
                watch(cast, &effects)
            }
        }
        if votes.count > 1, phase != .deciding { takeCertificates(votes, at: now) }
        // Only now is it known which block the round is about.
        if let attachment, phase != .deciding, isNeeded(attachment, from: peer) {
            ask(toValidate: attachment, from: peer, &effects)
        }
        if case .status(let status) = kind { answer(status, from: peer, at: now, &effects) }
    }

    /// Takes one vote of this height whose signature was checked.
    mutating func add(_ cast: CastVote, at now: Int64, _ effects: inout ConsensusEffects) {
        let vote = cast.vote
        guard vote.height == memory.height, let index = validators.index(of: cast.key), isWellFormed(vote) else {
            return
        }
        if vote.step == .propose, index != proposer(of: vote.round) { return }
        if index == ownIndex, memory.asked.map({ ($0.round, $0.step) < (vote.round, vote.step) }) ?? true {
            // The own key has signed more than is remembered here (CON-13).
            memory.isForgetful = true
        }
        if vote.round > memory.round { return keepAhead(cast, index: index, &effects) }
        guard let place = place(of: vote.round) else { return }
        if let known = rounds[place].vote(vote.step, by: index) {
            if known.vote != vote { accuse(index, known, cast, &effects) }
            return
        }
        switch vote.step {
        case .propose:
            rounds[place].proposal = cast
            rounds[place].proposalTime = now
        case .prepare: _ = rounds[place].prepares.add(cast, index: index, validators, quorum: quorum)
        case .commit: _ = rounds[place].commits.add(cast, index: index, validators, quorum: quorum)
        }
        findAmnesia(cast, index: index, &effects)
    }

    private func isWellFormed(_ vote: ConsensusVote) -> Bool {
        guard vote.round < Self.roundLimit else { return false }
        return switch vote.step {
        case .propose: !vote.headerID.isZero && vote.proofRound <= vote.round
        case .prepare: vote.headerID.isZero ? vote.proofRound == 0 : vote.proofRound <= vote.round
        case .commit: vote.proofRound == 0
        }
    }

    /// Of each validator only the highest round is kept: what is lost is asked for when that round begins.
    private mutating func keepAhead(_ cast: CastVote, index: Int, _ effects: inout ConsensusEffects) {
        guard index != ownIndex else { return }
        if cast.vote.round > peers[index].ahead.round {
            peers[index].ahead = Ahead(round: cast.vote.round, votes: [cast])
        } else if cast.vote.round == peers[index].ahead.round {
            if let known = peers[index].ahead.votes.first(where: { $0.vote.step == cast.vote.step }) {
                if known.vote != cast.vote { accuse(index, known, cast, &effects) }
            } else {
                peers[index].ahead.votes.append(cast)
            }
        }
    }

    /// Votes that reach a quorum together count as one, also where a validator's first vote here was another: it has
    /// lied to somebody, and must not keep this node from what others know.
    mutating func takeCertificates(_ votes: [CastVote], at now: Int64) {
        var seen: [ConsensusVote] = []
        for cast in votes {
            let vote = cast.vote
            guard vote.step != .propose, vote.height == memory.height, vote.chain == chain, isWellFormed(vote),
                !seen.contains(vote), seen.count < Self.certificatesMax
            else { continue }
            seen.append(vote)
            // A proof may be of a round that was left long ago.
            let known = place(of: vote.round)
            guard known != nil || vote.step == .prepare && vote.round < memory.round else { continue }
            if let known, (vote.step == .prepare ? rounds[known].prepares : rounds[known].commits).quorum != nil {
                continue
            }
            var certificate: [CastVote] = []
            var counted = [Bool](repeating: false, count: validators.count)
            var power: UInt64 = 0
            for other in votes where other.vote == vote {
                guard let index = validators.index(of: other.key), !counted[index] else { continue }
                counted[index] = true
                power += validators.powers[index]
                certificate.append(other)
            }
            guard power >= quorum else { continue }
            if known == nil { addRound(vote.round) }
            guard let place = place(of: vote.round) else { continue }
            let target = VoteTarget(vote)
            switch vote.step {
            case .propose: break
            case .prepare: rounds[place].prepares.take(certificate: certificate, for: target)
            case .commit: rounds[place].commits.take(certificate: certificate, for: target)
            }
        }
    }

    // MARK: Evidence

    /// Votes of the height below that come late are looked at for contradictions, and for nothing else.
    private mutating func watch(_ cast: CastVote, _ effects: inout ConsensusEffects) {
        guard let index = validators.index(of: cast.key), isWellFormed(cast.vote),
            let place = roundsBelow.lastIndex(where: { $0.round == cast.vote.round }),
            let known = roundsBelow[place].vote(cast.vote.step, by: index), known.key == cast.key,
            known.vote != cast.vote
        else { return }
        accuse(index, known, cast, &effects)
    }

    /// EVI-2: a prepare vote against an earlier commitment, without a proof from its round or a later one.
    private mutating func findAmnesia(_ cast: CastVote, index: Int, _ effects: inout ConsensusEffects) {
        guard rounds.count > 1, !cast.vote.headerID.isZero else { return }
        for state in rounds where state.round != cast.vote.round {
            switch cast.vote.step {
            case .propose: return
            case .prepare:
                if let commit = state.commits.votes[index], Misbehaviour(commit.vote, cast.vote) == .amnesia {
                    return accuse(index, commit, cast, &effects)
                }
            case .commit:
                if let prepare = state.prepares.votes[index], Misbehaviour(cast.vote, prepare.vote) == .amnesia {
                    return accuse(index, cast, prepare, &effects)
                }
            }
        }
    }

    private mutating func accuse(
        _ index: Int, _ first: CastVote, _ second: CastVote, _ effects: inout ConsensusEffects
    ) {
        // Once a height is enough to punish; and a second vote under the own key is the host's affair.
        guard !hasPlanted(.evidenceIgnored), index != ownIndex, !peers[index].isAccused,
            Misbehaviour(first.vote, second.vote) != nil
        else { return }
        peers[index].isAccused = true
        effects.evidence(
            offender: first.key, first: (vote: first.vote, signature: first.signature),
            second: (vote: second.vote, signature: second.signature))
        effects.broadcast(
            votes: [first, second], payload: EnginePayload.evidence.bytes, priority: .catchUp)
    }
}

/// What two votes of one key show (EVI-1, EVI-2). A pure function of the votes; the ledger has its own, `Evidence`,
/// which a test compares with this one.
package enum Misbehaviour: Equatable, Sendable {
    case equivocation
    case amnesia

    package init?(_ first: ConsensusVote, _ second: ConsensusVote) {
        guard first.chain == second.chain, first.height == second.height else { return nil }
        if first.round == second.round, first.step == second.step {
            guard first.headerID != second.headerID || first.proofRound != second.proofRound else { return nil }
            self = .equivocation
        } else if first.step == .commit, second.step == .prepare, first.round < second.round, !first.headerID.isZero,
            !second.headerID.isZero, first.headerID != second.headerID, second.proofRound <= first.round
        {
            self = .amnesia
        } else {
            return nil
        }
    }
}
