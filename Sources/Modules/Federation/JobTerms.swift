import Ledger
import Primitives
import Privacy

/// Everything that a site's policy decides by, fixed when the job is submitted.
///
/// Tuple: [purpose, members, minimum members, aggregator, rounds, trainer, trainer parameters, mechanism, guarantee,
/// cost a round,
/// verifiers, aggregation, auditors a round, quorum, payment, deadlines, initial model, model descriptor, holdout].
public struct JobTerms: Hashable, Sendable, CBORCodable {
    /// An identifier that policies list, such as `research/imaging`; not free text.
    public var purpose: String
    /// The invited accounts, ascending; members are named by their index in this list.
    public var members: [AccountID]
    public var minimumMembers: UInt32
    public var aggregator: AccountID
    public var rounds: UInt32
    /// The digest of the trainer.
    public var trainer: Digest
    public var trainerParameters: [Parameter]
    public var mechanism: PrivacyMechanism
    /// Of the whole job, for each member.
    public var guarantee: Guarantee
    /// What one round costs a member's dataset at least.
    public var costPerRound: CostVector
    public var verifiers: [PluginReference]
    public var aggregation: AggregationRule
    public var auditorsPerRound: UInt32
    /// How many equal outcomes decide; more than half of `auditorsPerRound`.
    public var quorum: UInt32
    public var payment: PaymentTerms
    public var deadlines: PhaseDeadlines
    public var initialModel: CID
    /// The shape of the model in a form that trainers know, such as `mlp/784-64-10`.
    public var modelDescriptor: String
    /// The public data that scores are measured on.
    public var holdout: CID

    public static let maximumMembers = 256
    public static let maximumRounds: UInt32 = 10_000
    /// With the larger draws, at most so many times `auditorsPerRound` are drawn in a round.
    public static let largestDraw: UInt32 = 3

    public init(
        purpose: String, members: [AccountID], minimumMembers: UInt32, aggregator: AccountID, rounds: UInt32,
        trainer: Digest, trainerParameters: [Parameter], mechanism: PrivacyMechanism, guarantee: Guarantee,
        costPerRound: CostVector, verifiers: [PluginReference], aggregation: AggregationRule, auditorsPerRound: UInt32,
        quorum: UInt32, payment: PaymentTerms, deadlines: PhaseDeadlines, initialModel: CID, modelDescriptor: String,
        holdout: CID
    ) {
        self.purpose = purpose
        self.members = members
        self.minimumMembers = minimumMembers
        self.aggregator = aggregator
        self.rounds = rounds
        self.trainer = trainer
        self.trainerParameters = trainerParameters
        self.mechanism = mechanism
        self.guarantee = guarantee
        self.costPerRound = costPerRound
        self.verifiers = verifiers
        self.aggregation = aggregation
        self.auditorsPerRound = auditorsPerRound
        self.quorum = quorum
        self.payment = payment
        self.deadlines = deadlines
        self.initialModel = initialModel
        self.modelDescriptor = modelDescriptor
        self.holdout = holdout
    }

    /// What the terms promise at most, without the fee allowance.
    public func largestPay() throws(AmountError) -> Amount {
        let base = try payment.base.multiplied(by: UInt64(members.count))
        let auditors = try payment.auditorFee.multiplied(by: UInt64(auditorsPerRound) * UInt64(JobTerms.largestDraw))
        let round = try base.adding(payment.scorePool).adding(auditors).adding(payment.aggregatorFee)
        return try round.multiplied(by: UInt64(rounds))
    }

    /// The least escrow.
    public func requiredEscrow() throws(AmountError) -> Amount {
        try largestPay().adding(payment.feeAllowance)
    }

    public func index(of member: AccountID) -> UInt32? {
        members.firstIndex(of: member).map { UInt32($0) }
    }

    /// Refuses fields that make no sense, by name.
    func check() throws(Refusal) {
        func need(_ holds: Bool, _ field: String) throws(Refusal) {
            guard holds else { throw FederationCode.invalidTerms.refusal(field) }
        }
        try need(!purpose.isEmpty, "purpose: empty")
        try need((1...JobTerms.maximumMembers).contains(members.count), "members: 1 to \(JobTerms.maximumMembers)")
        try need(zip(members, members.dropFirst()).allSatisfy { $0 < $1 }, "members: ascending, each once")
        try need(minimumMembers >= 1 && minimumMembers <= UInt32(members.count), "minimum_members: 1 to the members")
        try need((1...JobTerms.maximumRounds).contains(rounds), "rounds: 1 to \(JobTerms.maximumRounds)")
        try need(!costPerRound.isZero, "cost_per_round: nothing leaves uncharged")
        try need(costPerRound.multiplied(by: rounds) != nil, "cost_per_round: overflows over all rounds")
        try need((1..<1_000_000_000_000).contains(guarantee.deltaTrillionths), "guarantee.delta: between 0 and 1")
        try need(guarantee.epsilonBillionths > 0, "guarantee.epsilon: zero")
        try need((1...8).contains(verifiers.count), "verifiers: 1 to 8")
        try need((1...64).contains(auditorsPerRound), "auditors_per_round: 1 to 64")
        try need(quorum <= auditorsPerRound && quorum > auditorsPerRound / 2, "quorum: more than half of the auditors")
        try need(payment.heldBackMillionths <= 1_000_000, "payment.held_back: at most all")
        try need(
            deadlines.all.allSatisfy { (1...31_536_000_000).contains($0) }, "deadlines: 1 ms to a year each")
        try need(!modelDescriptor.isEmpty, "model_descriptor: empty")
        // Parts that do not fit: what is not shown can be neither compared nor scored.
        try need(
            mechanism.shown != .oneSum || aggregation.rule == "mean",
            "aggregation.rule: \(aggregation.rule) needs more than one sum, and \(mechanism.plugin.id) shows no more")
        try need(
            mechanism.shown == .singleUpdates || payment.scorePool.isZero,
            "payment.score_pool: \(mechanism.plugin.id) shows no single updates to score")
    }
}

extension JobTerms {
    public func encode(to encoder: inout CBOREncoder) {
        encoder.array(count: 19)
        encoder.text(purpose)
        encoder.list(members)
        encoder.unsigned(minimumMembers)
        encoder.value(aggregator)
        encoder.unsigned(rounds)
        encoder.digest(trainer)
        encoder.list(trainerParameters)
        encoder.value(mechanism)
        encoder.value(guarantee)
        encoder.value(costPerRound)
        encoder.list(verifiers)
        encoder.value(aggregation)
        encoder.unsigned(auditorsPerRound)
        encoder.unsigned(quorum)
        encoder.value(payment)
        encoder.value(deadlines)
        encoder.link(initialModel)
        encoder.text(modelDescriptor)
        encoder.link(holdout)
    }

    public init(from decoder: inout CBORDecoder) throws(CBORError) {
        try decoder.array(count: 19)
        purpose = try decoder.text(atMost: 128)
        members = try decoder.list(maximum: JobTerms.maximumMembers)
        minimumMembers = try decoder.number()
        aggregator = try decoder.value()
        rounds = try decoder.number()
        trainer = try decoder.digest()
        trainerParameters = try decoder.list(maximum: 64)
        mechanism = try decoder.value()
        guarantee = try decoder.value()
        costPerRound = try decoder.value()
        verifiers = try decoder.list(maximum: 8)
        aggregation = try decoder.value()
        auditorsPerRound = try decoder.number()
        quorum = try decoder.number()
        payment = try decoder.value()
        deadlines = try decoder.value()
        initialModel = try decoder.link()
        modelDescriptor = try decoder.text(atMost: 256)
        holdout = try decoder.link()
    }
}
