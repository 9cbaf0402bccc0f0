internal import PluginKit

extension BFTEngine {
    /// Validators that hear at once what this one has; the others have their turn later.
    private static let statusFanOut = 4
    private static let statusLeastMilliseconds: Int64 = 50
    private static let statusMostMilliseconds: Int64 = 2_000
    /// A validator is answered, asked and sent a block no more often than this.
    private static let answerEveryMilliseconds: Int64 = 20
    private static let blockEveryMilliseconds: Int64 = 250

    /// While nothing moves, others are told more and more rarely.
    mutating func setStatusTimer(at now: Int64, _ effects: inout ConsensusEffects) {
        let first = max(Self.statusLeastMilliseconds, timeouts.wait(round: 0, parameters) / 3)
        statusWait = min(statusWait == 0 ? first : statusWait + statusWait / 2, Self.statusMostMilliseconds)
        set(.status, at: now + statusWait, &effects)
    }

    /// Tells some validators where this one stands and what it has.
    mutating func sendStatus(at now: Int64, _ effects: inout ConsensusEffects) {
        let status = EnginePayload.status(ownStatus).bytes
        let count = validators.count
        var sent = 0
        for _ in 0..<count where sent < Self.statusFanOut {
            statusTurn = (statusTurn + 1) % count
            if statusTurn == ownIndex { continue }
            effects.send(to: validators.keys[statusTurn], payload: status, priority: .catchUp)
            sent += 1
        }
        if phase != .idle { setStatusTimer(at: now, &effects) }
    }

    private var ownStatus: EnginePayload.Status {
        let state = currentRound ?? RoundState(round: memory.round, count: validators.count)
        var flags: EnginePayload.Status.Flags = []
        if let proposal = state.proposal {
            flags.insert(.proposal)
            if validity(of: proposal.vote.headerID) != .missing { flags.insert(.block) }
        }
        if state.prepares.quorum != nil { flags.insert(.prepareQuorum) }
        if state.commits.quorum != nil { flags.insert(.commitQuorum) }
        return EnginePayload.Status(
            height: memory.height, round: memory.round, flags: flags, wantedBlock: wantedBlock,
            prepares: state.prepares.bitmap, commits: state.commits.bitmap)
    }

    /// Sends what the other lacks, and asks for what it has more.
    mutating func answer(
        _ status: EnginePayload.Status, from peer: Int, at now: Int64, _ effects: inout ConsensusEffects
    ) {
        let size = (validators.count + 7) / 8
        if status.height == memory.height &+ 1 { isBehind = true }
        guard status.height == memory.height, status.prepares.count == size, status.commits.count == size else {
            return
        }
        if has(more: status), peers[peer].asked <= now - Self.answerEveryMilliseconds {
            peers[peer].asked = now
            effects.send(
                to: validators.keys[peer], payload: EnginePayload.status(ownStatus).bytes, priority: .catchUp)
        }
        guard peers[peer].answered <= now - Self.answerEveryMilliseconds else { return }
        let sent = sendRound(status, to: peer, at: now, &effects)
        if sendBlock(status, to: peer, at: now, &effects) || sent { peers[peer].answered = now }
    }

    /// Whether the other stands further on, or has what is not here.
    private func has(more status: EnginePayload.Status) -> Bool {
        if status.round != memory.round { return status.round > memory.round }
        let own = ownStatus
        return !own.flags.isSuperset(of: status.flags)
            || zip(status.prepares, own.prepares).contains { $0 & ~$1 != 0 }
            || zip(status.commits, own.commits).contains { $0 & ~$1 != 0 }
    }

    /// Votes of the other's round, of this node's round, and of a round that has decided.
    private func votes(for status: EnginePayload.Status) -> [CastVote] {
        var votes: [CastVote] = []
        if let place = place(of: status.round) {
            let state = rounds[place]
            if let quorum = state.prepares.quorum, !status.flags.contains(.prepareQuorum) {
                votes += quorum.votes
            } else {
                votes += state.prepares.missing(from: status.prepares)
            }
            if let quorum = state.commits.quorum, !status.flags.contains(.commitQuorum) {
                votes += quorum.votes
            } else {
                votes += state.commits.missing(from: status.commits)
            }
        }
        for state in rounds where state.round != status.round {
            if let quorum = state.commits.quorum, !quorum.target.isNil { votes += quorum.votes }
        }
        if status.round < memory.round, let state = currentRound {
            let none = [UInt8](repeating: 0, count: status.prepares.count)
            votes += state.prepares.missing(from: none) + state.commits.missing(from: none)
        }
        return votes
    }

    private mutating func sendRound(
        _ status: EnginePayload.Status, to peer: Int, at now: Int64, _ effects: inout ConsensusEffects
    ) -> Bool {
        let votes = votes(for: status)
        guard !votes.isEmpty else { return false }
        effects.send(
            to: validators.keys[peer], votes: Array(votes.prefix(Self.votesInMessage)),
            payload: EnginePayload.votes.bytes, priority: .catchUp)
        return true
    }

    private static let votesInMessage = 3 * ValidatorTable.maximumCount

    /// The proposal of the other's round with its proof and its block, or a block that the other wants.
    private mutating func sendBlock(
        _ status: EnginePayload.Status, to peer: Int, at now: Int64, _ effects: inout ConsensusEffects
    ) -> Bool {
        let proposal = place(of: status.round).flatMap { rounds[$0].proposal }
        var votes: [CastVote] = []
        var block = status.wantedBlock
        if let proposal, !status.flags.isSuperset(of: [.proposal, .block]) {
            votes = [proposal]
            if proposal.vote.proofRound > 0, let proof = place(of: proposal.vote.proofRound - 1),
                let quorum = rounds[proof].prepares.quorum, quorum.target.headerID == proposal.vote.headerID
            {
                votes += quorum.votes
            }
            if block.isZero { block = proposal.vote.headerID }
        }
        let isThere = !block.isZero && validity(of: block) == .valid
        let isRepeated =
            peers[peer].sentBlock == block && peers[peer].sentBlockTime > now - Self.blockEveryMilliseconds
        guard !votes.isEmpty || isThere && !isRepeated else { return false }
        if isThere, !isRepeated {
            peers[peer].sentBlock = block
            peers[peer].sentBlockTime = now
        }
        effects.send(
            to: validators.keys[peer], attachment: isThere && !isRepeated ? block : nil, votes: votes,
            payload: EnginePayload.proposal.bytes, priority: .catchUp)
        return true
    }
}
