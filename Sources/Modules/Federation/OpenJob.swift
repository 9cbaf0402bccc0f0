import Ledger
import Primitives

/// A job taken up by one action: what every rule needs, loaded once and saved once. Members and submissions are
/// loaded and
/// saved as they are touched.
struct OpenJob {
    let id: Digest
    let terms: JobTerms
    var record: JobRecord
    /// The current round; nil before the start.
    var round: RoundRecord?

    init(_ id: Digest, _ context: inout ModuleContext) throws(Refusal) {
        guard let record = try context.load(JobRecord.self, at: FederationPaths.job(id)),
            let terms = try context.load(JobTerms.self, at: FederationPaths.terms(id))
        else { throw FederationCode.jobUnknown.refusal("job \(id)") }
        self.id = id
        self.terms = terms
        self.record = record
        round = try context.load(RoundRecord.self, at: FederationPaths.round(id, record.round))
    }

    init(_ id: Digest, terms: JobTerms, record: JobRecord) {
        self.id = id
        self.terms = terms
        self.record = record
    }

    func save(_ context: inout ModuleContext) throws(Refusal) {
        try context.save(record, at: FederationPaths.job(id))
        if let round { try context.save(round, at: FederationPaths.round(id, record.round)) }
    }

    var escrow: AccountID { JobRecord.escrow(of: id) }

    // MARK: Members

    func account(_ index: UInt32) throws(Refusal) -> AccountID {
        guard Int(index) < terms.members.count else {
            throw FederationCode.inconsistentState.refusal("member \(index) of job \(id)")
        }
        return terms.members[Int(index)]
    }

    func member(_ account: AccountID, _ context: inout ModuleContext) throws(Refusal) -> MemberRecord {
        guard let member = try context.load(MemberRecord.self, at: FederationPaths.member(id, account)) else {
            throw FederationCode.notMember.refusal("\(account) is not invited")
        }
        return member
    }

    func save(_ member: MemberRecord, _ context: inout ModuleContext) throws(Refusal) {
        try context.save(member, at: FederationPaths.member(id, try account(member.index)))
    }

    // MARK: Submissions

    func submission(_ account: AccountID, _ context: inout ModuleContext) throws(Refusal) -> SubmissionRecord? {
        try context.load(SubmissionRecord.self, at: FederationPaths.submission(id, record.round, account))
    }

    func save(
        _ submission: SubmissionRecord, of account: AccountID, _ context: inout ModuleContext
    ) throws(Refusal) {
        try context.save(submission, at: FederationPaths.submission(id, record.round, account))
    }

    /// The participants of the current round, ascending, with what was heard of them.
    func submissions(
        _ context: inout ModuleContext
    ) throws(Refusal) -> [(index: UInt32, account: AccountID, record: SubmissionRecord?)] {
        var all: [(index: UInt32, account: AccountID, record: SubmissionRecord?)] = []
        for index in round?.participants ?? [] {
            let account = try account(index)
            all.append((index, account, try submission(account, &context)))
        }
        return all
    }

    func accounts(_ indices: [UInt32]) throws(Refusal) -> [AccountID] {
        var all: [AccountID] = []
        for index in indices { all.append(try account(index)) }
        return all
    }

    // MARK: Checks

    func needStatus(_ status: JobStatus) throws(Refusal) {
        guard record.status == status else {
            throw FederationCode.wrongStatus.refusal("the job is \(record.status), not \(status)")
        }
    }

    /// The current round, if the job runs, it is `number`, and it is in one of `phases`.
    func needRound(_ number: UInt32, _ phases: ClosedRange<RoundPhase>) throws(Refusal) -> RoundRecord {
        try needStatus(.running)
        guard number == record.round, let round else {
            throw FederationCode.wrongRound.refusal("the current round is \(record.round)")
        }
        guard phases.contains(round.phase) else {
            throw FederationCode.wrongPhase.refusal("the round is in its \(round.phase) phase")
        }
        return round
    }
}
