internal import PluginKit

extension BFTEngine {
    /// Gives this validator's vote of the round and goes to the next phase. A node that does not vote goes along.
    mutating func vote(
        _ step: ConsensusVote.Step, for target: VoteTarget?, at now: Int64, _ effects: inout ConsensusEffects
    ) {
        phase = step == .prepare ? .prepare : .commit
        cancel(.propose, &effects)
        if step == .commit { cancel(.prepare, &effects) }
        askToSign(step, target?.headerID ?? .zero, proofRound: step == .prepare ? target?.proofRound ?? 0 : 0, &effects)
    }

    /// Writes down first what must not be forgotten, then asks for the signature (CON-5, CON-6).
    mutating func askToSign(
        _ step: ConsensusVote.Step, _ headerID: Bytes32, proofRound: UInt32, _ effects: inout ConsensusEffects
    ) {
        guard ownIndex != nil else { return }
        let vote = ConsensusVote(
            chain: chain, height: memory.height, round: memory.round, step: step, headerID: headerID,
            proofRound: proofRound)
        // Once for each place, and never backwards: after a restart some places are taken.
        if let asked = memory.asked, (asked.round, asked.step) >= (vote.round, vote.step) { return }
        memory.asked = vote
        cancel(.retry, &effects)
        unsigned.append(vote)
    }

    /// The end of a step: at most one persist effect (EFF-3), and the votes that depend on it.
    mutating func flushVotes(_ effects: inout ConsensusEffects) {
        guard !unsigned.isEmpty else { return }
        persist(&effects)
        for vote in unsigned { effects.signVote(vote) }
        unsigned = []
    }

    private func persist(_ effects: inout ConsensusEffects) {
        if hasPlanted(.lostMemory) { return }
        var kept: [Bytes32] = []
        for id in [memory.locked?.headerID, memory.valid?.headerID, memory.asked?.headerID] {
            guard let id, !kept.contains(id), validity(of: id) == .valid else { continue }
            kept.append(id)
        }
        effects.persist(memory.bytes, blocks: kept)
    }

    mutating func signed(
        _ vote: ConsensusVote, _ signature: Bytes64?, at now: Int64, _ effects: inout ConsensusEffects
    ) {
        guard vote.height == memory.height, vote.chain == chain, let ownKey, ownIndex != nil else { return }
        guard let signature else {
            // The key has signed what is not remembered here. From now on it prepares nothing that might contradict
            // that; a commit for what a quorum prepares in this round contradicts nothing, and the host refuses what is
            // below the place that it knows.
            memory.isForgetful = true
            return
        }
        if vote.step == .commit, !vote.headerID.isZero { memory.isForgetful = false }
        let cast = CastVote(key: ownKey, vote: vote, signature: signature)
        if !memory.ownVotes.contains(cast) { memory.ownVotes.append(cast) }
        add(cast, at: now, &effects)
        guard vote.step == .propose else {
            // Whoever prepares nothing may be bound to a block. The proof lets the others propose it: alone, a
            // validator with little power would wait long for its turn.
            let proof = vote.step == .prepare && vote.headerID.isZero ? memory.proof : []
            effects.broadcast(votes: [cast] + proof, payload: EnginePayload.votes.bytes)
            return
        }
        let proof = vote.proofRound > 0 ? memory.proof : []
        effects.broadcast(
            attachment: vote.headerID, votes: [cast] + proof, payload: EnginePayload.proposal.bytes, priority: .block)
    }

    // MARK: Blocks

    func validity(of headerID: Bytes32) -> BlockState.Validity {
        blocks.first { $0.headerID == headerID }?.validity ?? .missing
    }

    /// Changes what is known of a block, which is known from then on.
    mutating func note(_ headerID: Bytes32, _ change: (inout BlockState) -> Void) {
        if let place = blocks.firstIndex(where: { $0.headerID == headerID }) {
            change(&blocks[place])
        } else {
            var block = BlockState(headerID: headerID)
            change(&block)
            blocks.append(block)
        }
    }

    /// A quorum speaks of a block that is not here: it is asked for.
    mutating func want(_ headerID: Bytes32) { note(headerID) { _ in } }

    /// The first block that others have to send.
    var wantedBlock: Bytes32 {
        for state in rounds.reversed() {
            for target in [state.commits.quorum?.target, state.prepares.quorum?.target] {
                if let target, !target.isNil, validity(of: target.headerID) == .missing { return target.headerID }
            }
        }
        for id in [memory.valid?.headerID, memory.locked?.headerID, currentRound?.proposal?.vote.headerID] {
            if let id, validity(of: id) == .missing { return id }
        }
        return .zero
    }

    /// Whether a block that came along is one that this height needs.
    func isNeeded(_ headerID: Bytes32, from peer: Int) -> Bool {
        guard !headerID.isZero, !peers[peer].isDistrusted else { return false }
        switch validity(of: headerID) {
        case .valid, .asked: return false
        case .invalid: return isQuorate(headerID)
        case .missing: break
        }
        return currentRound?.proposal?.vote.headerID == headerID || memory.valid?.headerID == headerID
            || memory.locked?.headerID == headerID || isQuorate(headerID)
    }

    /// Whether a quorum speaks of the block: an honest validator has found it valid.
    private func isQuorate(_ headerID: Bytes32) -> Bool {
        rounds.contains {
            $0.commits.quorum?.target.headerID == headerID || $0.prepares.quorum?.target.headerID == headerID
        }
    }

    mutating func ask(toValidate headerID: Bytes32, from peer: Int?, _ effects: inout ConsensusEffects) {
        note(headerID) {
            $0.validity = .asked
            $0.source = peer
        }
        effects.validate(height: memory.height, round: memory.round, headerID: headerID)
    }

    mutating func validated(
        _ result: ConsensusEvent.Validated, at now: Int64, _ effects: inout ConsensusEffects
    ) {
        guard result.height == memory.height, validity(of: result.headerID) == .asked else { return }
        let source = blocks.first { $0.headerID == result.headerID }?.source
        // The signatures of transactions are outside a block's id: whoever passes a block on can spoil it. Only its
        // proposer's word that it is bad counts, and nothing of who sent a bad one is taken again at this height.
        let isProposers = rounds.contains {
            $0.proposal?.vote.headerID == result.headerID && source == proposer(of: $0.round)
        }
        if !result.valid, let source { peers[source].isDistrusted = true }
        note(result.headerID) { block in
            block.validity = result.valid ? .valid : isProposers ? .invalid : .missing
            block.timeMilliseconds = Self.bounded(result.blockTimeMilliseconds)
        }
    }

    /// Forgets the oldest blocks that nothing speaks of any more (CON-11).
    mutating func releaseBlocks(_ effects: inout ConsensusEffects) {
        guard blocks.count > Self.blocksKept else { return }
        for block in blocks.prefix(blocks.count - Self.blocksKept) {
            let id = block.headerID
            let isBound = [memory.locked, memory.valid].contains { $0?.headerID == id }
            let isSpokenOf = isQuorate(id) || currentRound?.proposal?.vote.headerID == id
            guard !isBound, !isSpokenOf, block.validity != .asked else { continue }
            blocks.removeAll { $0.headerID == id }
            effects.release(headerID: id)
        }
    }
}
