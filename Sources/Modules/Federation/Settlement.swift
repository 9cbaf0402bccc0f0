import Ledger
import Primitives
import Privacy
import Reputation

/// Pay at the end of a round and of a job. Everything comes out of the escrow, and what is left goes back: payments
/// and refund
/// add up to the escrow to the unit.
extension OpenJob {
    /// Pays the round, then opens the next or ends the job.
    mutating func endRound(published: ModelProposal?, _ context: inout ModuleContext) throws(Refusal) {
        try settleRound(published: published, &context)
        if record.isClosing || record.round >= terms.rounds {
            try end(record.round >= terms.rounds ? .completed : .closedEarly, as: .finished, &context)
        } else {
            let next = record.round + 1
            try saveRound(&context)
            try openRound(next, &context)
        }
    }

    /// Ends the job for a reason; whose update was revealed in an open round is paid as far as the round came.
    mutating func abort(_ reason: JobEnd, _ context: inout ModuleContext) throws(Refusal) {
        if let round, round.phase != .settled { try settleRound(published: nil, &context) }
        try end(reason, as: .aborted, &context)
    }

    private func saveRound(_ context: inout ModuleContext) throws(Refusal) {
        if let round { try context.save(round, at: FederationPaths.round(id, record.round)) }
    }

    private mutating func settleRound(published: ModelProposal?, _ context: inout ModuleContext) throws(Refusal) {
        guard let round else { return }
        let before = record.paid
        let parts = try submissions(&context)
        let scores = parts.reduce(UInt64(0)) { sum, part in
            part.record.map { isAccepted($0) ? sum + UInt64($0.scoreMillionths) : sum } ?? sum
        }
        var held = Amount.zero
        for part in parts {
            guard var submission = part.record else { continue }
            try noteWork(submission, part.account, &context)
            let earned = try earnings(submission, scores: scores)
            guard !earned.isZero else { continue }
            let heldBack = try exact { () throws(AmountError) in
                try earned.multiplied(by: UInt128(terms.payment.heldBackMillionths), dividedBy: 1_000_000)
            }
            submission.earned = earned
            submission.heldBack = heldBack
            try save(submission, of: part.account, &context)
            var member = try member(part.account, &context)
            let now = try exact { () throws(AmountError) in try earned.subtracting(heldBack) }
            let waiting = try exact { () throws(AmountError) in try member.heldBack.adding(heldBack) }
            let total = try exact { () throws(AmountError) in try member.paid.adding(now) }
            member.heldBack = waiting
            member.paid = total
            try save(member, &context)
            try pay(part.account, now, heldBack: heldBack, &context)
            held = try exact { () throws(AmountError) in try held.adding(heldBack) }
        }
        try settleAuditors(round, parts, &context)
        if published != nil {
            try pay(record.aggregator, terms.payment.aggregatorFee, heldBack: .zero, &context)
            try Scores.note(record.aggregator, .aggregator, .modelConfirmed, &context)
        }
        if let published {
            let total = record.paid
            let paid = try exact { () throws(AmountError) in try total.subtracting(before).adding(held) }
            try recordLineage(published, previous: round.modelBefore, paid: paid, &context)
        }
        self.round?.phase = .settled
        self.round?.auditorsToDraw = 0
        try context.remove(at: FederationPaths.waitingDraw(id, record.round))
        record.roundsDone += 1
        let (number, model) = (record.round, record.model)
        try FederationEvent.roundSettled.emit(
            id, [record.requester, record.aggregator] + (try accounts(round.participants)), &context, items: 3
        ) { encoder in
            encoder.unsigned(number)
            encoder.link(model)
            encoder.bool(published != nil)
        }
    }

    private func isAccepted(_ submission: SubmissionRecord) -> Bool {
        submission.isAccepted
    }

    /// The base for an update that was accepted, or that nobody judged in time, which is not the member's fault; a
    /// share by score
    /// only if accepted. Rounded down: the rest goes back to the requester.
    private func earnings(_ submission: SubmissionRecord, scores: UInt64) throws(Refusal) -> Amount {
        guard submission.state == .revealed else { return .zero }
        switch submission.outcome {
        case .accepted:
            let payment = terms.payment
            guard scores > 0 else { return payment.base }
            return try exact { () throws(AmountError) in
                try payment.base.adding(
                    try payment.scorePool.multiplied(
                        by: UInt128(submission.scoreMillionths), dividedBy: UInt128(scores)))
            }
        case .undecided, nil: return terms.payment.base
        default: return .zero
        }
    }

    private func noteWork(
        _ submission: SubmissionRecord, _ account: AccountID, _ context: inout ModuleContext
    ) throws(Refusal) {
        guard submission.state == .revealed else { return }
        switch submission.outcome {
        case .accepted: try Scores.note(account, .site, .workAccepted, &context)
        case .lowScore: try Scores.note(account, .site, .workLowScore, &context)
        case .suspectedNoise, .provenReplay, .malformed: try Scores.note(account, .site, .workSuspected, &context)
        case .missing: try Scores.note(account, .site, .missedDeadline, &context)
        case .undecided, nil: break
        }
    }

    /// An auditor is paid for a verdict that agrees with everything that was decided, and loses standing for one that
    /// does not.
    private mutating func settleAuditors(
        _ round: RoundRecord, _ parts: [(index: UInt32, account: AccountID, record: SubmissionRecord?)],
        _ context: inout ModuleContext
    ) throws(Refusal) {
        for item in try verdicts(&context) {
            var agrees = true
            var judged = false
            for part in parts where part.account != item.auditor {
                guard let submission = part.record, submission.state == .revealed, let outcome = submission.outcome,
                    outcome != .undecided
                else { continue }
                let decided = MemberOutcome(
                    member: part.index, outcome: outcome, scoreMillionths: submission.scoreMillionths, evidence: nil)
                judged = true
                agrees =
                    agrees && item.verdict.outcomes.contains { $0.member == part.index && $0.agrees(with: decided) }
            }
            guard judged else { continue }
            try Scores.note(item.auditor, .auditor, agrees ? .verdictWithQuorum : .verdictAgainstQuorum, &context)
            if agrees { try pay(item.auditor, terms.payment.auditorFee, heldBack: .zero, &context) }
        }
        for auditor in round.auditors + round.lostAuditors {
            try AuditorRegister.changeDuties(of: auditor, by: -1, &context)
        }
    }

    private mutating func pay(
        _ account: AccountID, _ amount: Amount, heldBack: Amount, _ context: inout ModuleContext
    ) throws(Refusal) {
        let (paid, fund) = (record.paid, record.payFund)
        record.paid = try exact { () throws(AmountError) in try paid.adding(amount) }
        record.payFund = try exact { () throws(AmountError) in try fund.subtracting(amount) }
        if !amount.isZero { try context.transfer(from: escrow, to: account, amount: amount) }
        let number = record.round
        try FederationEvent.partyPaid.emit(id, [account], &context, items: 3) { encoder in
            encoder.unsigned(number)
            encoder.value(amount)
            encoder.value(heldBack)
        }
    }

    /// Pays what was held back, gives back what is reserved, and refunds the rest of the escrow.
    private mutating func end(
        _ reason: JobEnd, as status: JobStatus, _ context: inout ModuleContext
    ) throws(Refusal) {
        record.status = status
        record.end = reason
        for account in terms.members {
            var member = try member(account, &context)
            if member.status == .active, let dataset = member.dataset {
                try Budget.release(ReleaseBody(dataset: dataset, job: id), owner: account, &context)
            }
            guard !member.heldBack.isZero else { continue }
            let released = member.heldBack
            let (paid, total) = (member.paid, record.paid)
            member.paid = try exact { () throws(AmountError) in try paid.adding(released) }
            member.heldBack = .zero
            record.paid = try exact { () throws(AmountError) in try total.adding(released) }
            try save(member, &context)
            try context.transfer(from: escrow, to: account, amount: released)
            try FederationEvent.heldBackReleased.emit(id, [account], &context, items: 1) { $0.value(released) }
        }
        record.payFund = .zero
        let refund = try sweep(&context)
        // The fee of the transaction that ends the job is settled after it: what comes back of its limit follows at the
        // end of the block.
        try context.save(context.block.height, at: FederationPaths.ending(id))
        let model = record.model
        try FederationEvent.jobEnded.emit(
            id, [record.requester, record.aggregator] + terms.members, &context, items: 3
        ) { encoder in
            encoder.unsigned(reason.rawValue)
            encoder.link(model)
            encoder.value(refund)
        }
    }

    /// Sends whatever the escrow of an ended job holds to the requester.
    @discardableResult
    mutating func sweep(_ context: inout ModuleContext) throws(Refusal) -> Amount {
        let rest = try context.balance(of: escrow)
        guard !rest.isZero else { return .zero }
        let refunded = record.refunded
        record.refunded = try exact { () throws(AmountError) in try refunded.adding(rest) }
        try context.transfer(from: escrow, to: record.requester, amount: rest)
        return rest
    }
}
