import Federation
import Ledger
import LedgerSupport
import Primitives
import Privacy
import Reputation
import Testing

/// Every code that Federation can refuse with is provoked here; the last test sees to it that none is forgotten.
@Suite("Federation refuses by name") struct RefusalTests {
    /// What the scenarios below provoke, by code.
    static let scenarios: [(code: FederationCode, provoke: @Sendable () throws -> ResultCode)] = [
        (
            .invalidTerms,
            {
                var world = try World { $0.quorum = 1 }
                return try world.send(
                    "submit", SubmitBody(terms: world.terms, escrow: Amount(tokens: 10_000)), from: World.requester)
            }
        ),
        (
            .escrowTooSmall,
            {
                var world = try World()
                let less = try world.terms.requiredEscrow().subtracting(Amount(baseUnits: 1))
                return try world.send("submit", SubmitBody(terms: world.terms, escrow: less), from: World.requester)
            }
        ),
        (
            .amountOverflow,
            {
                var world = try World { $0.payment.base = .maximum }
                return try world.send("submit", SubmitBody(terms: world.terms, escrow: .maximum), from: World.requester)
            }
        ),
        (
            .jobUnknown,
            {
                var world = try World()
                return try world.send("start", JobBody(job: .zero), from: 1)
            }
        ),
        (
            .notRequester,
            {
                var world = try begun()
                return try world.send("abort", JobBody(job: world.job), from: 99)
            }
        ),
        (
            .notMember,
            {
                var world = try begun()
                return try world.send("commit", world.commitBody(99, 1), from: 99)
            }
        ),
        (
            .notAggregator,
            {
                var world = try judged()
                return try world.send("propose", world.proposal(1, [0]), from: 1)
            }
        ),
        (
            .notAuditor,
            {
                var world = try revealed()
                return try world.send(
                    "verdict", VerdictBody(job: world.job, round: 1, outcomes: try world.outcomes(1)), from: 99)
            }
        ),
        (
            .wrongStatus,
            {
                var world = try begun()
                return try world.send("start", JobBody(job: world.job), from: 1)
            }
        ),
        (
            .wrongPhase,
            {
                var world = try begun()
                return try world.send("reveal", world.revealBody(world.memberKeys[0], 1), from: world.memberKeys[0])
            }
        ),
        (
            .wrongRound,
            {
                var world = try begun()
                return try world.send("commit", world.commitBody(world.memberKeys[0], 2), from: world.memberKeys[0])
            }
        ),
        (
            .deadlinePassed,
            {
                var world = try World()
                try world.submit()
                return try world.send(
                    "refuse", RefuseBody(job: world.job, round: 0, reason: 1), from: world.memberKeys[0], after: 61_000)
            }
        ),
        (
            .tooEarly,
            {
                var world = try begun()
                return try world.send("advance", JobBody(job: world.job), from: 99)
            }
        ),
        (
            .alreadyAnswered,
            {
                var world = try begun()
                let key = world.memberKeys[0]
                let body = RefuseBody(job: world.job, round: 1, reason: 1)
                try world.must("refuse", body, from: key)
                return try world.send("refuse", body, from: key)
            }
        ),
        (
            .unknownReason,
            {
                var world = try begun()
                return try world.send(
                    "refuse", RefuseBody(job: world.job, round: 1, reason: 999), from: world.memberKeys[0])
            }
        ),
        (
            .invalidRounds,
            {
                var world = try World()
                try world.submit()
                let key = world.memberKeys[0]
                return try world.send(
                    "accept", AcceptBody(job: world.job, dataset: world.dataset(key), policy: .zero, rounds: 3),
                    from: key)
            }
        ),
        (
            .costTooLow,
            {
                var world = try begun()
                let key = world.memberKeys[0]
                var body = world.commitBody(key, 1)
                var values = World.cost.values
                values[31] -= 1
                body.cost = try #require(CostVector(values))
                return try world.send("commit", body, from: key)
            }
        ),
        (
            .notCommitted,
            {
                var world = try begun()
                try world.commitAll(1, except: [world.memberKeys[0]])
                try world.must(
                    "refuse", RefuseBody(job: world.job, round: 1, reason: 7), from: world.memberKeys[0])
                return try world.send("reveal", world.revealBody(world.memberKeys[0], 1), from: world.memberKeys[0])
            }
        ),
        (
            .updateAlreadyRevealed,
            {
                var world = try begun()
                let (first, second) = (world.memberKeys[0], world.memberKeys[1])
                let bytes = world.update(first, 1)
                try world.must("commit", world.commitBody(second, 1, bytes), from: second)
                try world.commitAll(1, except: [second])
                try world.must("reveal", world.revealBody(first, 1), from: first)
                return try world.send("reveal", world.revealBody(second, 1, bytes), from: second)
            }
        ),
        (
            .incompleteVerdict,
            {
                var world = try revealed()
                let some = Array(try world.outcomes(1).dropLast())
                return try world.send(
                    "verdict", VerdictBody(job: world.job, round: 1, outcomes: some), from: try world.drawn(1)[0])
            }
        ),
        (
            .invalidOutcome,
            {
                var world = try revealed()
                let high = try world.outcomes(1) { _, outcome in outcome.scoreMillionths = 1_000_001 }
                return try world.send(
                    "verdict", VerdictBody(job: world.job, round: 1, outcomes: high), from: try world.drawn(1)[0])
            }
        ),
        (
            .invalidInclusion,
            {
                var world = try judged()
                return try world.send("propose", world.proposal(1, [1, 0]), from: World.aggregator)
            }
        ),
        (
            .proposalMismatch,
            {
                var world = try judged()
                try world.must("propose", world.proposal(1, [0, 1, 2]), from: World.aggregator)
                return try world.send(
                    "confirm",
                    ConfirmBody(job: world.job, round: 1, model: .of(raw: [5]), root: .zero, isEqual: true),
                    from: try world.drawn(1)[0])
            }
        ),
        (
            .tooFewMembers,
            {
                var world = try World()
                try world.submit()
                for key in world.memberKeys.dropFirst() {
                    try world.must("refuse", RefuseBody(job: world.job, round: 0, reason: 2), from: key)
                }
                try world.accept(world.memberKeys[0])
                return try world.send("start", JobBody(job: world.job), from: World.requester)
            }
        ),
        (
            .invalidEvidence,
            {
                var world = try begun()
                let signature = LedgerHarness.key(99).sign([0])
                let body = EvidenceBody(
                    job: world.job, round: 1, member: world.terms.members[0], first: .of(raw: [1]),
                    firstSignature: signature, second: .of(raw: [2]), secondSignature: signature)
                return try world.send("evidence", body, from: 99)
            }
        ),
        (
            .alreadyRegistered,
            {
                var world = try World()
                return try world.send(
                    "register_auditor", RegisterAuditorBody(verifiers: world.terms.verifiers), from: 31)
            }
        ),
        (
            .notRegistered,
            {
                var world = try World()
                return try world.send("retire_auditor", RetireAuditorBody(), from: 99)
            }
        ),
        (
            .auditorBusy,
            {
                var world = try revealed()
                return try world.send("retire_auditor", RetireAuditorBody(), from: try world.drawn(1)[0])
            }
        ),
        (
            .feeNotCovered,
            {
                var world = try World(fees: FeeSchedule())
                try world.submit()
                let escrow = JobRecord.escrow(of: world.job)
                do {
                    return try world.send("advance", JobBody(job: world.job), from: 99, payer: escrow)
                } catch let refusal as Refusal {
                    return refusal.code
                }
            }
        ),
        (
            .barred,
            {
                // Slashed in one job, not welcome in the next.
                var world = try begun()
                try world.commitAll(1)
                let cheat = world.memberKeys[0]
                try world.must("reveal", world.revealBody(cheat, 1, .of(raw: [77])), from: cheat)
                try world.must("abort", JobBody(job: world.job), from: World.requester)
                try world.submit()
                return try world.send(
                    "accept", AcceptBody(job: world.job, dataset: world.dataset(cheat), policy: .zero, rounds: 1),
                    from: cheat)
            }
        ),
        (
            .registerFull,
            {
                var world = try World(auditors: 2, parameters: FederationParameters(maximumAuditors: 2))
                return try world.send(
                    "register_auditor", RegisterAuditorBody(verifiers: world.terms.verifiers), from: 99)
            }
        ),
    ]

    static func begun() throws -> World {
        var world = try World()
        try world.begin()
        return world
    }

    static func revealed() throws -> World {
        var world = try begun()
        try world.commitAll(1)
        try world.revealAll(1)
        return world
    }

    static func judged() throws -> World {
        var world = try revealed()
        try world.judgeAll(1)
        return world
    }

    @Test("each code is given for what it says", arguments: scenarios.indices) func refuses(_ index: Int) throws {
        let scenario = RefusalTests.scenarios[index]
        #expect(try scenario.provoke() == scenario.code.code, "\(scenario.code)")
    }

    @Test("no code is left out") func allCodes() {
        // A defect of the module itself, and a race that the phases exclude, cannot be provoked from outside.
        let unreachable: Set<FederationCode> = [.inconsistentState, .nothingAccepted]
        let provoked = Set(RefusalTests.scenarios.map(\.code))
        #expect(provoked.union(unreachable) == Set(FederationCode.allCases))
        #expect(provoked.isDisjoint(with: unreachable))
    }

    @Test("terms whose parts do not fit are refused by the name of the field") func misfits() throws {
        let changes: [@Sendable (inout JobTerms) -> Void] = [
            { $0.mechanism.shown = .oneSum },
            {
                $0.mechanism.shown = .oneSum
                $0.payment.scorePool = .zero
                $0.aggregation.rule = "median"
            },
            { $0.members.reverse() }, { $0.members[1] = $0.members[0] }, { $0.minimumMembers = 4 }, { $0.rounds = 0 },
            { $0.costPerRound = .zero }, { $0.guarantee.deltaTrillionths = 0 }, { $0.guarantee.epsilonBillionths = 0 },
            { $0.verifiers = [] }, { $0.quorum = 4 }, { $0.payment.heldBackMillionths = 1_000_001 },
            { $0.deadlines.revealMilliseconds = 0 }, { $0.modelDescriptor = "" }, { $0.purpose = "" },
        ]
        for (index, change) in changes.enumerated() {
            // The register of auditors takes no empty list, so that case starts from a world with the usual one.
            var world = try World()
            change(&world.terms)
            let code = try world.send(
                "submit", SubmitBody(terms: world.terms, escrow: Amount(tokens: 10_000)), from: World.requester)
            #expect(code == FederationCode.invalidTerms.code, "change \(index)")
        }
    }

    @Test("reveals are not open in the block that closes the commit phase") func revealInTheSameBlock() throws {
        var world = try RefusalTests.begun()
        let last = world.memberKeys[2]
        try world.commitAll(1, except: [last])
        let commit = try world.ledger.call("federation", ActionCall("commit", world.commitBody(last, 1)), from: last)
        let reveal = try world.ledger.call(
            "federation", ActionCall("reveal", world.revealBody(last, 1)), from: last, skipping: 1)
        let receipts = try world.ledger.block([commit, reveal])
        #expect(receipts.prefix(2).map(\.code) == [.ok, FederationCode.tooEarly.code])
        #expect(try world.round(1).auditors.isEmpty)
        try world.pass()
        #expect(try world.round(1).auditors.count == 3)
    }

    @Test("a commitment is charged once, and another one again") func chargedOnce() throws {
        var world = try RefusalTests.begun()
        let key = world.memberKeys[0]
        try world.must("commit", world.commitBody(key, 1), from: key)
        try world.must("commit", world.commitBody(key, 1), from: key)
        #expect(try world.budget(key).spent == World.cost)
        try world.must("commit", world.commitBody(key, 1, .of(raw: [55])), from: key)
        #expect(try world.budget(key).spent == World.cost.multiplied(by: 2))
        #expect(try world.submission(key, 1)?.commitment == world.commitment(key, 1, .of(raw: [55])))
    }

    @Test("a body that is not its tuple is malformed, whatever the action and the bytes") func fuzzBodies() throws {
        let world = try RefusalTests.begun()
        let seed = UInt64.random(in: 0...UInt64.max)
        var random = SeededGenerator(seed: seed)
        let samples: [[UInt8]] = [
            SubmitBody(terms: world.terms, escrow: .zero).encoded(), world.commitBody(11, 1).encoded(),
            world.revealBody(11, 1).encoded(), world.proposal(1, [0, 1]).encoded(), world.confirmation(1).encoded(),
            AcceptBody(job: world.job, dataset: .zero, policy: .zero, rounds: 1).encoded(),
            RefuseBody(job: world.job, round: 0, reason: 1).encoded(), JobBody(job: world.job).encoded(),
            VerdictBody(
                job: world.job, round: 1,
                outcomes: [MemberOutcome(member: 0, outcome: .accepted, scoreMillionths: 1, evidence: .of(raw: []))]
            ).encoded(),
            RegisterAuditorBody(verifiers: world.terms.verifiers).encoded(), RetireAuditorBody().encoded(),
            ReplaceBody(job: world.job, aggregator: LedgerHarness.account(1)).encoded(), World.registration().encoded(),
            ReserveBody(dataset: .zero, job: .zero, costPerRound: World.cost, rounds: 1).encoded(),
            SpendBody(dataset: .zero, job: .zero, round: 1, commitment: .zero, cost: World.cost).encoded(),
            EvidenceBody(
                job: world.job, round: 1, member: world.terms.members[0], first: .of(raw: [1]),
                firstSignature: LedgerHarness.key(1).sign([0]), second: .of(raw: [2]),
                secondSignature: LedgerHarness.key(1).sign([1])
            ).encoded(),
        ]
        var ledger = world.ledger
        for _ in 0..<3_000 {
            guard var bytes = samples.randomElement(using: &random) else { continue }
            mutate(&bytes, &random)
            let federation = FederationModule.Action.allCases.randomElement(using: &random)?.rawValue ?? "submit"
            let privacy = PrivacyModule.Action.allCases.randomElement(using: &random)?.rawValue ?? "spend"
            let isFederation = Bool.random(using: &random)
            // Refused, or accepted because the change made another valid body; never a crash, never a broken invariant.
            let call = ActionCall(action: isFederation ? federation : privacy, body: bytes)
            let sender = world.memberKeys.randomElement(using: &random) ?? 11
            do { try ledger.apply(isFederation ? "federation" : "privacy", call, from: sender) } catch {
                Issue.record("seed \(seed): \(error)")
                return
            }
        }
    }
}
