import Ledger
import Primitives
import Reputation

/// Members open their commitments; the ledger itself sees what is proven.
extension OpenJob {
    mutating func reveal(_ body: RevealBody, _ context: inout ModuleContext) throws(Refusal) {
        let account = context.sender
        let round = try needRound(body.round, .reveal ... .reveal)
        guard context.block.height > round.commitClosedHeight else {
            throw FederationCode.tooEarly.refusal("reveals open in the block after the commit phase closed")
        }
        let member = try member(account, &context)
        guard var submission = try submission(account, &context), let commitment = submission.commitment else {
            throw FederationCode.notCommitted.refusal("nothing was committed in round \(body.round)")
        }
        guard submission.state == .committed else {
            throw FederationCode.alreadyAnswered.refusal("the member's part is \(submission.state)")
        }
        submission.update = body.update
        submission.size = body.size
        let opened = Commitment.digest(
            chain: context.chain, job: id, round: body.round, member: account, salt: body.salt, update: body.update)
        let seenPath = FederationPaths.seen(id, body.update)
        let seen = try context.load(SeenUpdate.self, at: seenPath)
        if opened != commitment {
            try slash(account, .falselyOpened, submission, &context)
        } else if let seen, seen.round < body.round {
            // Published in an earlier round, so whoever commits to it now knew it.
            try slash(account, .replayed, submission, &context)
        } else if seen != nil {
            // Who copied from whom within a round is not proven, so nobody is slashed.
            throw FederationCode.updateAlreadyRevealed.refusal("another member revealed \(body.update)")
        } else {
            try context.save(SeenUpdate(round: body.round, member: member.index), at: seenPath)
            submission.state = .revealed
            try save(submission, of: account, &context)
            if member.missedInARow > 0 {
                var member = member
                member.missedInARow = 0
                try save(member, &context)
            }
            try FederationEvent.memberRevealed.emit(id, [account, record.aggregator], &context, items: 4) { encoder in
                encoder.unsigned(body.round)
                encoder.unsigned(member.index)
                encoder.link(body.update)
                encoder.unsigned(body.size)
            }
        }
        try closeRevealsIfComplete(&context)
    }

    /// A proven fault: out of the job, held-back pay forfeited, the rest of the reservation given back.
    mutating func slash(
        _ account: AccountID, _ state: SubmissionState, _ submission: SubmissionRecord?, _ context: inout ModuleContext
    ) throws(Refusal) {
        var member = try member(account, &context)
        if var submission {
            submission.state = state
            try save(submission, of: account, &context)
        }
        let forfeited = member.heldBack
        member.forfeited = forfeited
        member.heldBack = .zero
        try leave(&member, as: .slashed, &context)
        try save(member, &context)
        try Scores.note(account, .site, .provenFault, &context)
        let number = record.round
        try FederationEvent.memberSlashed.emit(id, [record.requester, account], &context, items: 4) { encoder in
            encoder.unsigned(number)
            encoder.unsigned(member.index)
            encoder.unsigned(state.rawValue)
            encoder.value(forfeited)
        }
    }

    mutating func closeRevealsIfComplete(_ context: inout ModuleContext) throws(Refusal) {
        guard round?.phase == .reveal else { return }
        for submission in try submissions(&context) where submission.record?.state == .committed { return }
        try closeReveals(&context)
    }

    /// Drops who did not reveal, and opens the audit; without a single update the round is over.
    mutating func closeReveals(_ context: inout ModuleContext) throws(Refusal) {
        var revealed = 0
        for submission in try submissions(&context) {
            guard let part = submission.record else { continue }
            if part.state == .committed { try drop(submission.index, submission.account, part, &context) }
            if part.state == .revealed { revealed += 1 }
        }
        guard revealed > 0 else { return try endRound(published: nil, &context) }
        let deadline = context.block.timeMilliseconds &+ terms.deadlines.auditMilliseconds
        round?.phase = .audit
        round?.deadlineMilliseconds = deadline
        let number = record.round
        try FederationEvent.revealsClosed.emit(
            id, [record.aggregator] + (round?.auditors ?? []), &context, items: 3
        ) { encoder in
            encoder.unsigned(number)
            encoder.unsigned(UInt64(revealed))
            encoder.unsigned(deadline)
        }
    }

    /// The data owner takes its data out at once. What was revealed stays, and is paid; pay that is held back comes
    /// at the end.
    mutating func withdraw(_ context: inout ModuleContext) throws(Refusal) {
        let account = context.sender
        guard !record.status.hasEnded else { throw FederationCode.wrongStatus.refusal("the job has ended") }
        var member = try member(account, &context)
        guard member.status == .active || member.status == .invited else {
            throw FederationCode.alreadyAnswered.refusal("the member is \(member.status)")
        }
        if member.status == .invited { record.answered += 1 }
        try leave(&member, as: .withdrawn, &context)
        member.reason = SiteReason.ownerDecision.rawValue
        try save(member, &context)
        try FederationEvent.memberWithdrawn.emit(
            id, [record.requester, record.aggregator, account], &context, items: 1
        ) { $0.unsigned(member.index) }
        guard let round, round.phase < .audit, round.participants.contains(member.index) else { return }
        let part = try submission(account, &context)
        if part == nil || part?.state == .committed {
            try drop(member.index, account, part ?? SubmissionRecord(.dropped), &context)
        }
        try closeCommitsIfComplete(&context)
        try closeRevealsIfComplete(&context)
    }

    /// Two signed statements for one round that name different updates.
    mutating func takeEvidence(_ body: EvidenceBody, _ context: inout ModuleContext) throws(Refusal) {
        try needStatus(.running)
        let member = try member(body.member, &context)
        guard member.status != .slashed else {
            throw FederationCode.alreadyAnswered.refusal("the member was slashed before")
        }
        let first = UpdateStatement(
            chain: context.chain, job: id, round: body.round, member: body.member, update: body.first)
        let second = UpdateStatement(
            chain: context.chain, job: id, round: body.round, member: body.member, update: body.second)
        guard body.first != body.second, first.isSigned(by: body.firstSignature),
            second.isSigned(by: body.secondSignature)
        else { throw FederationCode.invalidEvidence.refusal("the statements do not contradict each other") }
        let isOpen = round?.phase != .settled && round?.participants.contains(member.index) == true
        try slash(
            body.member, .equivocated,
            isOpen ? try submission(body.member, &context) ?? SubmissionRecord(.equivocated) : nil, &context)
        try closeCommitsIfComplete(&context)
        try closeRevealsIfComplete(&context)
        guard let phase = round?.phase else { return }
        if phase == .audit { try tally(&context) }
        if phase == .propose, try acceptedMembers(&context).isEmpty { try endRound(published: nil, &context) }
    }
}
