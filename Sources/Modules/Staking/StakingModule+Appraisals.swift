import Ledger
import Primitives
import Reputation

/// Validators judge one another's work, where power follows contribution: committed to in one epoch, revealed in the
/// next, so that nobody can copy what others are about to say.
extension StakingModule {
    /// What an operator may be known for.
    public static let workDomains: [ReputationDomain] = [.site, .auditor, .aggregator, .provider]

    /// How good work is by the scores of `workDomains`, 0 to 1,000,000: the best of them, and nothing for whoever is
    /// barred from any.
    public static func work(_ scores: [Int64]) -> UInt64 {
        if scores.contains(where: { ReputationTier(of: $0) == .barred }) { return 0 }
        return min(UInt64(clamping: scores.max() ?? 0), PowerTable.scoreLimit)
    }

    /// The validator that a sender speaks for: as its operator, or with the account of its consensus key.
    private func appraiser(_ context: inout ModuleContext) throws(Refusal) -> AccountID {
        let sender = context.sender
        var account = sender
        if let key = sender.publicKey, let owner = try context.load(AccountID.self, at: StakingPaths.key(key)) {
            account = owner
        }
        guard try StakingModule.members(&context).contains(where: { $0.operatorAccount == account }) else {
            throw StakingCode.notActive.refusal("\(sender) speaks for no active validator")
        }
        return account
    }

    func appraise(_ body: AppraiseBody, _ context: inout ModuleContext) throws(Refusal) {
        let account = try appraiser(&context)
        let epoch = try epochNumber(&context)
        let record = AppraisalRecord(epoch: epoch, commitment: body.commitment)
        // What was committed to in the epoch before has to be revealed first: there is room for both.
        try context.save(record, at: StakingPaths.appraisal(account, epoch: epoch))
        try StakingEvent.appraised.emit([account], &context, items: 1) { $0.unsigned(epoch) }
    }

    func reveal(_ body: RevealAppraisalsBody, _ context: inout ModuleContext) throws(Refusal) {
        let account = try appraiser(&context)
        let now = try epochNumber(&context)
        guard now > 0,
            var record = try context.load(AppraisalRecord.self, at: StakingPaths.appraisal(account, epoch: now - 1))
        else { throw StakingCode.nothingCommitted.refusal("\(account) committed itself to nothing in the last epoch") }
        guard body.commitment(chain: context.chain, operatorAccount: account, epoch: now - 1) == record.commitment
        else {
            throw StakingCode.commitmentMismatch.refusal("these are not the scores of \(account)'s commitment")
        }
        guard !body.appraisals.contains(where: { $0.subject == account }) else {
            throw StakingCode.invalidField.refusal("appraisals: nobody appraises itself")
        }
        record.appraisals = body.appraisals
        try context.save(record, at: StakingPaths.appraisal(account, epoch: now - 1))
        try StakingEvent.appraisalsRevealed.emit([account], &context, items: 1) { $0.unsigned(now - 1) }
    }

    private func epochNumber(_ context: inout ModuleContext) throws(Refusal) -> UInt64 {
        guard let state = try context.load(EpochState.self, at: StakingPaths.epochState) else {
            throw Refusal(.stateCorrupt, "there is no epoch")
        }
        return state.number
    }

    // MARK: At the end of an epoch

    /// Judges by what was revealed in the epoch, and answers who of the appraisers gets what share.
    func judge(
        _ state: EpochState, _ active: ActiveSet, _ context: inout ModuleContext
    ) throws(Refusal) -> [(account: AccountID, share: UInt128)] {
        var standings: [AccountID: Standing] = [:]
        for entry in try context.list(
            Standing.self, below: StakingPaths.standings, limit: 2 * ValidatorSet.maximumCount)
        {
            if let account = try? AccountID(bytes: entry.suffix) { standings[account] = entry.value }
        }
        let appraisers = try appraisers(state, active, &context)
        guard !appraisers.said.isEmpty || !standings.isEmpty else { return [] }
        var subjects = Set(active.members.map(\.operatorAccount))
        subjects.formUnion(standings.keys)
        let ordered = subjects.sorted()
        let judgement = Judgement(
            appraisers.said, subjects: ordered, last: standings.mapValues(\.last), tokens: appraisers.tokens)
        for subject in ordered {
            var standing = standings[subject] ?? Standing()
            standing.take(judgement.scores[subject] ?? 0)
            if standing == Standing() {
                if standings[subject] != nil { try context.remove(at: StakingPaths.standing(subject)) }
            } else if standing != standings[subject] {
                try context.save(standing, at: StakingPaths.standing(subject))
            }
        }
        return zip(appraisers.said, judgement.shares).map { (account: $0.account, share: $1) }
    }

    /// Those who have revealed, and the tokens of all. What is used up, or was never revealed, is deleted.
    private func appraisers(
        _ state: EpochState, _ active: ActiveSet, _ context: inout ModuleContext
    ) throws(Refusal) -> (said: [Judgement.Appraiser], tokens: UInt64) {
        var said: [Judgement.Appraiser] = []
        var tokens: UInt64 = 0
        for member in active.members {
            let validator = try OpenValidator(member.operatorAccount, &context)
            let own = PowerTable.tokens(validator.record.bonded.stake)
            tokens += own
            guard state.number > 0,
                let record = try context.load(
                    AppraisalRecord.self, at: StakingPaths.appraisal(member.operatorAccount, epoch: state.number - 1)),
                !record.appraisals.isEmpty, !validator.record.isJailed
            else { continue }
            var appraisals: [AccountID: UInt64] = [:]
            for appraisal in record.appraisals { appraisals[appraisal.subject] = appraisal.score }
            said.append(Judgement.Appraiser(account: member.operatorAccount, tokens: own, appraisals: appraisals))
        }
        try forgetAppraisals(before: state.number, &context)
        return (said, tokens)
    }

    private func forgetAppraisals(before epoch: UInt64, _ context: inout ModuleContext) throws(Refusal) {
        let prefix = StakingPaths.appraisals.bytes
        for entry in try context.scan(prefix: prefix, limit: 4 * ValidatorSet.maximumCount) {
            guard let number = UInt64(bigEndianBytes: entry.path.dropFirst(prefix.count).prefix(8)), number < epoch
            else { return }
            try context.acting(as: StakingPaths.module) { (context) throws(Refusal) in try context.delete(entry.path) }
        }
    }
}
