import Ledger
import Primitives
import Reputation

/// Results are committed, then revealed, then judged.
extension OpenTask {
    mutating func commit(_ body: TaskCommitBody, _ context: inout ModuleContext) throws(Refusal) {
        try need(.executing)
        let index = try replica(of: context.sender)
        guard record.replicas[index].commitment == nil else {
            throw MarketCode.alreadyAnswered.refusal("the result is committed")
        }
        record.replicas[index].commitment = body.commitment
        try MarketEvent.resultCommitted.emit(id, [context.sender], &context, items: 2) { encoder in
            encoder.unsigned(UInt64(index))
            encoder.digest(body.commitment)
        }
        try openRevealsIfComplete(&context)
    }

    mutating func openRevealsIfComplete(_ context: inout ModuleContext) throws(Refusal) {
        let open = record.replicas.filter { $0.outcome == .open }
        guard !open.isEmpty, open.allSatisfy({ $0.commitment != nil }) else { return }
        let deadline = context.block.timeMilliseconds &+ terms.revealMilliseconds
        record.status = .revealing
        record.deadlineMilliseconds = deadline
        // Whether there is an audit is drawn after the results are fixed, from a beacon that nobody knew then.
        if terms.kind != .benchmark { try wait(&context) }
        try MarketEvent.revealsOpened.emit(id, open.map(\.provider), &context, items: 1) { $0.unsigned(deadline) }
    }

    mutating func reveal(_ body: TaskRevealBody, _ context: inout ModuleContext) throws(Refusal) {
        try need(.revealing)
        if terms.kind != .benchmark, !record.isAuditDrawn,
            let since = try context.load(UInt64.self, at: MarketPaths.waiting(id)), since >= context.block.height
        {
            throw MarketCode.tooEarly.refusal("reveals open in the block after the last commitment")
        }
        let index = try replica(of: context.sender)
        guard record.replicas[index].result == nil else {
            throw MarketCode.alreadyAnswered.refusal("the result is revealed")
        }
        let opened = TaskCommitment.result(
            chain: context.chain, task: id, provider: context.sender, salt: body.salt, result: body.result)
        guard opened == record.replicas[index].commitment else {
            throw MarketCode.commitmentMismatch.refusal("replica \(index)")
        }
        record.replicas[index].result = body.result
        try MarketEvent.resultRevealed.emit(id, [context.sender, record.requester], &context, items: 2) { encoder in
            encoder.unsigned(UInt64(index))
            encoder.link(body.result)
        }
        guard record.replicas.allSatisfy({ $0.outcome != .open || $0.result != nil }) else { return }
        try closeReveals(&context)
    }

    /// Draws whether there is an audit, and the auditors: owners of fitting offers who hold no replica. They are at
    /// hand too in case
    /// the results differ.
    mutating func drawAudit(_ context: inout ModuleContext) throws(Refusal) {
        guard record.status == .revealing || record.status == .judging, !record.isAuditDrawn else { return }
        var least = ReputationRecord.bound
        for replica in record.replicas where replica.outcome == .open {
            least = min(least, try Scores.score(replica.provider, .provider, &context))
        }
        let rate = UInt128(Scores.auditRateMillionths(score: least))
        let number = TaskDraw.number(0, beacon: context.block.beacon, task: id, purpose: "audit")
        record.isAuditDrawn = true
        record.isAudited = number % 1_000_000 < rate
        let offers = try fitting(&context).offers
        let picked = TaskDraw.pick(
            Int(terms.auditors), from: offers, beacon: context.block.beacon, task: id, start: 1_000)
        record.verdicts = picked.map { TaskVerdict(auditor: $0.offer.provider) }
        try context.remove(at: MarketPaths.waiting(id))
        if record.status == .judging { try judge(&context) }
    }

    mutating func closeReveals(_ context: inout ModuleContext) throws(Refusal) {
        let deadline = context.block.timeMilliseconds &+ terms.auditMilliseconds
        record.status = .judging
        record.deadlineMilliseconds = deadline
        for index in record.replicas.indices where record.replicas[index].outcome == .open {
            if record.replicas[index].result == nil { try lose(index, &context) }
        }
        if record.replicas.allSatisfy({ $0.outcome != .open }) { return try settle(&context) }
        try judge(&context)
    }

    /// A benchmark waits for its answer. Otherwise equal results that the beacon does not send to an audit are
    /// accepted, and
    /// everything else waits for auditors; without any, the majority of replicas decides.
    private mutating func judge(_ context: inout ModuleContext) throws(Refusal) {
        guard terms.kind == .benchmark || record.isAuditDrawn else { return }
        if terms.kind != .benchmark {
            let results = Set(record.replicas.filter { $0.outcome == .open }.compactMap(\.result))
            if record.verdicts.isEmpty || (!record.isAudited && results.count == 1) {
                decideByMajority()
                return try settle(&context)
            }
        }
        let (deadline, auditors) = (record.deadlineMilliseconds, record.verdicts.map(\.auditor))
        try MarketEvent.judgementWanted.emit(id, [record.requester] + auditors, &context, items: 1) {
            $0.unsigned(deadline)
        }
    }

    mutating func answer(_ body: AnswerBody, _ context: inout ModuleContext) throws(Refusal) {
        try need(.judging)
        guard context.sender == record.requester else { throw MarketCode.notOwner.refusal("answer") }
        let opened = TaskCommitment.answer(
            chain: context.chain, requester: record.requester, salt: body.salt, result: body.result)
        guard terms.kind == .benchmark, opened == terms.answer else {
            throw MarketCode.answerMismatch.refusal("not what was committed with the task")
        }
        for index in record.replicas.indices where record.replicas[index].outcome == .open {
            record.replicas[index].outcome = record.replicas[index].result == body.result ? .accepted : .rejected
        }
        try settle(&context)
    }

    mutating func takeVerdict(_ body: TaskVerdictBody, _ context: inout ModuleContext) throws(Refusal) {
        try need(.judging)
        guard let index = record.verdicts.firstIndex(where: { $0.auditor == context.sender }) else {
            throw MarketCode.notAuditor.refusal("\(context.sender) is not drawn")
        }
        guard record.verdicts[index].outcomes.isEmpty else {
            throw MarketCode.alreadyAnswered.refusal("the verdict is given")
        }
        guard body.outcomes.count == record.replicas.count,
            zip(body.outcomes, record.replicas).allSatisfy({ outcome, replica in
                replica.outcome == .open ? outcome == .accepted || outcome == .rejected : outcome == .open
            })
        else { throw MarketCode.incompleteVerdict.refusal("accepted or rejected for each revealed result") }
        record.verdicts[index].outcomes = body.outcomes
        try MarketEvent.verdictGiven.emit(id, [context.sender], &context)
        try tally(isLate: false, &context)
    }

    /// More than half of the auditors who can still speak decide a replica; when all have and they are even, replicas
    /// vote.
    mutating func tally(isLate: Bool, _ context: inout ModuleContext) throws(Refusal) {
        let spoken = record.verdicts.filter { !$0.outcomes.isEmpty }
        let voters = isLate ? spoken.count : record.verdicts.count
        var decided = record.replicas.map(\.outcome)
        for index in decided.indices where decided[index] == .open {
            for outcome in [ReplicaOutcome.accepted, .rejected]
            where 2 * spoken.count(where: { $0.outcomes[index] == outcome }) > voters { decided[index] = outcome }
        }
        let isOpen = decided.contains(.open)
        guard !isOpen || isLate || spoken.count == record.verdicts.count else { return }
        for index in decided.indices { record.replicas[index].outcome = decided[index] }
        decideByMajority()
        try settle(&context)
    }

    /// Decides the replicas that nobody has: the result of more than half of all that revealed one is right, unless
    /// auditors have rejected it; without such a majority none is. Replicas that auditors have decided vote, and are
    /// not voted on.
    mutating func decideByMajority() {
        let votes = record.replicas.filter { $0.outcome != .lost && $0.result != nil }
        let winner = votes.first { one in
            one.outcome != .rejected && 2 * votes.count { $0.result == one.result } > votes.count
        }?.result
        for index in record.replicas.indices where record.replicas[index].outcome == .open {
            guard let winner else {
                record.replicas[index].outcome = .undecided
                continue
            }
            record.replicas[index].outcome = record.replicas[index].result == winner ? .accepted : .rejected
        }
    }

    /// A replica whose provider was silent until a deadline.
    mutating func lose(_ index: Int, _ context: inout ModuleContext) throws(Refusal) {
        record.replicas[index].outcome = .lost
        let provider = record.replicas[index].provider
        try Scores.note(provider, .provider, .missedDeadline, &context)
        try giveBack(record.replicas[index].offer, &context)
        try MarketEvent.replicaLost.emit(id, [provider], &context, items: 1) { $0.unsigned(UInt64(index)) }
    }

    func giveBack(_ offer: Digest, _ context: inout ModuleContext) throws(Refusal) {
        guard var record = try context.load(OfferRecord.self, at: MarketPaths.offer(offer)) else { return }
        record.running -= min(record.running, 1)
        try context.save(record, at: MarketPaths.offer(offer))
        try context.save(context.block.height, at: MarketPaths.offersChanged)
    }
}
