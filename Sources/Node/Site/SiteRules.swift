import Federation
import Primitives
import Privacy

/// A data owner's policy in the ledger's terms: what `site.toml` says, with names resolved to accounts and digests.
public struct SiteRules: Hashable, Sendable {
    /// Whose jobs are considered; empty for anybody's.
    public var requesters: [AccountID]
    /// The purposes that are allowed; a job names one.
    public var purposes: [String]
    /// Programs that may see the data.
    public var trainers: [Digest]
    /// Ids of the privacy plugins that are trusted to protect it.
    public var mechanisms: [String]
    /// Ids of verifiers that may judge the updates; empty for any.
    public var verifiers: [String]
    public var aggregations: [String]
    /// The weakest guarantee that is accepted; its epsilon is the most for one job.
    public var weakest: Guarantee
    /// What all jobs together may cost the dataset, by the policy as it stands now: the ledger's limits are those of
    /// the day on which the dataset was registered.
    public var limits: CostVector
    /// What updates may show to the aggregator.
    public var shown: [ShownUpdates]
    public var minimumMembers: UInt32
    /// The least base pay a round; zero in a consortium.
    public var minimumBasePay: Amount
    /// The shortest time in which this site can train, in milliseconds.
    public var minimumCommitMilliseconds: UInt64
    /// The digest of the policy file.
    public var digest: Digest
    /// The privacy plugin that this site has and would use. A job that names another build of it that does something
    /// else is refused. Nil compares ids alone.
    public var held: PluginReference?

    public init(
        requesters: [AccountID], purposes: [String], trainers: [Digest], mechanisms: [String], verifiers: [String],
        aggregations: [String], weakest: Guarantee, limits: CostVector, shown: [ShownUpdates], minimumMembers: UInt32,
        minimumBasePay: Amount, minimumCommitMilliseconds: UInt64, digest: Digest
    ) {
        self.requesters = requesters
        self.purposes = purposes
        self.trainers = trainers
        self.mechanisms = mechanisms
        self.verifiers = verifiers
        self.aggregations = aggregations
        self.weakest = weakest
        self.limits = limits
        self.shown = shown
        self.minimumMembers = minimumMembers
        self.minimumBasePay = minimumBasePay
        self.minimumCommitMilliseconds = minimumCommitMilliseconds
        self.digest = digest
    }
}

extension SiteRules: SiteJudgement {
    /// Compares a job with the policy, rule by rule; the first that is broken is the reason.
    public func judge(
        _ terms: JobTerms, requester: AccountID?, dataset: DatasetRecord?, cost: CostVector, spent: CostVector
    ) -> SiteDecision {
        if let refusal = refusalOfParties(terms, requester) ?? refusalOfWork(terms) ?? refusalOfGuarantee(terms) {
            return refusal
        }
        guard let dataset else { return .refuse(.dataUnavailable, detail: "the dataset is not registered") }
        guard !dataset.isClosed else { return .refuse(.dataUnavailable, detail: "the dataset is closed") }
        guard dataset.unit == terms.guarantee.unit, dataset.relation == terms.guarantee.relation else {
            return .refuse(.unitMismatch, detail: "the dataset's budget is kept for another unit or relation")
        }
        guard terms.guarantee.deltaTrillionths <= dataset.deltaTrillionths else {
            return .refuse(
                .guaranteeTooWeak, detail: "the dataset's budget is kept at delta \(dataset.deltaTrillionths)e-12")
        }
        guard terms.costPerRound.covers(cost) else {
            return .refuse(.mechanismNotAllowed, detail: "a round costs more than the terms say")
        }
        return decideByBudget(terms, dataset, spent: spent)
    }

    private func refusalOfParties(_ terms: JobTerms, _ requester: AccountID?) -> SiteDecision? {
        guard let requester, requesters.isEmpty || requesters.contains(requester) else {
            return .refuse(.requesterNotAllowed, detail: "requester \(requester.map { "\($0)" } ?? "unknown")")
        }
        guard purposes.contains(terms.purpose) else { return .refuse(.purposeNotAllowed, detail: terms.purpose) }
        guard terms.members.count >= Int(minimumMembers), terms.minimumMembers >= minimumMembers else {
            return .refuse(.tooFewMembers, detail: "the job may run with \(terms.minimumMembers) members")
        }
        guard terms.payment.base >= minimumBasePay else {
            return .refuse(.payTooLow, detail: "\(terms.payment.base) a round")
        }
        guard terms.deadlines.commitMilliseconds >= minimumCommitMilliseconds else {
            return .refuse(.deadlineTooShort, detail: "\(terms.deadlines.commitMilliseconds) ms to commit")
        }
        return nil
    }

    private func refusalOfWork(_ terms: JobTerms) -> SiteDecision? {
        guard trainers.contains(terms.trainer) else { return .refuse(.trainerNotAllowed, detail: terms.trainer.hex) }
        guard mechanisms.contains(terms.mechanism.plugin.id), shown.contains(terms.mechanism.shown) else {
            return .refuse(.mechanismNotAllowed, detail: terms.mechanism.plugin.id)
        }
        if let held, held != terms.mechanism.plugin {
            let named = terms.mechanism.plugin
            return .refuse(
                .mechanismNotAllowed,
                detail:
                    "the job names \(named.id) \(named.version), conformance \(named.conformance.hex); this site has "
                    + "\(held.id) \(held.version), conformance \(held.conformance.hex)")
        }
        guard aggregations.contains(terms.aggregation.rule) else {
            return .refuse(.aggregationNotAllowed, detail: terms.aggregation.rule)
        }
        if let other = terms.verifiers.first(where: { !verifiers.isEmpty && !verifiers.contains($0.id) }) {
            return .refuse(.verifierNotAllowed, detail: other.id)
        }
        return nil
    }

    /// A guarantee is at least as strong as the policy's weakest if its unit is at least as large, its relation the
    /// same, it holds against at least as many, and neither delta nor epsilon is larger.
    private func refusalOfGuarantee(_ terms: JobTerms) -> SiteDecision? {
        let offered = terms.guarantee
        guard offered.unit.rawValue >= weakest.unit.rawValue, offered.relation == weakest.relation else {
            return .refuse(.unitMismatch, detail: "unit \(offered.unit), relation \(offered.relation)")
        }
        guard offered.adversary.isAtLeastAsStrong(as: weakest.adversary) else {
            return .refuse(.adversaryTooWeak, detail: "\(offered.adversary)")
        }
        guard offered.deltaTrillionths <= weakest.deltaTrillionths,
            offered.epsilonBillionths <= weakest.epsilonBillionths
        else {
            return .refuse(
                .guaranteeTooWeak,
                detail: "epsilon \(offered.epsilonBillionths)e-9, delta \(offered.deltaTrillionths)e-12")
        }
        // The plan that costs the least is what the guarantee means: terms that charge more would use up the budget.
        guard let whole = terms.costPerRound.multiplied(by: terms.rounds),
            RenyiConversion.epsilon(of: whole, deltaTrillionths: offered.deltaTrillionths) * 1e9
                <= Double(offered.epsilonBillionths) * (1 + 1e-9)
        else { return .refuse(.guaranteeTooWeak, detail: "the rounds cost more epsilon than the job says") }
        return nil
    }

    /// As many of the job's rounds as both books still admit, under the limits of both; none is a refusal.
    private func decideByBudget(_ terms: JobTerms, _ dataset: DatasetRecord, spent: CostVector) -> SiteDecision {
        var rounds = dataset.admittedRounds(of: terms.costPerRound, upTo: terms.rounds)
        while rounds > 0 {
            let own = terms.costPerRound.multiplied(by: rounds).flatMap { spent.adding($0) }
            let ledgers = terms.costPerRound.multiplied(by: rounds).flatMap { dataset.committed?.adding($0) }
            if let own, let ledgers, own.isAdmitted(by: dataset.limits), own.isAdmitted(by: limits),
                ledgers.isAdmitted(by: limits)
            {
                break
            }
            rounds -= 1
        }
        guard rounds > 0 else { return .refuse(.budgetExhausted, detail: "not one round is left") }
        return .accept(rounds: rounds)
    }
}

extension Adversary {
    /// Whether a guarantee against `self` also holds against `other`: everyone covers all, everyone but the aggregator
    /// covers colluding members, more colluders cover fewer.
    public func isAtLeastAsStrong(as other: Adversary) -> Bool {
        switch (self, other) {
        case (.everyone, _): true
        case (.everyoneButTheAggregator, .everyone): false
        case (.everyoneButTheAggregator, _): true
        case (.colludingMembers(let own), .colludingMembers(let least)): own >= least
        case (.colludingMembers, _): false
        }
    }
}
