import Federation
import Ledger
import Primitives
import Privacy
import Testing

/// What is there for all is used up by none, and nothing is had for less than it costs.
@Suite("Shares of what is there for all") struct FeeShareTests {
    /// Three members, three auditors and the aggregator: seven shares of three fee limits (0.001 each in the harness).
    private static func world() throws -> (World, AccountID) {
        var world = try World(fees: FeeSchedule(unitsPerByte: 1)) {
            $0.payment.feeAllowance = Amount(baseUnits: 21_000_000_000_000_000)
        }
        try world.submit()
        return (world, JobRecord.escrow(of: world.job))
    }

    @Test("a member that fails again and again uses up its own share, and the others go on") func failing() throws {
        var (world, escrow) = try Self.world()
        let waster = world.memberKeys[0]
        let nonsense = RefuseBody(job: world.job, round: 7, reason: 1)
        var calls = 0
        while calls < 5_000 {
            do {
                #expect(try world.send("refuse", nonsense, from: waster, after: 1, payer: escrow) != .ok)
            } catch let refusal as Refusal {
                #expect(refusal.code == FederationCode.feeNotCovered.code)
                break
            }
            calls += 1
        }
        #expect((1..<5_000).contains(calls))
        let spent = try world.terms.requiredEscrow().subtracting(try world.escrow())
        #expect(spent <= Amount(baseUnits: 3_000_000_000_000_000))
        for key in world.memberKeys.dropFirst() {
            let body = AcceptBody(job: world.job, dataset: world.dataset(key), policy: .zero, rounds: 2)
            #expect(try world.send("accept", body, from: key, payer: escrow) == .ok)
        }
    }

    @Test("an escrow pays for calls about its own job, and for making a newcomer known") func otherJobs() throws {
        var (world, escrow) = try Self.world()
        let first = world.job
        try world.submit()
        let key = world.memberKeys[0]
        let other = AcceptBody(job: world.job, dataset: world.dataset(key), policy: .zero, rounds: 2)
        #expect(throws: Refusal.self) { try world.send("accept", other, from: key, payer: escrow) }
        #expect(throws: Refusal.self) {
            try world.send("submit", SubmitBody(terms: world.terms, escrow: .zero), from: key, payer: escrow)
        }
        let own = AcceptBody(job: first, dataset: world.dataset(key), policy: .zero, rounds: 2)
        #expect(try world.send("accept", own, from: key, payer: escrow) == .ok)
        let verifiers = RegisterAuditorBody(verifiers: world.terms.verifiers)
        #expect(try world.send("register_auditor", verifiers, from: key, payer: escrow) == .ok)
    }

    @Test("a commitment that was charged a little before is not taken for a round's cost") func cheapSpend() throws {
        var world = try World()
        try world.begin()
        let key = world.memberKeys[0]
        let cheap = SpendBody(
            dataset: world.dataset(key), job: world.job, round: 1, commitment: world.commitment(key, 1),
            cost: try #require(CostVector([UInt64](repeating: 1, count: 32))))
        try world.must("spend", cheap, from: key, module: "privacy")
        let before = try world.budget(key).spent
        #expect(try world.send("commit", world.commitBody(key, 1), from: key) == PrivacyCode.spentForLess.code)
        #expect(try world.submission(key, 1) == nil)
        #expect(try world.budget(key).spent == before)
        // Another commitment is charged in full, and one that was charged in full is taken.
        try world.must("commit", world.commitBody(key, 1, .of(raw: [55])), from: key)
        #expect(try world.budget(key).spent == before.adding(World.cost))
        var paid = SpendBody(
            dataset: world.dataset(key), job: world.job, round: 1, commitment: world.commitment(key, 1, .of(raw: [56])),
            cost: World.cost)
        try world.must("spend", paid, from: key, module: "privacy")
        let afterwards = try world.budget(key).spent
        try world.must("commit", world.commitBody(key, 1, .of(raw: [56])), from: key)
        paid.cost = cheap.cost
        try world.must("spend", paid, from: key, module: "privacy")
        #expect(try world.budget(key).spent == afterwards)
    }
}
