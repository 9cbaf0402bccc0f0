import Federation
import Ledger
import LedgerSupport
import Primitives
import Privacy
import Reputation
import Testing
import Tokens

@Suite("A federation from escrow to pay") struct FederationFlowTests {
    @Test("two rounds end with exact pay, spent budgets and a line of models") func wholeJob() throws {
        var world = try World()
        let before = try world.balance(World.requester)
        try world.begin()
        try world.wholeRound(1)
        #expect(try world.round(1).phase == .settled)
        #expect(try world.record().round == 2)
        try world.wholeRound(2)
        let record = try world.record()
        #expect(record.status == .finished && record.end == .completed && record.roundsDone == 2)
        try world.expectExactPay()
        #expect(try world.escrow().isZero)

        // Scores .5, .6 and .7 of a pool of 100: rounded down to the unit, twice.
        let pool = Amount(tokens: 100)
        var total = UInt128(0)
        for (index, key) in world.memberKeys.enumerated() {
            let share = try pool.multiplied(by: UInt128(500_000 + index * 100_000), dividedBy: 1_800_000)
            let earned = 2 * (Amount(tokens: 10).baseUnits + share.baseUnits)
            #expect(try world.member(key).paid.baseUnits == earned)
            #expect(try world.member(key).heldBack.isZero)
            #expect(try world.balance(key).baseUnits == Amount(tokens: 1_000_000).baseUnits + earned)
            total += earned
        }
        total += Amount(tokens: 2 * (3 * 3 + 5)).baseUnits
        #expect(record.paid.baseUnits == total)
        #expect(try world.balance(World.requester).baseUnits == before.baseUnits - total)

        for key in world.memberKeys {
            let budget = try world.budget(key)
            #expect(budget.spent == World.cost.multiplied(by: 2))
            #expect(budget.reserved.isZero)
            #expect(try world.score(key, .site) > 0)
        }
        let first: LineageRecord = try #require(try world.read(FederationPaths.lineage(world.job, 1)))
        let second: LineageRecord = try #require(try world.read(FederationPaths.lineage(world.job, 2)))
        #expect(first.previous == world.terms.initialModel && second.previous == first.model)
        #expect(second.model == record.model)
        #expect(first.included == world.terms.members && first.cost == World.cost.values)
        #expect(first.updates.count == 3 && first.evidence.count == 1)
        let paidAtOnce = first.paid.baseUnits + second.paid.baseUnits
        #expect(paidAtOnce == record.paid.baseUnits)
    }

    @Test("every step says so in an event that names those concerned") func events() throws {
        var world = try World()
        try world.begin()
        try world.wholeRound(1)
        let expected: [FederationEvent] = [
            .auditorRegistered, .jobSubmitted, .memberAccepted, .jobReady, .roundOpened, .memberCommitted,
            .commitsClosed,
            .drawWaits, .memberRevealed, .auditorsDrawn, .revealsClosed, .verdictGiven, .verdictsDecided,
            .modelProposed,
            .modelPublished, .partyPaid, .roundSettled,
        ]
        var rest = world.kinds[...]
        for kind in expected {
            let place = try #require(rest.firstIndex(of: kind.rawValue), "\(kind) is missing or out of order")
            rest = rest[place...]
        }
        for event in world.events where event.module == "federation" {
            #expect(!event.accounts.isEmpty)
            #expect(try CBORValue.decode(event.payload) != .null)
        }
        let draw = try #require(world.events.first { $0.kind == FederationEvent.auditorsDrawn.rawValue })
        #expect(Set(draw.accounts).isSuperset(of: try world.round(1).auditors))
    }

    @Test("half of the last round's pay is not paid before the end") func heldBack() throws {
        var world = try World { $0.payment.heldBackMillionths = 500_000 }
        try world.begin()
        try world.wholeRound(1)
        for key in world.memberKeys {
            let member = try world.member(key)
            #expect(member.paid.baseUnits - member.heldBack.baseUnits <= 1)
            #expect(!member.heldBack.isZero)
        }
        try world.expectExactPay()
    }

    @Test("views are read from the values of leaves") func views() throws {
        var world = try World()
        try world.begin()
        let store = world.ledger.state.store
        let job = try JobView(
            job: world.job, record: try #require(store.get(FederationPaths.job(world.job).bytes)),
            terms: try #require(store.get(FederationPaths.terms(world.job).bytes)))
        #expect(job.terms == world.terms && job.record.status == .running)
        let round = try RoundView(job: world.job, number: 1, record: try #require(store.get(job.roundPath)))
        #expect(round.record.participants == [0, 1, 2])
        let account = LedgerHarness.account(world.memberKeys[0])
        let member = try MemberView(
            record: try #require(store.get(job.memberPath(account))),
            submission: store.get(round.submissionPath(account)))
        #expect(member.record.status == .active && member.submission == nil)
        let budget = try world.budget(world.memberKeys[0])
        #expect(budget.admittedRounds(of: World.cost, upTo: 100) == 18)
    }

    @Test("sites need no tokens: the escrow pays, within its allowance") func escrowPays() throws {
        let fees = FeeSchedule(unitsPerByte: 1)
        var world = try World(fees: fees) { $0.payment.feeAllowance = Amount(baseUnits: 7_350_000_000_000_000) }
        try world.submit()
        let escrow = JobRecord.escrow(of: world.job)
        let key = world.memberKeys[0]
        let before = try world.balance(key)
        let body = AcceptBody(job: world.job, dataset: world.dataset(key), policy: .zero, rounds: 2)
        #expect(try world.send("accept", body, from: key, payer: escrow) == .ok)
        #expect(try world.balance(key) == before)
        #expect(try world.escrow() < world.terms.requiredEscrow())
        // Somebody who has no part in the job.
        #expect(throws: Refusal.self) {
            try world.send("advance", JobBody(job: world.job), from: World.outsider, payer: escrow)
        }
        // A share, of seven, covers one fee limit of 0.001 and a little; what is kept for pay is never touched.
        var refused = false
        for _ in 0..<200 where !refused {
            do {
                try world.send("accept", body, from: world.memberKeys[1], payer: escrow)
            } catch let refusal as Refusal {
                #expect(refusal.code == FederationCode.feeNotCovered.code)
                refused = true
            }
        }
        #expect(refused)
        let record = try world.record()
        #expect(try world.escrow() >= record.payFund)
    }

    @Test("an invited member's new dataset is registered at the job's cost, and nothing else of other modules is")
    func escrowPaysForRegistration() throws {
        var world = try World(fees: FeeSchedule(unitsPerByte: 1))
        try world.submit()
        let escrow = JobRecord.escrow(of: world.job)
        func register(_ key: UInt64, _ label: UInt8) throws -> ResultCode {
            let body = DatasetRegistration(
                label: .blake2b256([label]), unit: .record, relation: .addOrRemove, deltaTrillionths: 10_000_000,
                sizeBand: 100, maximumRecordsPerPerson: 0, limits: World.cost)
            return try world.send("register", body, from: key, module: "privacy", payer: escrow)
        }
        let before = try world.balance(world.memberKeys[0])
        #expect(try register(world.memberKeys[0], 77) == .ok)
        #expect(try world.balance(world.memberKeys[0]) == before)
        #expect(throws: Refusal.self) { try register(World.outsider, 78) }
        let body = Transfer(to: LedgerHarness.account(World.outsider), amount: Amount(tokens: 1))
        #expect(throws: Refusal.self) {
            try world.send("transfer", body, from: world.memberKeys[0], module: "tokens", payer: escrow)
        }
    }

    @Test("the same actions give the same state, action by action") func determinism() throws {
        func run() throws -> [Digest] {
            var world = try World()
            try world.begin()
            var roots = [world.ledger.state.store.root()]
            try world.wholeRound(1)
            roots.append(world.ledger.state.store.root())
            try world.wholeRound(2)
            return roots + [world.ledger.state.store.root()]
        }
        let (first, second) = (try run(), try run())
        #expect(first == second)
    }

    @Test("a refused action changes nothing but the sender's sequence") func refusedChangesNothing() throws {
        var world = try World()
        try world.begin()
        let prefix = Array("m/".utf8)
        let before = world.ledger.state.store.subtreeRoot(prefix: prefix)
        for key in [World.outsider, World.requester, 31] {
            #expect(try world.send("commit", world.commitBody(key, 1), from: key) != .ok)
            #expect(try world.send("propose", world.proposal(1, [0]), from: key) != .ok)
        }
        #expect(world.ledger.state.store.subtreeRoot(prefix: prefix) == before)
    }
}
