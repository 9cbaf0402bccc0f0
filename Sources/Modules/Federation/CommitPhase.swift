import Ledger
import Primitives
import Privacy
import Reputation

/// A round opens, and members commit or refuse.
extension OpenJob {
    /// Ends the job instead if too few members are left.
    mutating func openRound(_ number: UInt32, _ context: inout ModuleContext) throws(Refusal) {
        var participants: [UInt32] = []
        for account in terms.members {
            let member = try member(account, &context)
            if member.status == .active { participants.append(member.index) }
        }
        guard participants.count >= Int(terms.minimumMembers) else { return try abort(.tooFewMembers, &context) }
        record.round = number
        let deadline = context.block.timeMilliseconds &+ terms.deadlines.commitMilliseconds
        let opened = RoundRecord(model: record.model, participants: participants, deadlineMilliseconds: deadline)
        round = opened
        try FederationEvent.roundOpened.emit(
            id, [record.aggregator] + (try accounts(participants)), &context, items: 3
        ) { encoder in
            encoder.unsigned(number)
            encoder.link(opened.modelBefore)
            encoder.unsigned(deadline)
        }
    }

    /// The same commitment again is accepted without effect; another one takes its place and costs again.
    mutating func commit(_ body: CommitBody, _ context: inout ModuleContext) throws(Refusal) {
        let account = context.sender
        let round = try needRound(body.round, .commit ... .commit)
        let member = try member(account, &context)
        guard member.status == .active, round.participants.contains(member.index), let dataset = member.dataset else {
            throw FederationCode.notMember.refusal("the member is \(member.status)")
        }
        let earlier = try submission(account, &context)
        guard earlier == nil || earlier?.state == .committed else {
            throw FederationCode.alreadyAnswered.refusal("the member has refused the round")
        }
        guard body.cost.covers(terms.costPerRound) else {
            throw FederationCode.costTooLow.refusal("below the terms' cost of a round")
        }
        try Budget.spend(
            SpendBody(
                dataset: dataset, job: id, round: body.round, commitment: body.commitment, cost: body.cost),
            owner: account, &context)
        guard earlier?.commitment != body.commitment else { return }
        var submission = SubmissionRecord(.committed)
        submission.commitment = body.commitment
        try save(submission, of: account, &context)
        try FederationEvent.memberCommitted.emit(id, [account, record.aggregator], &context, items: 3) { encoder in
            encoder.unsigned(body.round)
            encoder.unsigned(member.index)
            encoder.digest(body.commitment)
        }
        try closeCommitsIfComplete(&context)
    }

    mutating func refuseRound(_ body: RefuseBody, _ context: inout ModuleContext) throws(Refusal) {
        let account = context.sender
        let round = try needRound(body.round, .commit ... .commit)
        var member = try member(account, &context)
        guard member.status == .active, round.participants.contains(member.index) else {
            throw FederationCode.notMember.refusal("the member is \(member.status)")
        }
        guard try submission(account, &context) == nil else {
            throw FederationCode.alreadyAnswered.refusal("the member has answered this round")
        }
        var submission = SubmissionRecord(.refused)
        submission.reason = body.reason
        try save(submission, of: account, &context)
        member.missedInARow = 0
        try save(member, &context)
        try sayRefused(member.index, account, round: body.round, reason: body.reason, &context)
        try closeCommitsIfComplete(&context)
    }

    mutating func closeCommitsIfComplete(_ context: inout ModuleContext) throws(Refusal) {
        guard round?.phase == .commit else { return }
        for submission in try submissions(&context) where submission.record == nil { return }
        try closeCommits(&context)
    }

    /// Drops who was not heard, and opens the reveals. With too few commitments nothing is revealed and the job ends.
    mutating func closeCommits(_ context: inout ModuleContext) throws(Refusal) {
        var committed: [AccountID] = []
        for submission in try submissions(&context) {
            switch submission.record?.state {
            case nil: try drop(submission.index, submission.account, SubmissionRecord(.dropped), &context)
            case .committed: committed.append(submission.account)
            default: break
            }
        }
        guard committed.count >= Int(terms.minimumMembers) else { return try abort(.tooFewMembers, &context) }
        let deadline = context.block.timeMilliseconds &+ terms.deadlines.revealMilliseconds
        round?.phase = .reveal
        round?.commitClosedHeight = context.block.height
        round?.deadlineMilliseconds = deadline
        let number = record.round
        try FederationEvent.commitsClosed.emit(id, [record.aggregator] + committed, &context, items: 3) { encoder in
            encoder.unsigned(number)
            encoder.unsigned(UInt64(committed.count))
            encoder.unsigned(deadline)
        }
        try askForDraw(terms.auditorsPerRound, &context)
    }

    /// A member that was silent until a deadline is out of the round; after too many in a row out of the job.
    mutating func drop(
        _ index: UInt32, _ account: AccountID, _ submission: SubmissionRecord, _ context: inout ModuleContext
    ) throws(Refusal) {
        var submission = submission
        submission.state = .dropped
        try save(submission, of: account, &context)
        let number = record.round
        try FederationEvent.memberDropped.emit(id, [account], &context, items: 2) { encoder in
            encoder.unsigned(number)
            encoder.unsigned(index)
        }
        var member = try member(account, &context)
        guard member.status == .active else { return }
        try Scores.note(account, .site, .missedDeadline, &context)
        member.missedInARow += 1
        if member.missedInARow >= MemberRecord.missesBeforeRemoval {
            try leave(&member, as: .removed, &context)
            try FederationEvent.memberRemoved.emit(
                id, [record.requester, record.aggregator, account], &context, items: 1
            ) { $0.unsigned(index) }
        }
        try save(member, &context)
    }

    /// Takes an active member out of the job and gives back what it reserved for rounds of which nothing has left.
    /// The caller
    /// saves the member.
    mutating func leave(
        _ member: inout MemberRecord, as status: MemberStatus, _ context: inout ModuleContext
    ) throws(Refusal) {
        if let dataset = member.dataset {
            try Budget.release(
                ReleaseBody(dataset: dataset, job: id), owner: try account(member.index), &context)
        }
        if member.status == .active { record.active -= 1 }
        member.status = status
    }
}
