import Ledger
import Primitives
import Privacy
import Reputation

/// From the submission of a job to its first round.
extension OpenJob {
    static func submit(_ body: SubmitBody, _ context: inout ModuleContext) throws(Refusal) {
        let terms = body.terms
        try terms.check()
        let requester = context.sender
        let largestPay = try exact { () throws(AmountError) in try terms.largestPay() }
        let required = try exact { () throws(AmountError) in try terms.requiredEscrow() }
        guard body.escrow >= required else {
            throw FederationCode.escrowTooSmall.refusal("\(required) are needed, not \(body.escrow)")
        }
        let id = context.transactionID
        let record = JobRecord(
            requester: requester, terms: terms, payFund: largestPay, now: context.block.timeMilliseconds)
        let job = OpenJob(id, terms: terms, record: record)
        try context.transfer(from: requester, to: job.escrow, amount: body.escrow)
        try context.save(terms, at: FederationPaths.terms(id))
        try context.save(id, at: FederationPaths.escrow(job.escrow))
        for index in terms.members.indices { try job.save(MemberRecord(index: UInt32(index)), &context) }
        try job.save(&context)
        try FederationEvent.jobSubmitted.emit(
            id, [requester, terms.aggregator] + terms.members, &context, items: 1
        ) { $0.value(body.escrow) }
    }

    mutating func accept(_ body: AcceptBody, _ context: inout ModuleContext) throws(Refusal) {
        try needStatus(.inviting)
        let account = context.sender
        var member = try invitedMember(account, &context)
        guard (1...terms.rounds).contains(body.rounds) else {
            throw FederationCode.invalidRounds.refusal("\(body.rounds) of \(terms.rounds) rounds")
        }
        guard try Scores.tier(account, .site, &context) > .barred else {
            throw FederationCode.barred.refusal("\(account)")
        }
        let dataset = try Budget.dataset(body.dataset, ownedBy: account, &context)
        guard dataset.unit == terms.guarantee.unit, dataset.relation == terms.guarantee.relation,
            terms.guarantee.deltaTrillionths <= dataset.deltaTrillionths
        else { throw PrivacyCode.guaranteeMismatch.refusal("unit, relation or delta") }
        try Budget.reserve(
            ReserveBody(dataset: body.dataset, job: id, costPerRound: terms.costPerRound, rounds: body.rounds),
            owner: account, &context)
        member.status = .active
        member.dataset = body.dataset
        member.policy = body.policy
        member.roundsReserved = body.rounds
        member.sizeBand = dataset.sizeBand
        try save(member, &context)
        record.answered += 1
        record.active += 1
        try FederationEvent.memberAccepted.emit(id, [record.requester, account], &context, items: 3) { encoder in
            encoder.unsigned(member.index)
            encoder.digest(body.dataset)
            encoder.unsigned(body.rounds)
        }
        try sayWhetherReady(&context)
    }

    /// Before the job: round 0.
    mutating func refuseJob(_ body: RefuseBody, _ context: inout ModuleContext) throws(Refusal) {
        try needStatus(.inviting)
        let account = context.sender
        var member = try invitedMember(account, &context)
        member.status = .refused
        member.reason = body.reason
        try save(member, &context)
        record.answered += 1
        try sayRefused(member.index, account, round: 0, reason: body.reason, &context)
        try sayWhetherReady(&context)
    }

    /// The requester or the aggregator once all have answered; anyone after the deadline.
    mutating func start(_ context: inout ModuleContext) throws(Refusal) {
        try needStatus(.inviting)
        let isLate = context.block.timeMilliseconds > record.acceptDeadlineMilliseconds
        let allAnswered = record.answered == record.invited
        guard isLate || allAnswered else {
            throw FederationCode.tooEarly.refusal("\(record.invited - record.answered) members have not answered")
        }
        guard isLate || context.sender == record.requester || context.sender == record.aggregator else {
            throw FederationCode.notRequester.refusal("the requester or the aggregator starts a job")
        }
        guard record.active >= terms.minimumMembers else {
            throw FederationCode.tooFewMembers.refusal("\(record.active) of at least \(terms.minimumMembers)")
        }
        // Asked now and not at the submission: members register as auditors when they accept.
        guard try candidates(drawn: [], &context).count >= Int(terms.quorum) else {
            return try abort(.tooFewAuditors, &context)
        }
        record.status = .running
        try openRound(1, &context)
    }

    /// The requester wants no round after the current one.
    mutating func close(_ context: inout ModuleContext) throws(Refusal) {
        guard context.sender == record.requester else { throw FederationCode.notRequester.refusal("close") }
        try needStatus(.running)
        guard !record.isClosing else { throw FederationCode.alreadyAnswered.refusal("the job closes already") }
        record.isClosing = true
        try FederationEvent.jobClosing.emit(id, [record.requester], &context)
    }

    func sayRefused(
        _ index: UInt32, _ account: AccountID, round: UInt32, reason: UInt32, _ context: inout ModuleContext
    ) throws(Refusal) {
        try FederationEvent.memberRefused.emit(
            id, [record.requester, record.aggregator, account], &context, items: 3
        ) { encoder in
            encoder.unsigned(index)
            encoder.unsigned(round)
            encoder.unsigned(reason)
        }
    }

    private func invitedMember(_ account: AccountID, _ context: inout ModuleContext) throws(Refusal) -> MemberRecord {
        let member = try member(account, &context)
        guard context.block.timeMilliseconds <= record.acceptDeadlineMilliseconds else {
            throw FederationCode.deadlinePassed.refusal("the invitation is over")
        }
        guard member.status == .invited else {
            throw FederationCode.alreadyAnswered.refusal("the member is \(member.status)")
        }
        return member
    }

    private func sayWhetherReady(_ context: inout ModuleContext) throws(Refusal) {
        guard record.answered == record.invited else { return }
        try FederationEvent.jobReady.emit(id, [record.requester, record.aggregator], &context)
    }
}
