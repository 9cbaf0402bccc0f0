internal import PluginKit

extension BFTEngine {
    /// What more than one rule needs.
    var quorum: UInt64 { hasPlanted(.quorumOffByOne) ? validators.quorum - 1 : validators.quorum }

    var currentRound: RoundState? { rounds.last { $0.round == memory.round } }

    func place(of round: UInt32) -> Int? { rounds.lastIndex { $0.round == round } }

    /// Applies the rules until none applies. Each either changes the phase or the round, or is done once, so this ends.
    mutating func evaluate(at now: Int64, _ effects: inout ConsensusEffects) {
        var isMoving = true
        while isMoving, phase != .deciding {
            isMoving =
                decide(at: now, &effects) || skipRounds(at: now, &effects) || beginIfWorthIt(at: now, &effects)
                || (phase != .idle && evaluateRound(at: now, &effects))
        }
    }

    private mutating func evaluateRound(at now: Int64, _ effects: inout ConsensusEffects) -> Bool {
        adoptProof() || proposeIfTurn(at: now, &effects) || prepare(at: now, &effects) || lock(at: now, &effects)
            || commitNil(at: now, &effects) || leaveRound(at: now, &effects)
    }

    // MARK: Beginning

    /// There is something to decide: waiting transactions, a proposal, or votes of so many that one of them is honest.
    private mutating func beginIfWorthIt(at now: Int64, _ effects: inout ConsensusEffects) -> Bool {
        guard phase == .idle, let state = currentRound else { return false }
        if state.proposal != nil || state.prepares.power >= validators.blocking
            || state.commits.power >= validators.blocking
        {
            activate(at: now, &effects)
            return true
        }
        guard waiting > 0, !hasNothing else { return false }
        if waiting >= parameters.transactionsAtOnce || parameters.batchMilliseconds == 0 {
            activate(at: now, &effects)
            return true
        }
        let due = now + parameters.batchMilliseconds
        if deadlines[Timer.batch.rawValue].map({ $0 > due }) ?? true { set(.batch, at: due, &effects) }
        return false
    }

    mutating func activate(at now: Int64, _ effects: inout ConsensusEffects) {
        guard phase == .idle else { return }
        phase = .propose
        roundStart = now
        cancel(.batch, &effects)
        set(.propose, at: now + timeouts.wait(round: memory.round, parameters), &effects)
        setStatusTimer(at: now, &effects)
    }

    /// Lines 11 to 21.
    mutating func startRound(_ round: UInt32, at now: Int64, _ effects: inout ConsensusEffects) {
        memory.round = round
        // Who is still in an earlier round may lack this validator's votes of it, after a crash too.
        memory.ownVotes.removeAll { $0.vote.round + Self.roundsKept < round }
        isBuilding = false
        hasNothing = false
        phase = .idle
        for timer in [Timer.propose, .prepare, .commit] { cancel(timer, &effects) }
        let first = round > Self.roundsKept ? round - Self.roundsKept : 0
        for between in first...round where place(of: between) == nil { addRound(between) }
        let proofRound = memory.valid?.round
        rounds.removeAll { $0.round < first && $0.round != proofRound }
        for index in peers.indices where peers[index].ahead.round <= round {
            let votes = peers[index].ahead.votes
            peers[index].ahead.votes = []
            for cast in votes { add(cast, at: now, &effects) }
        }
        releaseBlocks(&effects)
        // The first round begins when there is something to decide.
        if round > 0 {
            activate(at: now, &effects)
            if let proposal = currentRound?.proposal,
                blocks.first(where: { $0.headerID == proposal.vote.headerID }) == nil
            {
                sendStatus(at: now, &effects)
            }
        }
    }

    /// Rounds stay in their order.
    mutating func addRound(_ round: UInt32) {
        let place = rounds.firstIndex { $0.round > round } ?? rounds.count
        rounds.insert(RoundState(round: round, count: validators.count), at: place)
    }

    /// Line 55: votes of a third and more in a later round.
    private mutating func skipRounds(at now: Int64, _ effects: inout ConsensusEffects) -> Bool {
        var candidates: [(round: UInt32, power: UInt64)] = []
        for (index, peer) in peers.enumerated() where !peer.ahead.votes.isEmpty && peer.ahead.round > memory.round {
            candidates.append((peer.ahead.round, validators.powers[index]))
        }
        guard candidates.count > 0 else { return false }
        candidates.sort { $0.round > $1.round }
        var sum: UInt64 = 0
        for candidate in candidates {
            sum += candidate.power
            if sum >= validators.blocking {
                startRound(candidate.round, at: now, &effects)
                return true
            }
        }
        return false
    }

    // MARK: Proposing

    /// A quorum of prepare votes of an earlier round that comes late: it binds nobody here, and is what to propose
    /// next. The paper takes such votes in their own round alone; they prove a proposal all the same (line 28).
    private mutating func adoptProof() -> Bool {
        for state in rounds.reversed() where state.round < memory.round {
            if let valid = memory.valid, valid.round >= state.round { return false }
            guard let prepared = state.prepares.quorum, !prepared.target.isNil else { continue }
            let bond = EngineMemory.Bond(round: state.round, headerID: prepared.target.headerID)
            guard validity(of: bond.headerID) == .valid else {
                want(bond.headerID)
                continue
            }
            memory.valid = bond
            memory.proof = prepared.votes
            return true
        }
        return false
    }

    private mutating func proposeIfTurn(at now: Int64, _ effects: inout ConsensusEffects) -> Bool {
        guard phase == .propose, isProposer, !isBuilding, !hasNothing, !memory.isForgetful,
            currentRound?.proposal == nil, memory.asked.map({ $0.round < memory.round }) ?? true
        else { return false }
        // Line 16: the newest block that a quorum has prepared.
        if let valid = memory.valid {
            guard validity(of: valid.headerID) == .valid else { return false }
            isBuilding = true
            askToSign(.propose, valid.headerID, proofRound: valid.round + 1, &effects)
            return true
        }
        isBuilding = true
        effects.propose(height: memory.height, round: memory.round, timeMilliseconds: max(now, parentTime + 1))
        return true
    }

    mutating func built(
        height: UInt64, round: UInt32, headerID: Bytes32?, at now: Int64, _ effects: inout ConsensusEffects
    ) {
        guard height == memory.height, round == memory.round, isBuilding, phase == .propose else { return }
        guard let headerID else {
            isBuilding = false
            hasNothing = true
            // Nobody else was seen to have something either: the next transaction begins again.
            if round == 0, currentRound?.prepares.power == 0 { phase = .idle }
            if phase == .idle {
                cancel(.propose, &effects)
                waiting = 0
                if parameters.idleMilliseconds > 0 { set(.batch, at: now + parameters.idleMilliseconds, &effects) }
            }
            return
        }
        note(headerID) { $0.validity = .valid }
        askToSign(.propose, headerID, proofRound: 0, &effects)
    }

    // MARK: Preparing

    /// Lines 22 to 33.
    private mutating func prepare(at now: Int64, _ effects: inout ConsensusEffects) -> Bool {
        guard phase == .propose, let state = currentRound, let proposal = state.proposal else { return false }
        let target = VoteTarget(proposal.vote)
        guard let block = blocks.first(where: { $0.headerID == target.headerID }), block.validity != .missing,
            block.validity != .asked
        else { return false }
        var isGood = block.validity == .valid && !memory.isForgetful
        if target.proofRound == 0 {
            let isOwn = proposal.key == ownKey
            isGood =
                isGood && isFree(for: target.headerID, provenAt: nil)
                && (isOwn || isTimely(block.timeMilliseconds, received: state.proposalTime))
        } else {
            let proofRound = target.proofRound - 1
            guard let proof = place(of: proofRound), let quorum = rounds[proof].prepares.quorum,
                quorum.target.headerID == target.headerID
            else { return false }
            isGood = isGood && isFree(for: target.headerID, provenAt: proofRound)
        }
        vote(.prepare, for: isGood ? target : nil, at: now, &effects)
        return true
    }

    /// Whether what the validator has committed to lets it prepare this block.
    private func isFree(for headerID: Bytes32, provenAt round: UInt32?) -> Bool {
        guard let locked = memory.locked, !hasPlanted(.skippedLock) else { return true }
        if locked.headerID == headerID { return true }
        return round.map { locked.round <= $0 } ?? false
    }

    /// Proposer-based time: a new block's time is about that at which its proposal came.
    private func isTimely(_ time: Int64, received: Int64) -> Bool {
        guard time > parentTime else { return false }
        if hasPlanted(.staleTime) { return true }
        return time <= received + parameters.precisionMilliseconds
            && time >= received - parameters.precisionMilliseconds - Timeouts.delay(round: memory.round, parameters)
    }

    // MARK: Committing

    /// Lines 36 to 43.
    private mutating func lock(at now: Int64, _ effects: inout ConsensusEffects) -> Bool {
        guard phase == .propose || phase == .prepare || phase == .commit, let place = place(of: memory.round),
            let prepared = rounds[place].prepares.quorum, !prepared.target.isNil
        else { return false }
        let bond = EngineMemory.Bond(round: memory.round, headerID: prepared.target.headerID)
        guard validity(of: bond.headerID) == .valid else {
            want(bond.headerID)
            return false
        }
        guard memory.valid != bond else { return false }
        memory.valid = bond
        memory.proof = prepared.votes
        if phase != .commit {
            memory.locked = bond
            // From here on the key's bonds are known again: the host signs nothing below what it has signed.
            vote(.commit, for: prepared.target, at: now, &effects)
        }
        return true
    }

    /// Lines 44 to 46, and 34: a timer, once, when a quorum has prepared one thing or another.
    private mutating func commitNil(at now: Int64, _ effects: inout ConsensusEffects) -> Bool {
        guard phase == .prepare || phase == .propose, let place = place(of: memory.round) else { return false }
        if let prepared = rounds[place].prepares.quorum, prepared.target.isNil {
            vote(.commit, for: nil, at: now, &effects)
            return true
        }
        if phase == .prepare, rounds[place].prepares.power >= quorum, !rounds[place].hasPrepareTimer {
            rounds[place].hasPrepareTimer = true
            set(.prepare, at: now + timeouts.wait(round: memory.round, parameters), &effects)
        }
        return false
    }

    /// Line 47: a timer, once, when a quorum has committed one thing or another; at once where it was nil.
    private mutating func leaveRound(at now: Int64, _ effects: inout ConsensusEffects) -> Bool {
        guard let place = place(of: memory.round), memory.round < Self.roundLimit else { return false }
        if let committed = rounds[place].commits.quorum, committed.target.isNil {
            startRound(memory.round + 1, at: now, &effects)
            return true
        }
        if rounds[place].commits.power >= quorum, !rounds[place].hasCommitTimer {
            rounds[place].hasCommitTimer = true
            set(.commit, at: now + timeouts.wait(round: memory.round, parameters), &effects)
        }
        return false
    }

    /// Lines 49 to 54.
    private mutating func decide(at now: Int64, _ effects: inout ConsensusEffects) -> Bool {
        for state in rounds {
            guard let committed = state.commits.quorum, !committed.target.isNil else { continue }
            let id = committed.target.headerID
            guard validity(of: id) == .valid else {
                want(id)
                continue
            }
            effects.decide(
                height: memory.height, round: state.round, headerID: id,
                signatures: committed.votes.map { (key: $0.key, signature: $0.signature) })
            phase = .deciding
            for timer in Timer.allCases { cancel(timer, &effects) }
            return true
        }
        return false
    }
}
