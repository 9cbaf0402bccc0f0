internal import PluginHost
internal import Primitives

extension SimulatedNetwork {
    /// The time of a process: goes on as time passes, follows a machine's clock that is set forward, and never goes
    /// back, as a node's does.
    mutating func time(_ index: Int) -> Int64 {
        processes[index].clockOffset = max(processes[index].clockOffset, processes[index].wallOffset)
        processes[index].lastTime = max(processes[index].lastTime, now + processes[index].clockOffset)
        return processes[index].lastTime
    }

    /// One event, and what the engine asks for.
    mutating func feed(_ index: Int, _ body: ConsensusEvent.Body, with block: SimulatedBlock? = nil) throws {
        guard let engine = processes[index].engine else { return }
        if processes[index].isStalled {
            // A block waits for the disk: what others send is lost, all else waits.
            if case .message = body { return }
            processes[index].held.append(body)
            return
        }
        steps += 1
        let isNew = block.map { processes[index].blocks[$0.id] == nil } ?? false
        if isNew, let block { processes[index].blocks[block.id] = block }
        let life = processes[index].life
        let event = ConsensusEvent(timeMilliseconds: time(index), body)
        let record = event.encoded()
        trace?.event(at: now, process: name(index), event, record)
        let batch: [UInt8]
        do { batch = try engine.step(record) } catch {
            trace?.write(at: now, "\(name(index)) ! \(error)")
            guard processes[index].isHonest else { return }
            throw finding("the engine refuses an event of an honest host: \(error)")
        }
        let effects = try ConsensusEffect.decode(batch, plugin: "engine")
        trace?.effects(at: now, process: name(index), effects, batch)
        var isAsked = false
        for (place, effect) in effects.enumerated() {
            if case .validate(_, _, let id) = effect, id == block?.id { isAsked = true }
            try apply(effect, index)
            // A vote that follows at once takes the engine's records along, in one write.
            if case .persist = effect {
                var isFollowed = false
                if place + 1 < effects.count, case .signVote = effects[place + 1] { isFollowed = true }
                if !isFollowed { saveRecords(index) }
            }
            // The process ended at that write: nothing of what follows happens.
            if processes[index].life != life { return }
        }
        if isNew, !isAsked, let block { processes[index].blocks[block.id] = nil }
    }

    private mutating func apply(_ effect: ConsensusEffect, _ index: Int) throws {
        switch effect {
        case .propose(let height, let round, let time): propose(index, height, round, time)
        case .validate(let height, let round, let id):
            let block = processes[index].blocks[id]
            let parent = processes[index].disk.chain.last?.block.id ?? genesis
            let isValid = block.map { $0.isGood && $0.height == height && $0.parent == parent } ?? false
            answer(
                index,
                .validated(
                    height: height, round: round, headerID: id, valid: isValid, code: isValid ? 0 : 3,
                    blockTimeMilliseconds: block?.timeMilliseconds ?? 0))
        case .signVote(let vote): try sign(vote, index)
        case .decide(let height, let round, let id, let signatures):
            guard height == processes[index].height + 1, let block = processes[index].blocks[id] else {
                guard processes[index].isHonest else { return }
                throw finding("decides block \(id) of height \(height), which its host does not have (CON-4)")
            }
            let decision = DecidedBlock(block: block, round: round, certificate: signatures)
            if processes[index].isHonest { try check(decision) }
            queue.push(
                .stored(process: index, life: processes[index].life, decision, byCertificate: false),
                at: now + shortDelay())
        case .persist(let state, let ids):
            var records = EngineRecords(state: state)
            for id in ids { records.blocks[id] = processes[index].blocks[id] }
            processes[index].unsaved = records
        case .send(let recipient, let message): send(message, to: recipient, from: index)
        case .setTimer(let id, let due):
            processes[index].timers[id] = due
            queue.push(
                .timer(process: index, life: processes[index].life, id: id, due: due),
                at: max(now, due - processes[index].clockOffset))
        case .cancelTimer(let id): processes[index].timers[id] = nil
        case .evidence(let offender, let first, let firstSignature, let second, let secondSignature):
            try accuse(
                index, CastVote(key: offender, vote: first, signature: firstSignature),
                CastVote(key: offender, vote: second, signature: secondSignature))
        case .release(let id): processes[index].blocks[id] = nil
        }
    }

    /// What a host takes for an answer, in milliseconds.
    private mutating func shortDelay() -> Int64 { plan.script == nil ? random.within(0...3) : 1 }

    mutating func answer(_ index: Int, _ body: ConsensusEvent.Body) {
        queue.push(.event(process: index, life: processes[index].life, body), at: now + shortDelay())
    }

    private mutating func propose(_ index: Int, _ height: UInt64, _ round: UInt32, _ time: Int64) {
        guard processes[index].waiting > 0, height == processes[index].height + 1 else {
            return answer(index, .proposalBuilt(height: height, round: round, headerID: nil, transactions: 0))
        }
        let head = processes[index].disk.chain.last?.block
        let least = (head?.timeMilliseconds ?? 0) + 1
        var blockTime = max(time, least)
        var isGood = true
        if processes[index].treachery == .wrongTimes {
            counts[.wrongTimes] += 1
            blockTime += random.chance(500) ? -random.within(5_000...60_000) : random.within(5_000...60_000)
            blockTime = max(blockTime, least)
        }
        if processes[index].treachery == .badBlocks, random.chance(700) {
            counts[.badProposals] += 1
            isGood = false
        }
        let block = SimulatedBlock(
            id: random.digest(), height: height, parent: head?.id ?? genesis, timeMilliseconds: blockTime, madeAt: now,
            isGood: isGood)
        processes[index].blocks[block.id] = block
        answer(
            index,
            .proposalBuilt(height: height, round: round, headerID: block.id, transactions: processes[index].waiting))
    }

    /// Like a node's: no second vote at a place, and none below the last. Who is treacherous signs anything.
    private mutating func sign(_ vote: ConsensusVote, _ index: Int) throws {
        processes[index].round = max(processes[index].round, vote.round)
        highestRound = max(highestRound, vote.round)
        let key = processes[index].key
        if processes[index].isHonest {
            if let hold = processes[index].disk.signingHold, hold > 0 { return answer(index, .voteUnavailable(vote)) }
            if let last = processes[index].disk.lastVote, last != vote {
                guard (last.height, last.round, last.step.rawValue) < (vote.height, vote.round, vote.step.rawValue)
                else {
                    if processes[index].isAccountable, !processes[index].isDamaged {
                        throw finding(
                            "asks its host to sign \(Trace.text(vote)) after \(Trace.text(last)) (CON-5, CON-6)")
                    }
                    return answer(index, .voteSigned(vote, signature: nil))
                }
            }
            let life = processes[index].life
            let isWritten = write(index) { $0.lastVote = vote }
            guard processes[index].life == life else { return }
            guard isWritten else { return answer(index, .voteUnavailable(vote)) }
            if processes[index].isAccountable {
                let place = VotePlace(key: key, vote)
                if let other = signed[place], other != vote {
                    throw finding("an honest validator signs twice at height \(vote.height), round \(vote.round)")
                }
                signed[place] = vote
            }
        } else {
            write(index) { _ in }
        }
        answer(index, .voteSigned(vote, signature: scheme.sign(key, vote)))
    }
}
