import Ledger
import Primitives
import Privacy
import Reputation

/// A global model is published in two phases: the aggregator proposes, and drawn auditors that computed the same
/// confirm.
extension OpenJob {
    mutating func propose(_ body: ProposeBody, _ context: inout ModuleContext) throws(Refusal) {
        guard context.sender == record.aggregator else { throw FederationCode.notAggregator.refusal("propose") }
        _ = try needRound(body.round, .propose ... .propose)
        let included = body.proposal.included
        let accepted = Set(try acceptedMembers(&context))
        guard !accepted.isEmpty else { throw FederationCode.nothingAccepted.refusal("no update was accepted") }
        guard !included.isEmpty, zip(included, included.dropFirst()).allSatisfy({ $0 < $1 }),
            included.allSatisfy({ accepted.contains($0) })
        else { throw FederationCode.invalidInclusion.refusal("accepted members, ascending, each once") }
        let deadline = context.block.timeMilliseconds &+ terms.deadlines.confirmMilliseconds
        round?.phase = .confirm
        round?.deadlineMilliseconds = deadline
        round?.proposal = body.proposal
        round?.confirmedBy = []
        round?.rejectedBy = []
        try FederationEvent.modelProposed.emit(
            id, (round?.auditors ?? []) + [record.aggregator], &context, items: 4
        ) { encoder in
            encoder.unsigned(body.round)
            encoder.link(body.proposal.model)
            encoder.digest(body.proposal.root)
            encoder.unsigned(deadline)
        }
    }

    mutating func confirm(_ body: ConfirmBody, _ context: inout ModuleContext) throws(Refusal) {
        let auditor = context.sender
        let round = try needRound(body.round, .confirm ... .confirm)
        guard round.auditors.contains(auditor) else {
            throw FederationCode.notAuditor.refusal("not drawn for round \(body.round)")
        }
        guard !round.confirmedBy.contains(auditor), !round.rejectedBy.contains(auditor) else {
            throw FederationCode.alreadyAnswered.refusal("the model is confirmed or rejected by this auditor")
        }
        guard body.model == round.proposal?.model, body.root == round.proposal?.root else {
            throw FederationCode.proposalMismatch.refusal("another model is proposed")
        }
        if body.isEqual { self.round?.confirmedBy.append(auditor) } else { self.round?.rejectedBy.append(auditor) }
        try decideProposal(&context)
    }

    mutating func decideProposal(_ context: inout ModuleContext) throws(Refusal) {
        guard let round, round.phase == .confirm, round.auditorsToDraw == 0, let proposal = round.proposal else {
            return
        }
        let needed = round.needed(quorum: terms.quorum)
        if round.confirmedBy.count >= needed { return try publish(proposal, &context) }
        // Rejected as soon as those who have not spoken could not make a quorum any more.
        guard round.auditors.count - round.rejectedBy.count < needed, round.rejectedBy.count > round.confirmedBy.count
        else { return }
        let number = record.round
        try FederationEvent.modelRejected.emit(id, round.auditors + [record.aggregator], &context, items: 2) {
            encoder in
            encoder.unsigned(number)
            encoder.link(proposal.model)
        }
        try Scores.note(record.aggregator, .aggregator, .modelRejected, &context)
        self.round?.attempts += 1
        backToProposing(&context)
        if round.attempts + 1 >= RoundRecord.maximumAttempts { try loseAggregator(&context) }
    }

    /// The aggregator did not deliver: the requester may name another until the next deadline.
    mutating func loseAggregator(_ context: inout ModuleContext) throws(Refusal) {
        backToProposing(&context)
        round?.isAggregatorLost = true
        let number = record.round
        let deadline = round?.deadlineMilliseconds ?? 0
        try FederationEvent.aggregatorLost.emit(id, [record.requester, record.aggregator], &context, items: 2) {
            encoder in
            encoder.unsigned(number)
            encoder.unsigned(deadline)
        }
    }

    mutating func replaceAggregator(_ body: ReplaceBody, _ context: inout ModuleContext) throws(Refusal) {
        guard context.sender == record.requester else {
            throw FederationCode.notRequester.refusal("replace_aggregator")
        }
        let round = try needRound(record.round, .propose ... .propose)
        guard round.isAggregatorLost else { throw FederationCode.tooEarly.refusal("the aggregator is not lost") }
        guard !round.auditors.contains(body.aggregator) else {
            throw FederationCode.auditorBusy.refusal("an auditor of this round cannot confirm its own model")
        }
        record.aggregator = body.aggregator
        backToProposing(&context)
        self.round?.isAggregatorLost = false
        self.round?.attempts = 0
        try FederationEvent.aggregatorReplaced.emit(id, [record.requester, body.aggregator], &context, items: 1) {
            $0.value(body.aggregator)
        }
    }

    private mutating func backToProposing(_ context: inout ModuleContext) {
        round?.phase = .propose
        round?.proposal = nil
        round?.confirmedBy = []
        round?.rejectedBy = []
        round?.deadlineMilliseconds = context.block.timeMilliseconds &+ terms.deadlines.proposeMilliseconds
    }

    private mutating func publish(_ proposal: ModelProposal, _ context: inout ModuleContext) throws(Refusal) {
        record.model = proposal.model
        round?.modelAfter = proposal.model
        let number = record.round
        try FederationEvent.modelPublished.emit(
            id, [record.aggregator] + (try accounts(round?.participants ?? [])), &context, items: 3
        ) { encoder in
            encoder.unsigned(number)
            encoder.link(proposal.model)
            encoder.digest(proposal.root)
        }
        try endRound(published: proposal, &context)
    }

    /// Writes down where the model comes from.
    func recordLineage(
        _ proposal: ModelProposal, previous: CID, paid: Amount, _ context: inout ModuleContext
    ) throws(Refusal) {
        var updates: [CID] = []
        var evidence: [CID] = []
        var cost = CostVector.zero
        for index in proposal.included {
            let account = try account(index)
            guard let part = try submission(account, &context), let update = part.update,
                let commitment = part.commitment, let dataset = try member(account, &context).dataset
            else { throw FederationCode.inconsistentState.refusal("member \(index) of job \(id)") }
            updates.append(update)
            if let item = part.evidence, !evidence.contains(item) { evidence.append(item) }
            let path = PrivacyPaths.spend(
                dataset: dataset, job: id, round: record.round, commitment: commitment)
            if let spend = try context.load(SpendRecord.self, at: path) { cost = cost.maximum(spend.cost) }
        }
        let lineage = LineageRecord(
            model: proposal.model, root: proposal.root, previous: previous,
            included: try accounts(proposal.included), updates: updates, evidence: evidence, cost: cost.values,
            paid: paid, height: context.block.height)
        try context.save(lineage, at: FederationPaths.lineage(id, record.round))
    }
}
