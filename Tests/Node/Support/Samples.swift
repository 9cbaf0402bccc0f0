import Federation
import Ledger
import LedgerSupport
import Primitives
import Privacy
import Training

@testable import Node

/// Costs, terms and rules that fit together, for tests that change one thing.
enum Samples {
    /// What one release of a Gaussian mechanism costs: order x rho, in 1e-9.
    static func cost(rhoMillionths: UInt64) -> CostVector {
        CostVector(RenyiOrders.timesFour.map { UInt64($0) * rhoMillionths * 1_000 / 4 }) ?? .zero
    }

    static let architecture = "4-3-2"
    static let plugin = PluginReference(
        id: "org.vinculum.privacy-dp", version: "1.0.0", conformance: .blake2b256([1]))
    static let verifier = PluginReference(
        id: "org.vinculum.verify-spotcheck", version: "1.0.0", conformance: .blake2b256([2]))
    static let trainer = Digest.blake2b256([3])

    static func training(momentum: Int64 = 0) throws -> TrainingTerms {
        let gradient = try PrivateGradient(clip: 1, scaleBits: 14)
        let architecture = try DenseArchitecture(Self.architecture)
        return TrainingTerms(
            architecture: architecture, clipMillionths: 1_000_000, scaleBits: 14, inputFactorBillionths: 1_000_000_000,
            inputOffsetBillionths: 0, learningRateMillionths: 500_000, momentumMillionths: momentum,
            sensitivityUnits: UInt64(gradient.sensitivityUnits(parameterCount: architecture.parameterCount)),
            noiseUnits: 0)
    }

    /// Two rounds at epsilon 3 that cost less than that.
    static func terms(members: [AccountID], momentum: Int64 = 0) throws -> JobTerms {
        let training = try training(momentum: momentum)
        return JobTerms(
            purpose: "research/imaging", members: members.sorted(), minimumMembers: 2,
            aggregator: LedgerHarness.account(2), rounds: 2, trainer: trainer,
            trainerParameters: training.trainerParameters,
            mechanism: PrivacyMechanism(
                plugin: plugin, shown: .singleUpdates, parameters: training.mechanismParameters),
            guarantee: Guarantee(
                unit: .record, relation: .addOrRemove, deltaTrillionths: 10_000_000, adversary: .everyone,
                epsilonBillionths: 3_000_000_000),
            costPerRound: cost(rhoMillionths: 50_000), verifiers: [verifier],
            aggregation: AggregationRule(rule: "mean", parameters: training.aggregationParameters),
            auditorsPerRound: 3, quorum: 2,
            payment: PaymentTerms(
                base: Amount(tokens: 10), scorePool: Amount(tokens: 100), auditorFee: Amount(tokens: 3),
                aggregatorFee: Amount(tokens: 5), heldBackMillionths: 200_000, feeAllowance: Amount(tokens: 1)),
            deadlines: PhaseDeadlines(
                acceptMilliseconds: 60_000, commitMilliseconds: 60_000, revealMilliseconds: 60_000,
                auditMilliseconds: 60_000, proposeMilliseconds: 60_000, confirmMilliseconds: 60_000),
            initialModel: .of(raw: [0]), modelDescriptor: training.modelDescriptor, holdout: .of(raw: [1]))
    }

    static let members = (11...14).map { LedgerHarness.account($0) }
    static let requester = LedgerHarness.account(1)

    /// Rules that accept `terms` exactly: one step weaker in anything is refused.
    static func rules() -> SiteRules {
        SiteRules(
            requesters: [requester], purposes: ["research/imaging"], trainers: [trainer], mechanisms: [plugin.id],
            verifiers: [verifier.id], aggregations: ["mean"],
            weakest: Guarantee(
                unit: .record, relation: .addOrRemove, deltaTrillionths: 10_000_000, adversary: .everyone,
                epsilonBillionths: 3_000_000_000),
            limits: RenyiConversion.limits(epsilon: 8, deltaTrillionths: 10_000_000), shown: [.singleUpdates],
            minimumMembers: 2, minimumBasePay: Amount(tokens: 10), minimumCommitMilliseconds: 60_000,
            digest: .blake2b256([4]))
    }

    static func registration(
        limits: CostVector = RenyiConversion.limits(epsilon: 8, deltaTrillionths: 10_000_000),
        unit: PrivacyUnit = .record, relation: NeighbourRelation = .addOrRemove, delta: UInt64 = 10_000_000,
        label: String = "a", parent: Digest? = nil
    ) -> DatasetRegistration {
        DatasetRegistration(
            label: .blake2b256(Array(label.utf8)), unit: unit, relation: relation, deltaTrillionths: delta,
            sizeBand: 5_000, maximumRecordsPerPerson: unit == .person ? 1 : 0, limits: limits, parent: parent)
    }
}
