internal import PluginHost
internal import Primitives

extension SimulatedNetwork {
    /// One event, and what the engine asks for.
    mutating func feed(_ index: Int, _ body: ConsensusEvent.Body, with block: SimulatedBlock? = nil) throws {
        guard let engine = actors[index].engine else { return }
        steps += 1
        let time = max(actors[index].lastTime, now + actors[index].skew)
        actors[index].lastTime = time
        let isNew = block.map { actors[index].blocks[$0.id] == nil } ?? false
        if isNew, let block { actors[index].blocks[block.id] = block }
        let life = actors[index].life
        let effects = try ConsensusEffect.decode(
            try engine.step(ConsensusEvent(timeMilliseconds: time, body).encoded()), plugin: "simulated")
        var isAsked = false
        for effect in effects {
            if case .validate(_, _, let id) = effect, id == block?.id { isAsked = true }
            try apply(effect, index)
            // The process ended at that write: nothing of what follows happens.
            if actors[index].life != life { return }
        }
        if isNew, !isAsked, let block { actors[index].blocks[block.id] = nil }
    }

    private mutating func apply(_ effect: ConsensusEffect, _ index: Int) throws {
        switch effect {
        case .propose(let height, let round, let time): propose(index, height, round, time)
        case .validate(let height, let round, let id):
            let block = actors[index].blocks[id]
            let parent = actors[index].disk.chain.last?.block.id ?? genesis
            let isValid = block.map { $0.isGood && $0.height == height && $0.parent == parent } ?? false
            answer(
                index,
                .validated(
                    height: height, round: round, headerID: id, valid: isValid, code: isValid ? 0 : 3,
                    blockTimeMilliseconds: block?.timeMilliseconds ?? 0))
        case .signVote(let vote): try sign(vote, index)
        case .decide(let height, let round, let id, let signatures):
            guard height == actors[index].height + 1, let block = actors[index].blocks[id] else {
                throw finding("decides block \(id) of height \(height), which its host does not have (CON-4)")
            }
            let decision = DecidedBlock(block: block, round: round, certificate: signatures)
            try check(decision)
            queue.push(
                .stored(actor: index, life: actors[index].life, decision, byCertificate: false),
                at: now + random.within(0...3))
            writeMayCrash(index)
        case .persist(let state, let ids):
            let stable = actors[index].disk
            actors[index].disk.state = state
            actors[index].disk.kept = [:]
            for id in ids { actors[index].disk.kept[id] = actors[index].blocks[id] }
            if plan.faults.lostSync, random.chance(700) { actors[index].syncedDisk = stable }
            writeMayCrash(index)
        case .send(let recipient, let message): send(message, to: recipient, from: index)
        case .setTimer(let id, let time):
            actors[index].timers[id] = time
            let due = max(now, time - actors[index].skew)
            queue.push(.timer(actor: index, life: actors[index].life, id: id, due: time), at: due)
        case .cancelTimer(let id): actors[index].timers[id] = nil
        case .evidence(let offender, let first, let firstSignature, let second, let secondSignature):
            try accuse(
                index, CastVote(key: offender, vote: first, signature: firstSignature),
                CastVote(key: offender, vote: second, signature: secondSignature))
        case .release(let id): actors[index].blocks[id] = nil
        }
    }

    /// A crash at a write, while faults are on.
    private mutating func writeMayCrash(_ index: Int) {
        if areFaultsOn, actors[index].isHonest, random.chance(plan.faults.crashes) { crash(index) }
    }

    private mutating func answer(_ index: Int, _ body: ConsensusEvent.Body) {
        queue.push(.event(actor: index, life: actors[index].life, body), at: now + random.within(0...3))
    }

    private mutating func propose(_ index: Int, _ height: UInt64, _ round: UInt32, _ time: Int64) {
        guard actors[index].waiting > 0, height == actors[index].height + 1 else {
            return answer(index, .proposalBuilt(height: height, round: round, headerID: nil, transactions: 0))
        }
        let head = actors[index].disk.chain.last?.block
        var blockTime = max(time, (head?.timeMilliseconds ?? 0) + 1)
        if actors[index].treachery == .wrongTimes {
            blockTime += random.chance(500) ? -random.within(5_000...60_000) : random.within(5_000...60_000)
            blockTime = max(blockTime, (head?.timeMilliseconds ?? 0) + 1)
        }
        let block = SimulatedBlock(
            id: random.digest(), height: height, parent: head?.id ?? genesis, timeMilliseconds: blockTime, madeAt: now,
            isGood: actors[index].treachery != .badBlocks)
        actors[index].blocks[block.id] = block
        answer(
            index,
            .proposalBuilt(height: height, round: round, headerID: block.id, transactions: actors[index].waiting))
    }

    /// Like a node's: no second vote at a place, and none below the last. Who is treacherous signs anything.
    private mutating func sign(_ vote: ConsensusVote, _ index: Int) throws {
        let key = actors[index].key
        if actors[index].isHonest {
            if areFaultsOn, random.chance(plan.faults.fullDisk) { return answer(index, .voteUnavailable(vote)) }
            if let last = actors[index].disk.lastVote, last != vote {
                let isLater =
                    (last.height, last.round, last.step.rawValue) < (vote.height, vote.round, vote.step.rawValue)
                guard isLater else { return answer(index, .voteSigned(vote, signature: nil)) }
            }
            let stable = actors[index].disk
            actors[index].disk.lastVote = vote
            if plan.faults.lostSync, random.chance(700) { actors[index].syncedDisk = stable }
            let place = VotePlace(scheme.keys[key], vote)
            if let other = signed[place], other != vote {
                throw finding("an honest validator signs twice at height \(vote.height), round \(vote.round)")
            }
            signed[place] = vote
        }
        answer(index, .voteSigned(vote, signature: scheme.sign(key, vote)))
        writeMayCrash(index)
    }

    mutating func commit(_ decision: DecidedBlock, _ index: Int, byCertificate: Bool) throws {
        guard decision.block.height == actors[index].height + 1 else { return }
        if byCertificate { try check(decision) }
        let block = decision.block
        if actors[index].isHonest {
            if let other = decided[block.height], other != block.id {
                hasForked = true
                guard plan.expectsForks else { throw finding("two blocks are decided at height \(block.height)") }
            }
            decided[block.height] = decided[block.height] ?? block.id
            decisionRounds[block.height] = decision.round
            try checkBlock(decision)
        }
        actors[index].disk.chain.append(decision)
        actors[index].blocks = [:]
        actors[index].delivered = [:]
        // Without faults, all have the same transactions.
        let isBusy = areFaultsOn ? random.chance(300) : block.height % 3 == 0
        actors[index].waiting = isBusy ? 1 : 0
        actors[index].syncedDisk = actors[index].disk
        try feed(
            index,
            .blockCommitted(
                height: block.height, headerID: block.id, blockTimeMilliseconds: block.timeMilliseconds,
                byCertificate: byCertificate, transactionsWaiting: actors[index].waiting, validators: nil,
                threshold: 0))
    }

    // MARK: Messages

    private mutating func send(_ message: ConsensusEffect.Message, to recipient: PublicKey?, from index: Int) {
        if actors[index].treachery == .silent { return }
        let block = message.attachment.flatMap { actors[index].blocks[$0] }
        for other in actors.indices where actors[other].key != actors[index].key {
            if let recipient, scheme.keys[actors[other].key] != recipient { continue }
            guard areConnected(index, other) else { continue }
            let copies =
                areFaultsOn ? (random.chance(plan.faults.lost) ? 0 : random.chance(plan.faults.doubled) ? 2 : 1) : 1
            for _ in 0..<copies {
                let delay = areFaultsOn ? random.within(plan.faults.delay) : random.within(1...20)
                queue.push(.message(actor: other, from: index, message, block: block), at: now + delay)
            }
        }
    }

    mutating func deliver(
        _ message: ConsensusEffect.Message, _ block: SimulatedBlock?, from: Int, to index: Int
    ) throws {
        guard actors[index].engine != nil, message.votes.allSatisfy(scheme.isValid) else { return }
        for cast in message.votes { record(cast, at: index) }
        try feed(
            index,
            .message(
                sender: scheme.keys[actors[from].key], attachment: block?.id, votes: message.votes,
                payload: message.payload), with: block)
    }

    /// Nonsense, strangers and far rounds.
    mutating func flood(from index: Int) {
        let key = actors[index].key
        for _ in 0..<8 {
            var vote = ConsensusVote(
                chain: chain, height: actors[index].height + random.below(3), round: UInt32(random.below(1 << 31)),
                step: .prepare, headerID: random.digest())
            if random.chance(300) { vote.round = UInt32(random.below(20)) }
            if random.chance(300) { vote.step = .commit }
            var cast = CastVote(
                key: scheme.keys[key], vote: vote, signature: scheme.sign(key, vote) ?? Self.noSignature(&random))
            if random.chance(200) { cast.key = PublicKey(bytes: random.bytes(32)) ?? cast.key }
            if random.chance(300) { cast.signature = Self.noSignature(&random) }
            let kinds: [[UInt8]] = [[1, 1], [1, 2], [1, 4], random.bytes(60)]
            let payload = kinds[Int(random.below(4))]
            send(
                ConsensusEffect.Message(attachment: nil, votes: [cast], payload: payload, priority: .vote), to: nil,
                from: index)
        }
    }

    private static func noSignature(_ random: inout SeededRandom) -> Signature {
        while true { if let signature = Signature(bytes: random.bytes(64)) { return signature } }
    }
}
