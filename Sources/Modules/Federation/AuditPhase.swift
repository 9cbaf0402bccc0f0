import Ledger
import Primitives

/// Auditors judge; equal outcomes decide.
extension OpenJob {
    /// Also taken while the model is published, so that a verdict that comes after the quorum is paid all the same.
    mutating func takeVerdict(_ body: VerdictBody, _ context: inout ModuleContext) throws(Refusal) {
        let auditor = context.sender
        let round = try needRound(body.round, .audit ... .confirm)
        guard round.auditors.contains(auditor) else {
            throw FederationCode.notAuditor.refusal("not drawn for round \(body.round)")
        }
        let path = FederationPaths.verdict(id, body.round, auditor)
        guard try context.load(VerdictRecord.self, at: path) == nil else {
            throw FederationCode.alreadyAnswered.refusal("the verdict is given")
        }
        try checkVerdict(body.outcomes, &context)
        try context.save(VerdictRecord(outcomes: body.outcomes, height: context.block.height), at: path)
        try FederationEvent.verdictGiven.emit(id, [auditor, record.aggregator], &context, items: 1) {
            $0.unsigned(body.round)
        }
        if round.phase == .audit { try tally(&context) }
    }

    private func checkVerdict(_ outcomes: [MemberOutcome], _ context: inout ModuleContext) throws(Refusal) {
        guard zip(outcomes, outcomes.dropFirst()).allSatisfy({ $0.member < $1.member }) else {
            throw FederationCode.incompleteVerdict.refusal("members ascending, each once")
        }
        for outcome in outcomes where outcome.outcome == .undecided || outcome.scoreMillionths > 1_000_000 {
            throw FederationCode.invalidOutcome.refusal("member \(outcome.member)")
        }
        let judged = Set(outcomes.map(\.member))
        var known: Set<UInt32> = []
        for part in try submissions(&context) where part.record?.update != nil {
            known.insert(part.index)
            guard part.record?.state != .revealed || judged.contains(part.index) else {
                throw FederationCode.incompleteVerdict.refusal("member \(part.index) revealed an update")
            }
        }
        guard judged.isSubset(of: known) else {
            throw FederationCode.incompleteVerdict.refusal("a member that revealed nothing")
        }
    }

    func verdicts(
        _ context: inout ModuleContext
    ) throws(Refusal) -> [(auditor: AccountID, verdict: VerdictRecord)] {
        var all: [(auditor: AccountID, verdict: VerdictRecord)] = []
        for auditor in round?.auditors ?? [] {
            let path = FederationPaths.verdict(id, record.round, auditor)
            if let verdict = try context.load(VerdictRecord.self, at: path) { all.append((auditor, verdict)) }
        }
        return all
    }

    /// Decides every member for whom enough auditors other than itself say the same. A decision stands, whatever
    /// comes later.
    /// If all have spoken and a member is undecided, a larger draw follows; after the largest it stays undecided.
    mutating func tally(_ context: inout ModuleContext) throws(Refusal) {
        guard let round, round.phase == .audit, round.auditorsToDraw == 0 else { return }
        let verdicts = try verdicts(&context)
        let needed = round.needed(quorum: terms.quorum)
        var open: [(account: AccountID, record: SubmissionRecord)] = []
        for part in try submissions(&context) {
            guard var submission = part.record, submission.state == .revealed, submission.outcome == nil else {
                continue
            }
            var said: [MemberOutcome] = []
            for item in verdicts where item.auditor != part.account {
                said += item.verdict.outcomes.filter { $0.member == part.index }
            }
            let decided = said.first { candidate in
                said.count { $0.agrees(with: candidate) } >= needed
            }
            if let decided {
                submission.outcome = decided.outcome
                submission.scoreMillionths = decided.scoreMillionths
                submission.evidence = decided.evidence
                try save(submission, of: part.account, &context)
            } else {
                open.append((part.account, submission))
            }
        }
        if open.isEmpty { return try closeAudit(&context) }
        guard verdicts.count == round.auditors.count else { return }
        if try askForLargerDraw(lost: 0, &context) { return }
        // Without a single auditor nothing was checked, and nothing can be published.
        guard !verdicts.isEmpty else { return try abort(.tooFewAuditors, &context) }
        for var part in open {
            part.record.outcome = .undecided
            try save(part.record, of: part.account, &context)
        }
        try closeAudit(&context)
    }

    /// Indices of the members whose updates were accepted, ascending.
    func acceptedMembers(_ context: inout ModuleContext) throws(Refusal) -> [UInt32] {
        try submissions(&context).filter { $0.record?.isAccepted == true }.map(\.index)
    }

    private mutating func closeAudit(_ context: inout ModuleContext) throws(Refusal) {
        var decided: [MemberOutcome] = []
        for part in try submissions(&context) {
            guard let submission = part.record, submission.state == .revealed, let outcome = submission.outcome else {
                continue
            }
            decided.append(
                MemberOutcome(
                    member: part.index, outcome: outcome, scoreMillionths: submission.scoreMillionths, evidence: nil))
        }
        let deadline = context.block.timeMilliseconds &+ terms.deadlines.proposeMilliseconds
        let number = record.round
        try FederationEvent.verdictsDecided.emit(
            id, [record.aggregator] + (try accounts(round?.participants ?? [])), &context, items: 3
        ) { encoder in
            encoder.unsigned(number)
            encoder.array(count: decided.count)
            for item in decided {
                encoder.array(count: 3)
                encoder.unsigned(item.member)
                encoder.unsigned(item.outcome.rawValue)
                encoder.unsigned(item.scoreMillionths)
            }
            encoder.unsigned(deadline)
        }
        guard decided.contains(where: { $0.outcome == .accepted }) else {
            return try endRound(published: nil, &context)
        }
        round?.phase = .propose
        round?.deadlineMilliseconds = deadline
    }
}
