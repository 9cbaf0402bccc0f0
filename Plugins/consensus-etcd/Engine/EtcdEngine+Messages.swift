internal import PluginKit

extension EtcdEngine {
    static let votesInMessage = 3 * Operators.maximumCount
    /// Validators that hear at once what this one has; the others have their turn later.
    private static let statusFanOut = 4
    private static let statusLeastMilliseconds: Int64 = 50
    private static let statusMostMilliseconds: Int64 = 2_000
    /// A validator is answered, asked and sent a block no more often than this.
    private static let answerEveryMilliseconds: Int64 = 20
    private static let blockEveryMilliseconds: Int64 = 250

    mutating func message(
        from sender: Bytes32, _ attachment: Bytes32?, _ votes: [CastVote], _ payload: [UInt8], at now: Int64,
        _ out: inout EngineOutput
    ) {
        guard let peer = operators.index(of: sender), peer != ownIndex, let kind = EnginePayload(payload) else {
            return
        }
        for cast in votes { add(cast, &out) }
        switch kind {
        case .offer(let height, let id):
            guard height == memory.height, attachment == nil || attachment == id, !isDeciding else { return }
            offered(id, by: peer, hasBlock: attachment != nil, at: now, &out)
        case .acknowledgement(let height, let id):
            if height == memory.height, id == ownBlock { holders[peer] = true }
        case .votes: break
        case .block:
            guard let attachment, isDeciding == false else { return }
            if attachment == wanted || target == .block(attachment) {
                ask(toValidate: attachment, offeredBy: nil, &out)
            }
        case .status(let status): answer(status, from: peer, at: now, &out)
        }
    }

    /// Whether something is under way that may need the others.
    var isBusy: Bool {
        guard ownIndex != nil else { return false }
        return ownBlock != nil || wanted != nil || target != nil || rounds.contains { $0.votes.contains { $0 != nil } }
    }

    /// While nothing moves, others are told more and more rarely.
    mutating func setStatusTimer(at now: Int64, _ out: inout EngineOutput) {
        statusWait = statusWait == 0 ? Self.statusLeastMilliseconds : statusWait + statusWait / 2
        statusWait = min(statusWait, Self.statusMostMilliseconds)
        set(.status, at: now + statusWait, &out)
    }

    /// Nothing has been decided for a while: what may have been lost goes out again.
    mutating func remind(at now: Int64, _ out: inout EngineOutput) {
        guard !isDeciding, ownIndex != nil else { return }
        sendStatus(at: now, &out)
        if let own = ownBlock, target == nil {
            let payload = EnginePayload.offer(height: memory.height, headerID: own).bytes
            for (index, hasIt) in holders.enumerated() where !hasIt {
                out.effects.send(to: operators.keys[index], payload: payload, priority: .catchUp)
            }
        }
        // A log that has lost the entry, in a restore say, gets it again: this validator votes for no other there.
        if memory.bound == nil, let last = memory.ownVotes.last, last.round == memory.round, !last.headerID.isZero {
            out.requests.append(.append(place, last.headerID))
        }
    }

    mutating func sendStatus(at now: Int64, _ out: inout EngineOutput) {
        let status = EnginePayload.status(ownStatus).bytes
        let count = operators.count
        var sent = 0
        for _ in 0..<count where sent < Self.statusFanOut {
            statusTurn = (statusTurn + 1) % count
            if statusTurn == ownIndex { continue }
            out.effects.send(to: operators.keys[statusTurn], payload: status, priority: .catchUp)
            sent += 1
        }
    }

    var ownStatus: EnginePayload.Status {
        EnginePayload.Status(
            height: memory.height, round: memory.round, wantedBlock: wanted ?? .zero,
            votes: votes(of: memory.round)?.bitmap ?? [UInt8](repeating: 0, count: (operators.count + 7) / 8))
    }

    /// Asks all for a block, at once and with every reminder.
    mutating func want(_ id: Bytes32, _ out: inout EngineOutput) {
        guard wanted != id, validity(of: id) != .asked else { return }
        wanted = id
        out.effects.broadcast(payload: EnginePayload.status(ownStatus).bytes, priority: .catchUp)
    }

    /// Sends what the other lacks, and asks for what it has more.
    private mutating func answer(
        _ status: EnginePayload.Status, from peer: Int, at now: Int64, _ out: inout EngineOutput
    ) {
        guard status.votes.count == (operators.count + 7) / 8 else { return }
        if isAhead(status), peers[peer].asked <= now - Self.answerEveryMilliseconds {
            peers[peer].asked = now
            out.effects.send(
                to: operators.keys[peer], payload: EnginePayload.status(ownStatus).bytes, priority: .catchUp)
        }
        guard peers[peer].answered <= now - Self.answerEveryMilliseconds else { return }
        let votes = votes(for: status)
        let block = block(for: status, peer, at: now)
        guard !votes.isEmpty || block != nil else { return }
        peers[peer].answered = now
        // Whoever asks for what is offered here has not heard of it before.
        let payload: EnginePayload =
            if let block {
                block == ownBlock ? .offer(height: memory.height, headerID: block) : .block
            } else { .votes }
        out.effects.send(
            to: operators.keys[peer], attachment: block, votes: Array(votes.suffix(Self.votesInMessage)),
            payload: payload.bytes, priority: .catchUp)
    }

    private func isAhead(_ status: EnginePayload.Status) -> Bool {
        if status.height != memory.height { return status.height > memory.height }
        if status.round != memory.round { return status.round > memory.round }
        return zip(status.votes, ownStatus.votes).contains { $0 & ~$1 != 0 }
    }

    private func votes(for status: EnginePayload.Status) -> [CastVote] {
        if let certificate, certificate.height == status.height { return certificate.votes }
        guard status.height == memory.height else { return [] }
        return rounds.flatMap { state in
            if state.round == status.round { return state.missing(from: status.votes) }
            // The round before shows that it is over.
            return state.round &+ 1 >= status.round ? state.votes.compactMap { $0 } : []
        }
    }

    private mutating func block(for status: EnginePayload.Status, _ peer: Int, at now: Int64) -> Bytes32? {
        let id = status.wantedBlock
        guard status.height == memory.height, !id.isZero, validity(of: id) == .valid else { return nil }
        let isRepeated =
            peers[peer].sentBlock == id && peers[peer].sentBlockTime > now - Self.blockEveryMilliseconds
        guard !isRepeated else { return nil }
        (peers[peer].sentBlock, peers[peer].sentBlockTime) = (id, now)
        return id
    }
}
