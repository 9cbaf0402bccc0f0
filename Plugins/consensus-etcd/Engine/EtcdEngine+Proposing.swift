internal import PluginKit

extension EtcdEngine {
    /// Proposes a block where it is this validator's turn, and has it written into the log once a majority has it.
    mutating func propose(at now: Int64, _ out: inout EngineOutput) {
        guard let ownIndex, target == nil, memory.ownVotes.last.map({ $0.round < memory.round }) ?? true, !isBuilding
        else { return }
        if let own = ownBlock {
            guard holdersPower >= operators.quorum, appended != place else { return }
            appended = place
            out.requests.append(.append(place, own))
            return
        }
        guard waiting > 0, !hasNothing else { return }
        let start = turnStart ?? now
        turnStart = start
        var due = start + parameters.batchMilliseconds
        if cutter != ownKey || ownKey == nil {
            // The others wait for the first, and not all equally long.
            let count = UInt64(operators.count)
            let rank = (UInt64(ownIndex) + memory.height % count + UInt64(memory.round) % count) % count
            due = start + parameters.takeoverMilliseconds
            due += Int64(rank) * (parameters.takeoverMilliseconds / 4)
        } else if waiting >= parameters.transactionsAtOnce {
            due = now
        }
        guard due <= now else { return set(.turn, at: due, &out) }
        cancel(.turn, &out)
        isBuilding = true
        // Strictly above the parent's (EFF-1), also where the machine's clock stands still or was set back.
        out.effects.propose(
            height: memory.height, round: memory.round, timeMilliseconds: max(now, parentTime + 1))
    }

    private var holdersPower: UInt64 {
        zip(holders, operators.powers).reduce(0) { $1.0 ? $0 + $1.1 : $0 }
    }

    mutating func built(height: UInt64, round: UInt32, headerID: Bytes32?, _ out: inout EngineOutput) {
        guard isBuilding, height == memory.height, let ownIndex else { return }
        isBuilding = false
        turnStart = nil
        guard let headerID else {
            hasNothing = true
            return
        }
        guard makeRoom(&out) else { return }
        blocks.append(BlockState(headerID: headerID, validity: .valid, offeredBy: nil))
        ownBlock = headerID
        holders = Array(repeating: false, count: operators.count)
        holders[ownIndex] = true
        guard operators.count > 1 else { return }
        out.effects.broadcast(
            attachment: headerID, payload: EnginePayload.offer(height: memory.height, headerID: headerID).bytes,
            priority: .block)
    }

    /// Tells who offered a block that it is here and valid; where the round is about another, what is known of that.
    mutating func acknowledge(_ id: Bytes32, to peer: Int, at now: Int64, _ out: inout EngineOutput) {
        guard ownIndex != nil, validity(of: id) == .valid else { return }
        // Whoever has voted for no block in the round helps another one into the log: what it voted against may have
        // left the log since, and nobody else has seen it.
        let gaveUp = memory.ownVotes.last.map { $0.round == memory.round && $0.headerID.isZero } ?? false
        guard gaveUp || target == nil || target == .block(id) else {
            let votes = rounds.flatMap { $0.votes.compactMap { $0 } }
            if !votes.isEmpty {
                out.effects.send(
                    to: operators.keys[peer], votes: Array(votes.prefix(Self.votesInMessage)),
                    payload: EnginePayload.votes.bytes, priority: .catchUp)
            }
            return
        }
        // Somebody is at it.
        if turnStart != nil { turnStart = now }
        out.effects.send(
            to: operators.keys[peer],
            payload: EnginePayload.acknowledgement(height: memory.height, headerID: id).bytes)
    }

    mutating func offered(
        _ id: Bytes32, by peer: Int, hasBlock: Bool, at now: Int64, _ out: inout EngineOutput
    ) {
        switch validity(of: id) {
        case .valid: acknowledge(id, to: peer, at: now, &out)
        case .missing:
            if hasBlock {
                ask(toValidate: id, offeredBy: peer, &out)
            } else {
                var status = ownStatus
                status.wantedBlock = id
                out.effects.send(
                    to: operators.keys[peer], payload: EnginePayload.status(status).bytes, priority: .catchUp)
            }
        case .asked, .invalid: break
        }
    }
}
