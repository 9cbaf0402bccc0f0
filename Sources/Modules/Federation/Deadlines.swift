import Ledger
import Primitives
import Reputation

/// What happens when time has run out. Anyone may say so: the chain's clock decides.
extension OpenJob {
    mutating func advance(_ context: inout ModuleContext) throws(Refusal) {
        let now = context.block.timeMilliseconds
        switch record.status {
        case .inviting:
            guard now > record.acceptDeadlineMilliseconds || record.answered == record.invited else {
                throw FederationCode.tooEarly.refusal(
                    "the invitation stands until \(record.acceptDeadlineMilliseconds)")
            }
            guard record.active >= terms.minimumMembers else { return try abort(.tooFewMembers, &context) }
            try start(&context)
        case .running: try advanceRound(now, &context)
        case .finished, .aborted:
            guard try !sweep(&context).isZero else {
                throw FederationCode.wrongStatus.refusal("the job has ended and its escrow is empty")
            }
        }
    }

    private mutating func advanceRound(_ now: UInt64, _ context: inout ModuleContext) throws(Refusal) {
        guard let round else { throw FederationCode.inconsistentState.refusal("job \(id) runs without a round") }
        // The end of this block draws: all that was missing was a block.
        if round.auditorsToDraw > 0, context.block.height > round.drawSinceHeight { return }
        guard now > round.deadlineMilliseconds else {
            throw FederationCode.tooEarly.refusal("the phase lasts until \(round.deadlineMilliseconds)")
        }
        switch round.phase {
        case .commit: try closeCommits(&context)
        case .reveal: try closeReveals(&context)
        case .audit: try advanceAudit(&context)
        case .propose:
            if round.isAggregatorLost { return try abort(.aggregatorLost, &context) }
            try Scores.note(record.aggregator, .aggregator, .missedDeadline, &context)
            try loseAggregator(&context)
        case .confirm: try advanceConfirmation(round, &context)
        case .settled: throw FederationCode.inconsistentState.refusal("job \(id) runs with a settled round")
        }
    }

    private mutating func advanceAudit(_ context: inout ModuleContext) throws(Refusal) {
        let (id, number) = (self.id, record.round)
        _ = try loseAuditors(&context) { (auditor, context) throws(Refusal) in
            try context.load(VerdictRecord.self, at: FederationPaths.verdict(id, number, auditor)) == nil
        }
        // With fewer auditors the rest may be enough already; if not, the tally asks for a larger draw.
        try tally(&context)
    }

    private mutating func advanceConfirmation(
        _ round: RoundRecord, _ context: inout ModuleContext
    ) throws(Refusal) {
        let number = record.round
        let lost = try loseAuditors(&context) { (auditor, _) throws(Refusal) in
            !round.confirmedBy.contains(auditor) && !round.rejectedBy.contains(auditor)
        }
        try decideProposal(&context)
        guard self.round?.phase == .confirm, record.status == .running, record.round == number else { return }
        guard try askForLargerDraw(lost: lost, &context) else { return try abort(.modelNotConfirmed, &context) }
        self.round?.deadlineMilliseconds = context.block.timeMilliseconds &+ terms.deadlines.confirmMilliseconds
    }
}
