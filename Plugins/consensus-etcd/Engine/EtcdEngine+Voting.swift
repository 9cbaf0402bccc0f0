internal import PluginKit

extension EtcdEngine {
    /// Does whatever can be done now. Each part changes nothing where there is nothing to do.
    mutating func evaluate(at now: Int64, _ out: inout EngineOutput) {
        guard !isDeciding else { return }
        if !decide(&out) {
            climb(at: now, &out)
            giveVote(at: now, &out)
            propose(at: now, &out)
        }
        if isBusy, !isDeciding, deadlines[Timer.status.rawValue] == nil { setStatusTimer(at: now, &out) }
    }

    /// Decides, if a round's votes suffice; answers whether they do, also where the block itself is missing.
    private mutating func decide(_ out: inout EngineOutput) -> Bool {
        for state in rounds {
            guard case .decided(let id) = outcome(of: state) else { continue }
            guard validity(of: id) == .valid else {
                want(id, &out)
                return true
            }
            let votes = state.votes.compactMap { $0 }.filter { $0.vote.headerID == id }
            out.effects.decide(
                height: memory.height, round: state.round, headerID: id,
                signatures: votes.map { ($0.key, $0.signature) })
            isDeciding = true
            return true
        }
        return false
    }

    private func outcome(of state: RoundVotes) -> RoundVotes.Outcome {
        var outcome = state.outcome(operators)
        if planted == .quorumOffByOne, case .bound(let id) = outcome { outcome = .decided(id) }
        if planted == .forgottenBond, case .bound = outcome { outcome = .free }
        return outcome
    }

    /// Goes to the highest round whose predecessor is over: with the votes that show it in hand, and with the block
    /// that it is bound to.
    private mutating func climb(at now: Int64, _ out: inout EngineOutput) {
        for state in rounds.reversed() where state.round >= memory.round && state.round + 1 < Self.roundLimit {
            switch outcome(of: state) {
            case .open, .decided: continue
            case .free: return enter(round: state.round + 1, bound: nil, at: now)
            case .bound(let id):
                // Whoever is bound to a block has it: it votes for it at once, and can give it to others.
                guard validity(of: id) == .valid else {
                    want(id, &out)
                    continue
                }
                return enter(round: state.round + 1, bound: id, at: now)
            }
        }
    }

    private mutating func enter(round: UInt32, bound: Bytes32?, at now: Int64) {
        memory.round = round
        memory.bound = bound
        missingSince = nil
        appended = nil
        turnStart = nil
        statusWait = 0
    }

    private var hasVoted: Bool { memory.ownVotes.last.map { $0.round >= memory.round } ?? false }

    private mutating func giveVote(at now: Int64, _ out: inout EngineOutput) {
        guard ownIndex != nil, asked == nil, !hasVoted, let target else { return }
        guard case .block(let id) = target else { return cast(.zero) }
        switch validity(of: id) {
        case .valid: cast(id)
        case .invalid: if memory.bound == nil { cast(.zero) }
        case .missing, .asked:
            want(id, &out)
            let since = missingSince ?? now
            missingSince = since
            guard memory.bound == nil, planted != .endlessPatience else { return }
            let due = since + patience
            if due <= now { cast(.zero) } else { set(.missing, at: due, &out) }
        }
    }

    /// Longer each round, so that a guess that was too low cannot stop the chain.
    private var patience: Int64 {
        var wait = parameters.missingMilliseconds
        for _ in 0..<min(memory.round, 64) where wait < 3_600_000 { wait += wait / 2 }
        return wait
    }

    /// The one vote of this validator in the round.
    private mutating func cast(_ headerID: Bytes32) {
        let own = EngineMemory.OwnVote(round: memory.round, headerID: headerID)
        memory.ownVotes.append(own)
        if memory.ownVotes.count > EngineMemory.ownVotesKept { memory.ownVotes.removeFirst() }
        asked = vote(own)
        unsigned = asked
    }

    /// The end of a step: at most one persist effect (EFF-3), and the vote that depends on it.
    mutating func flush(_ out: inout EngineOutput) {
        guard let vote = unsigned else { return }
        unsigned = nil
        var kept: [Bytes32] = []
        for own in memory.ownVotes where !kept.contains(own.headerID) && validity(of: own.headerID) == .valid {
            kept.append(own.headerID)
        }
        out.effects.persist(memory.bytes, blocks: kept)
        out.effects.signVote(vote)
    }

    mutating func signed(_ vote: ConsensusVote, _ signature: Bytes64?, _ out: inout EngineOutput) {
        guard vote == asked, let ownKey else { return }
        asked = nil
        cancel(.retry, &out)
        // Refused: the key has signed something else in this round, elsewhere. What that was nobody knows here; no
        // other vote is given in the round (CON-13).
        guard let signature, let index = memory.ownVotes.lastIndex(where: { $0.round == vote.round }) else { return }
        memory.ownVotes[index].signature = signature
        let cast = CastVote(key: ownKey, vote: vote, signature: signature)
        add(cast, &out)
        out.effects.broadcast(votes: [cast], payload: EnginePayload.votes.bytes)
    }

    /// Takes one vote of this height whose signature was checked.
    mutating func add(_ cast: CastVote, _ out: inout EngineOutput) {
        let vote = cast.vote
        guard vote.chain == chain, vote.height == memory.height, vote.step == .commit, vote.proofRound == 0,
            vote.round < Self.roundLimit, let index = operators.index(of: cast.key),
            let place = makeRound(vote.round)
        else { return }
        if rounds[place].add(cast, index: index) { return }
        guard let known = rounds[place].votes[index], known.vote != vote, index != ownIndex,
            !peers[index].isAccused
        else { return }
        // Two votes at one place: a key that was copied, or a lie (EVI-1).
        peers[index].isAccused = true
        out.effects.evidence(
            offender: cast.key, first: (known.vote, known.signature), second: (vote, cast.signature))
    }

    /// The index of the round's votes. Of too many rounds the oldest that are over go first, then the highest.
    private mutating func makeRound(_ round: UInt32) -> Int? {
        if let known = rounds.firstIndex(where: { $0.round == round }) { return known }
        let index = rounds.firstIndex { $0.round > round } ?? rounds.count
        rounds.insert(RoundVotes(round: round, count: operators.count), at: index)
        if rounds.count > Self.roundsKept {
            let isOver = rounds[0].round &+ 1 < memory.round
            rounds.remove(at: isOver ? 0 : rounds.count - 1)
        }
        return rounds.firstIndex { $0.round == round }
    }

    // MARK: Blocks

    func validity(of id: Bytes32) -> BlockState.Validity {
        blocks.first { $0.headerID == id }?.validity ?? .missing
    }

    mutating func ask(toValidate id: Bytes32, offeredBy peer: Int?, _ out: inout EngineOutput) {
        if let known = blocks.firstIndex(where: { $0.headerID == id }) {
            if let peer { blocks[known].offeredBy = peer }
            guard blocks[known].validity == .missing else { return }
            blocks[known].validity = .asked
        } else {
            guard makeRoom(&out) else { return }
            blocks.append(BlockState(headerID: id, validity: .asked, offeredBy: peer))
        }
        out.effects.validate(height: memory.height, round: memory.round, headerID: id)
    }

    /// Room for one more block: of too many, the oldest goes that nobody here waits for.
    mutating func makeRoom(_ out: inout EngineOutput) -> Bool {
        guard blocks.count >= Self.blocksKept else { return true }
        let target = target
        let place = blocks.firstIndex { block in
            block.headerID != ownBlock && block.headerID != wanted && .block(block.headerID) != target
                && !memory.ownVotes.contains { $0.headerID == block.headerID }
        }
        guard let place else { return false }
        out.effects.release(headerID: blocks.remove(at: place).headerID)
        return true
    }

    mutating func validated(_ result: ConsensusEvent.Validated, at now: Int64, _ out: inout EngineOutput) {
        guard result.height == memory.height,
            let place = blocks.firstIndex(where: { $0.headerID == result.headerID && $0.validity == .asked })
        else { return }
        // A block without a time is one that the host does not have.
        guard result.valid || result.blockTimeMilliseconds > 0 else {
            blocks.remove(at: place)
            return
        }
        blocks[place].validity = result.valid ? .valid : .invalid
        if wanted == result.headerID { wanted = nil }
        if let peer = blocks[place].offeredBy { acknowledge(result.headerID, to: peer, at: now, &out) }
    }
}
