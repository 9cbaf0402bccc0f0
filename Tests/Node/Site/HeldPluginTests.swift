import Federation
import Node
import Primitives
import Privacy
import Testing

/// A site takes part only with the privacy plugin that the job names: the same id, version and behaviour.
@Suite struct HeldPluginTests {
    private static let account = AccountID.derived(module: "test", id: [7])

    private static func terms(_ plugin: PluginReference) -> JobTerms {
        JobTerms(
            purpose: "research", members: [account, account], minimumMembers: 2, aggregator: account, rounds: 1,
            trainer: .zero, trainerParameters: [],
            mechanism: PrivacyMechanism(plugin: plugin, shown: .singleUpdates, parameters: []),
            guarantee: Guarantee(
                unit: .record, relation: .addOrRemove, deltaTrillionths: 10_000_000, adversary: .everyone,
                epsilonBillionths: 1_000_000_000),
            costPerRound: .zero, verifiers: [plugin], aggregation: AggregationRule(rule: "mean", parameters: []),
            auditorsPerRound: 1, quorum: 1,
            payment: PaymentTerms(
                base: .zero, scorePool: .zero, auditorFee: .zero, aggregatorFee: .zero, heldBackMillionths: 0,
                feeAllowance: .zero),
            deadlines: PhaseDeadlines(
                acceptMilliseconds: 1_000, commitMilliseconds: 1_000, revealMilliseconds: 1_000,
                auditMilliseconds: 1_000, proposeMilliseconds: 1_000, confirmMilliseconds: 1_000),
            initialModel: .of(raw: [0]), modelDescriptor: "mlp/2-2", holdout: .of(raw: [1]))
    }

    private static func decision(held: PluginReference?, named: PluginReference) -> SiteDecision {
        let terms = terms(named)
        var rules = SiteRules(
            requesters: [], purposes: ["research"], trainers: [.zero], mechanisms: [named.id], verifiers: [],
            aggregations: ["mean"], weakest: terms.guarantee, limits: .zero, shown: [.singleUpdates],
            minimumMembers: 2,
            minimumBasePay: .zero, minimumCommitMilliseconds: 0, digest: .zero)
        rules.held = held
        return rules.judge(terms, requester: account, dataset: nil, cost: .zero, spent: .zero)
    }

    @Test func onlyTheVeryPluginIsTaken() {
        let held = PluginReference(id: "org.example.p", version: "1.0.0", conformance: .blake2b256([1]))
        var other = held
        other.conformance = .blake2b256([2])
        var newer = held
        newer.version = "1.0.1"
        for named in [other, newer] {
            guard case .refuse(.mechanismNotAllowed, let detail) = Self.decision(held: held, named: named) else {
                Issue.record("\(named) was taken")
                continue
            }
            #expect(detail.contains("this site has org.example.p 1.0.0"))
        }
        // The very plugin gets past this rule: what is left to refuse is the dataset, which is not registered here.
        for held in [held, nil] {
            guard case .refuse(.dataUnavailable, _) = Self.decision(held: held, named: held ?? other) else {
                Issue.record("refused for another reason")
                continue
            }
        }
    }
}
