import Federation
import Ledger
import LedgerSupport
import Primitives
import Privacy
import Testing
import Tokens

@testable import Node

/// What the rules answer to a job, with a dataset as the ledger's own module keeps it.
private func judge(
    _ rules: SiteRules = Samples.rules(), requester: AccountID? = Samples.requester, dataset: DatasetRecord? = nil,
    noDataset: Bool = false, cost: CostVector? = nil, spent: CostVector = .zero,
    _ change: (inout JobTerms) -> Void = { _ in }
) throws -> SiteDecision {
    var terms = try Samples.terms(members: Samples.members)
    change(&terms)
    let data = try noDataset ? nil : dataset ?? registered(Samples.registration())
    return rules.judge(
        terms, requester: requester, dataset: data, cost: cost ?? Samples.cost(rhoMillionths: 50_000), spent: spent)
}

/// A dataset after its registration and further transactions of its owner.
private func registered(
    _ registration: DatasetRegistration, then actions: [ActionCall] = []
) throws -> DatasetRecord {
    var ledger = try LedgerHarness(
        modules: [TokensModule(), PrivacyModule()],
        sections: CBORMap([
            (
                key: "tokens",
                value: try TokensGenesis(
                    allocations: [Transfer(to: LedgerHarness.account(11), amount: Amount(tokens: 1_000))]
                ).section()
            )
        ]), parameters: LedgerParameters(fees: .free), invariant: Supply.checkConservation)
    for action in [ActionCall("register", registration)] + actions {
        let receipt = try ledger.apply("privacy", action, from: 11)
        try #require(receipt.isSuccess, "\(receipt.code)")
    }
    let id = DatasetRecord.id(owner: LedgerHarness.account(11), label: registration.label)
    let bytes = try #require(ledger.state.store.get(PrivacyPaths.dataset(id).bytes))
    return try DatasetRecord.decode(bytes)
}

private func expect(
    _ decision: SiteDecision, isRefusedFor reason: SiteReason, location: SourceLocation = #_sourceLocation
) {
    guard case .refuse(let found, let detail) = decision else {
        Issue.record("\(decision) is no refusal", sourceLocation: location)
        return
    }
    #expect(found == reason, "\(detail)", sourceLocation: location)
}

@Suite("A site refuses a job for each rule that it breaks")
struct SiteRulesTests {
    @Test("a job that is at the boundary of every rule is accepted")
    func boundary() throws {
        #expect(try judge() == .accept(rounds: 2))
    }

    @Test("a requester who is not listed; anybody where nobody is listed, but nobody unknown")
    func requester() throws {
        expect(try judge(requester: LedgerHarness.account(9)), isRefusedFor: .requesterNotAllowed)
        expect(try judge(requester: nil), isRefusedFor: .requesterNotAllowed)
        var open = Samples.rules()
        open.requesters = []
        #expect(try judge(open, requester: LedgerHarness.account(9)) == .accept(rounds: 2))
        expect(try judge(open, requester: nil), isRefusedFor: .requesterNotAllowed)
    }

    @Test("a purpose that is not listed, and none at all where the list is empty")
    func purpose() throws {
        expect(try judge { $0.purpose = "research/imaging/x" }, isRefusedFor: .purposeNotAllowed)
        expect(try judge { $0.purpose = "research" }, isRefusedFor: .purposeNotAllowed)
        var none = Samples.rules()
        none.purposes = []
        expect(try judge(none), isRefusedFor: .purposeNotAllowed)
    }

    @Test("fewer members than the policy's least, invited or needed")
    func members() throws {
        expect(try judge { $0.minimumMembers = 1 }, isRefusedFor: .tooFewMembers)
        expect(try judge { $0.members.removeLast(3) }, isRefusedFor: .tooFewMembers)
        #expect(try judge { $0.members.removeLast(2) } == .accept(rounds: 2))
        var rules = Samples.rules()
        rules.minimumMembers = 4
        expect(try judge(rules) { $0.minimumMembers = 3 }, isRefusedFor: .tooFewMembers)
        #expect(try judge(rules) { $0.minimumMembers = 4 } == .accept(rounds: 2))
    }

    @Test("less pay than the policy's least, and less time")
    func payAndTime() throws {
        expect(try judge { $0.payment.base = Amount(baseUnits: 9_999_999_999_999_999_999) }, isRefusedFor: .payTooLow)
        expect(try judge { $0.deadlines.commitMilliseconds = 59_999 }, isRefusedFor: .deadlineTooShort)
    }

    @Test("another trainer, mechanism, view, aggregation or verifier")
    func work() throws {
        expect(try judge { $0.trainer = .zero }, isRefusedFor: .trainerNotAllowed)
        expect(try judge { $0.mechanism.plugin.id = "org.example.none" }, isRefusedFor: .mechanismNotAllowed)
        for shown in ShownUpdates.allCases where shown != .singleUpdates {
            expect(try judge { $0.mechanism.shown = shown }, isRefusedFor: .mechanismNotAllowed)
        }
        expect(try judge { $0.aggregation.rule = "median" }, isRefusedFor: .aggregationNotAllowed)
        expect(try judge { $0.verifiers[0].id = "org.example.verify" }, isRefusedFor: .verifierNotAllowed)
        expect(
            try judge { $0.verifiers.append(PluginReference(id: "x", version: "1", conformance: .zero)) },
            isRefusedFor: .verifierNotAllowed)
        var any = Samples.rules()
        any.verifiers = []
        #expect(try judge(any) { $0.verifiers[0].id = "org.example.verify" } == .accept(rounds: 2))
    }

    @Test("a smaller unit or another relation")
    func unit() throws {
        for (weakest, offered) in [(PrivacyUnit.person, PrivacyUnit.record), (.site, .record), (.site, .person)] {
            var rules = Samples.rules()
            rules.weakest.unit = weakest
            expect(try judge(rules) { $0.guarantee.unit = offered }, isRefusedFor: .unitMismatch)
        }
        expect(try judge { $0.guarantee.relation = .replace }, isRefusedFor: .unitMismatch)
        // The budget is kept for one unit and one relation.
        let person = try registered(Samples.registration(unit: .person))
        expect(try judge(dataset: person), isRefusedFor: .unitMismatch)
        expect(try judge { $0.guarantee.unit = .site }, isRefusedFor: .unitMismatch)
        let replace = try registered(Samples.registration(relation: .replace))
        expect(try judge(dataset: replace), isRefusedFor: .unitMismatch)
    }

    @Test("a larger delta or epsilon, by one in the last place")
    func deltaAndEpsilon() throws {
        expect(try judge { $0.guarantee.deltaTrillionths += 1 }, isRefusedFor: .guaranteeTooWeak)
        expect(try judge { $0.guarantee.epsilonBillionths += 1 }, isRefusedFor: .guaranteeTooWeak)
        let strict = try registered(Samples.registration(delta: 9_999_999))
        expect(try judge(dataset: strict), isRefusedFor: .guaranteeTooWeak)
    }

    @Test("a guarantee that holds against fewer")
    func adversary() throws {
        expect(try judge { $0.guarantee.adversary = .everyoneButTheAggregator }, isRefusedFor: .adversaryTooWeak)
        expect(try judge { $0.guarantee.adversary = .colludingMembers(9) }, isRefusedFor: .adversaryTooWeak)
        var rules = Samples.rules()
        rules.weakest.adversary = .colludingMembers(5)
        expect(try judge(rules) { $0.guarantee.adversary = .colludingMembers(4) }, isRefusedFor: .adversaryTooWeak)
        for stronger in [Adversary.colludingMembers(5), .colludingMembers(6), .everyoneButTheAggregator, .everyone] {
            #expect(try judge(rules) { $0.guarantee.adversary = stronger } == .accept(rounds: 2))
        }
    }

    @Test("no dataset, or a closed one")
    func dataset() throws {
        expect(try judge(noDataset: true), isRefusedFor: .dataUnavailable)
        let id = DatasetRecord.id(owner: LedgerHarness.account(11), label: .blake2b256(Array("a".utf8)))
        let replaced = try registered(
            Samples.registration(),
            then: [ActionCall("register", Samples.registration(label: "b", parent: id))])
        #expect(replaced.isClosed)
        expect(try judge(dataset: replaced), isRefusedFor: .dataUnavailable)
    }

    @Test("terms that charge less than the plan, or more than the epsilon that they name")
    func costs() throws {
        expect(try judge(cost: Samples.cost(rhoMillionths: 50_001)), isRefusedFor: .mechanismNotAllowed)
        #expect(try judge(cost: Samples.cost(rhoMillionths: 40_000)) == .accept(rounds: 2))
        // Ten times the price for the same noise would use up the owner's budget.
        expect(try judge { $0.costPerRound = Samples.cost(rhoMillionths: 500_000) }, isRefusedFor: .guaranteeTooWeak)
        expect(try judge { $0.rounds = 10_000 }, isRefusedFor: .guaranteeTooWeak)
        expect(
            try judge { $0.costPerRound = CostVector([UInt64](repeating: .max, count: 32)) ?? .zero },
            isRefusedFor: .guaranteeTooWeak)
    }

    @Test("a budget for fewer rounds accepts fewer, down to none, by the stricter of both books")
    func budget() throws {
        let cost = Samples.cost(rhoMillionths: 50_000)
        func limits(_ rounds: UInt32) throws -> CostVector { try #require(cost.multiplied(by: rounds)) }
        for rounds in 1...2 as ClosedRange<UInt32> {
            let data = try registered(Samples.registration(limits: limits(rounds)))
            #expect(try judge(dataset: data) == .accept(rounds: rounds))
            // The site's own log knows of one round more than the ledger.
            if rounds == 2 { #expect(try judge(dataset: data, spent: cost) == .accept(rounds: 1)) }
            // The policy is stricter than the limits that were registered.
            var rules = Samples.rules()
            rules.limits = try limits(rounds)
            #expect(try judge(rules) == .accept(rounds: rounds))
        }
        let data = try registered(Samples.registration(limits: limits(2)))
        expect(try judge(dataset: data, spent: try limits(2)), isRefusedFor: .budgetExhausted)
        var rules = Samples.rules()
        rules.limits = .zero
        expect(try judge(rules), isRefusedFor: .budgetExhausted)
        expect(
            try judge(spent: CostVector([UInt64](repeating: .max, count: 32)) ?? .zero),
            isRefusedFor: .budgetExhausted)
    }

    @Test("what others have reserved counts under the policy's own limits too")
    func reserved() throws {
        let cost = Samples.cost(rhoMillionths: 50_000)
        let reservation = ReserveBody(
            dataset: DatasetRecord.id(owner: LedgerHarness.account(11), label: .blake2b256(Array("a".utf8))),
            job: .blake2b256([5]), costPerRound: cost, rounds: 3)
        let data = try registered(Samples.registration(), then: [ActionCall("reserve", reservation)])
        #expect(try judge(dataset: data) == .accept(rounds: 2))
        var rules = Samples.rules()
        rules.limits = try #require(cost.multiplied(by: 4))
        #expect(try judge(rules, dataset: data) == .accept(rounds: 1))
        rules.limits = try #require(cost.multiplied(by: 3))
        expect(try judge(rules, dataset: data), isRefusedFor: .budgetExhausted)
    }
}

@Suite("Properties of a site's rules")
struct SiteRulesPropertyTests {
    private static func random(_ random: inout SeededRandom) throws -> (SiteRules, JobTerms) {
        var rules = Samples.rules()
        rules.weakest.epsilonBillionths = UInt64.random(in: 2_000_000_000...6_000_000_000, using: &random)
        rules.weakest.deltaTrillionths = UInt64.random(in: 9_000_000...20_000_000, using: &random)
        rules.weakest.adversary = adversary(&random)
        rules.minimumMembers = UInt32.random(in: 1...3, using: &random)
        rules.limits = RenyiConversion.limits(
            epsilon: Double.random(in: 0.5...8, using: &random), deltaTrillionths: 10_000_000)
        if Bool.random(using: &random) { rules.requesters = [] }
        if Bool.random(using: &random) { rules.verifiers = [] }
        var terms = try Samples.terms(members: Samples.members)
        terms.guarantee.epsilonBillionths = UInt64.random(in: 500_000_000...6_000_000_000, using: &random)
        terms.guarantee.deltaTrillionths = UInt64.random(in: 8_000_000...10_000_000, using: &random)
        terms.guarantee.adversary = adversary(&random)
        terms.minimumMembers = UInt32.random(in: 2...4, using: &random)
        terms.rounds = UInt32.random(in: 1...8, using: &random)
        terms.costPerRound = Samples.cost(rhoMillionths: UInt64.random(in: 100...30_000, using: &random))
        return (rules, terms)
    }

    private static func adversary(_ random: inout SeededRandom) -> Adversary {
        switch UInt32.random(in: 0...4, using: &random) {
        case 0: .everyoneButTheAggregator
        case 1: .colludingMembers(UInt32.random(in: 1...5, using: &random))
        default: .everyone
        }
    }

    /// The rules with one of them made weaker.
    private static func weakened(_ rules: SiteRules, _ random: inout SeededRandom) -> SiteRules {
        var weaker = rules
        switch UInt32.random(in: 0...9, using: &random) {
        case 0: weaker.weakest.epsilonBillionths += UInt64.random(in: 1...1_000_000_000, using: &random)
        case 1: weaker.weakest.deltaTrillionths += UInt64.random(in: 1...1_000_000, using: &random)
        case 2: weaker.weakest.adversary = .colludingMembers(1)
        case 3: weaker.minimumMembers = 0
        case 4: weaker.requesters = []
        case 5: weaker.verifiers = []
        case 6: weaker.minimumBasePay = .zero
        case 7: weaker.minimumCommitMilliseconds = 0
        case 8: weaker.purposes.append("other")
        default: weaker.limits = weaker.limits.adding(Samples.cost(rhoMillionths: 1_000)) ?? weaker.limits
        }
        return weaker
    }

    @Test("what a policy accepts, every weaker policy accepts for at least as many rounds")
    func monotone() throws {
        let data = try registered(Samples.registration())
        var accepted = 0
        for seed in 0..<600 as Range<UInt64> {
            var random = SeededRandom(seed: seed)
            let (rules, terms) = try Self.random(&random)
            func decide(_ rules: SiteRules) -> UInt32? {
                let decision = rules.judge(
                    terms, requester: Samples.requester, dataset: data, cost: terms.costPerRound, spent: .zero)
                if case .accept(let rounds) = decision { return rounds }
                return nil
            }
            guard let rounds = decide(rules) else { continue }
            accepted += 1
            let weaker = Self.weakened(rules, &random)
            #expect(decide(weaker) ?? 0 >= rounds, "seed \(seed)")
        }
        #expect(accepted > 50)
    }

    @Test("no job gets more than the policy's epsilon, for one job and for all")
    func neverMoreThanEpsilon() throws {
        let data = try registered(Samples.registration())
        var accepted = 0
        for seed in 0..<600 as Range<UInt64> {
            var random = SeededRandom(seed: seed)
            let (rules, terms) = try Self.random(&random)
            let spent = Samples.cost(rhoMillionths: UInt64.random(in: 0...50_000, using: &random))
            let decision = rules.judge(
                terms, requester: Samples.requester, dataset: data, cost: terms.costPerRound, spent: spent)
            guard case .accept(let rounds) = decision else { continue }
            accepted += 1
            let cost = try #require(terms.costPerRound.multiplied(by: rounds))
            let epsilon = RenyiConversion.epsilon(of: cost, deltaTrillionths: rules.weakest.deltaTrillionths)
            #expect(epsilon <= Double(rules.weakest.epsilonBillionths) / 1e9 + 1e-8, "seed \(seed)")
            #expect(try #require(cost.adding(spent)).isAdmitted(by: rules.limits), "seed \(seed)")
        }
        #expect(accepted > 50)
    }
}
