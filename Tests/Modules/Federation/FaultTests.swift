import Federation
import Ledger
import LedgerSupport
import Primitives
import Privacy
import Reputation
import Testing

@Suite("Faults, lost parties and dishonest minorities") struct FaultTests {
    @Test("the same bytes in a later round are a proven replay: slashed, held-back pay forfeited") func replay() throws
    {
        var world = try World()
        try world.begin()
        try world.wholeRound(1)
        let cheat = world.memberKeys[0]
        let old = world.update(cheat, 1)
        try world.must("commit", world.commitBody(cheat, 2, old), from: cheat)
        try world.commitAll(2, except: [cheat])
        try world.must("reveal", world.revealBody(cheat, 2, old), from: cheat)
        #expect(try world.member(cheat).status == .slashed)
        #expect(try world.submission(cheat, 2)?.state == .replayed)
        #expect(try !world.member(cheat).forfeited.isZero)
        #expect(try world.score(cheat, .site) < -250_000)
        try world.revealAll(2, except: [cheat])
        try world.judgeAll(2)
        try world.publish(2, [1, 2])
        #expect(try world.record().status == .finished)
        try world.expectExactPay()
        // Only round 1, and of that only what was not held back.
        let share = try Amount(tokens: 100).multiplied(by: 500_000, dividedBy: 1_800_000)
        let earned = Amount(tokens: 10).baseUnits + share.baseUnits
        #expect(try world.member(cheat).paid.baseUnits == earned - earned / 5)
        #expect(try world.budget(cheat).reserved.isZero)
    }

    @Test("the bytes of another member of an earlier round are a proven replay too") func replayOfAnother() throws {
        var world = try World()
        try world.begin()
        try world.wholeRound(1)
        let (cheat, victim) = (world.memberKeys[0], world.memberKeys[1])
        let stolen = world.update(victim, 1)
        try world.must("commit", world.commitBody(cheat, 2, stolen), from: cheat)
        try world.commitAll(2, except: [cheat])
        try world.must("reveal", world.revealBody(cheat, 2, stolen), from: cheat)
        #expect(try world.member(cheat).status == .slashed)
        #expect(try world.member(victim).status == .active)
    }

    @Test("within one round nobody is blamed for equal bytes, and the second is not taken") func sameRound() throws {
        var world = try World()
        try world.begin()
        let (first, second) = (world.memberKeys[0], world.memberKeys[1])
        let bytes = world.update(first, 1)
        try world.must("commit", world.commitBody(second, 1, bytes), from: second)
        try world.commitAll(1, except: [second])
        try world.must("reveal", world.revealBody(first, 1), from: first)
        let code = try world.send("reveal", world.revealBody(second, 1, bytes), from: second)
        #expect(code == FederationCode.updateAlreadyRevealed.code)
        #expect(try world.member(second).status == .active)
    }

    @Test("a reveal that does not open the commitment is a proven fault") func falseOpening() throws {
        var world = try World()
        try world.begin()
        try world.commitAll(1)
        let cheat = world.memberKeys[2]
        try world.must("reveal", world.revealBody(cheat, 1, .of(raw: [77])), from: cheat)
        #expect(try world.member(cheat).status == .slashed)
        #expect(try world.submission(cheat, 1)?.state == .falselyOpened)
        #expect(try world.record().active == 2)
    }

    @Test("two signed statements for one round slash; one, or unsigned ones, do not") func equivocation() throws {
        var world = try World()
        try world.begin()
        try world.commitAll(1)
        try world.revealAll(1)
        let cheat = world.memberKeys[1]
        let key = LedgerHarness.key(cheat)
        func signature(_ update: CID) throws -> Signature {
            let statement = UpdateStatement(
                chain: LedgerHarness.chain, job: world.job, round: 1, member: LedgerHarness.account(cheat),
                update: update)
            return key.sign(signedBytes(kind: "update", body: statement.message))
        }
        let (one, two) = (CID.of(raw: [1, 1]), CID.of(raw: [2, 2]))
        let evidence = EvidenceBody(
            job: world.job, round: 1, member: LedgerHarness.account(cheat), first: one,
            firstSignature: try signature(one),
            second: two, secondSignature: try signature(two))
        var same = evidence
        same.second = one
        same.secondSignature = evidence.firstSignature
        #expect(try world.send("evidence", same, from: 99) == FederationCode.invalidEvidence.code)
        var forged = evidence
        forged.secondSignature = evidence.firstSignature
        #expect(try world.send("evidence", forged, from: 99) == FederationCode.invalidEvidence.code)
        try world.must("evidence", evidence, from: 99)
        #expect(try world.member(cheat).status == .slashed)
        #expect(try world.submission(cheat, 1)?.state == .equivocated)
        #expect(try world.send("evidence", evidence, from: 99) == FederationCode.alreadyAnswered.code)
        try world.judgeAll(1)
        #expect(try world.round(1).phase == .propose)
    }

    @Test("a dishonest auditor in the minority decides nothing, is not paid and loses standing") func minority() throws
    {
        var world = try World()
        try world.begin()
        try world.commitAll(1)
        try world.revealAll(1)
        let auditors = try world.drawn(1)
        let honest = try world.outcomes(1)
        let lying = try world.outcomes(1) { member, outcome in
            if member == 0 { outcome.outcome = .suspectedNoise }
        }
        try world.must("verdict", VerdictBody(job: world.job, round: 1, outcomes: lying), from: auditors[0])
        try world.must("verdict", VerdictBody(job: world.job, round: 1, outcomes: honest), from: auditors[1])
        #expect(try world.round(1).phase == .audit)
        try world.must("verdict", VerdictBody(job: world.job, round: 1, outcomes: honest), from: auditors[2])
        #expect(try world.submission(world.memberKeys[0], 1)?.outcome == .accepted)
        let before = try world.balance(auditors[0])
        try world.publish(1, [0, 1, 2])
        #expect(try world.balance(auditors[0]) == before)
        #expect(try world.score(auditors[0], .auditor) < 0)
        #expect(try world.score(auditors[1], .auditor) > 0)
        try world.expectExactPay()
    }

    @Test("a verdict that comes after the quorum is paid all the same") func lateVerdict() throws {
        var world = try World()
        try world.begin()
        try world.commitAll(1)
        try world.revealAll(1)
        let auditors = try world.drawn(1)
        let outcomes = try world.outcomes(1)
        for key in auditors.prefix(2) {
            try world.must("verdict", VerdictBody(job: world.job, round: 1, outcomes: outcomes), from: key)
        }
        #expect(try world.round(1).phase == .propose)
        try world.must("verdict", VerdictBody(job: world.job, round: 1, outcomes: outcomes), from: auditors[2])
        let before = try world.balance(auditors[2])
        try world.publish(1, [0, 1, 2])
        #expect(try world.balance(auditors[2]).baseUnits == before.baseUnits + Amount(tokens: 3).baseUnits)
    }

    @Test("without a quorum a larger draw decides") func largerDraw() throws {
        var world = try World(auditors: 9)
        try world.begin()
        try world.commitAll(1)
        try world.revealAll(1)
        let first = try world.drawn(1)
        for (index, key) in first.enumerated() {
            let said = try world.outcomes(1) { member, outcome in
                if member == 0 { outcome.scoreMillionths = UInt32(index) }
            }
            try world.must("verdict", VerdictBody(job: world.job, round: 1, outcomes: said), from: key)
        }
        #expect(try world.round(1).auditorsToDraw == 3)
        try world.must("advance", JobBody(job: world.job), from: 99)
        #expect(try world.round(1).auditors.count == 6)
        let outcomes = try world.outcomes(1)
        var phase = try world.round(1).phase
        for key in try world.drawn(1) where !first.contains(key) && phase == .audit {
            try world.must("verdict", VerdictBody(job: world.job, round: 1, outcomes: outcomes), from: key)
            phase = try world.round(1).phase
        }
        // Three say one thing, three say three others: four of six are needed, so a last draw follows.
        #expect(try world.round(1).auditorsToDraw == 3)
        try world.must("advance", JobBody(job: world.job), from: 99)
        #expect(try world.round(1).auditors.count == 9)
        let spoken = Set(first)
        for key in try world.drawn(1) where !spoken.contains(key) {
            try world.send("verdict", VerdictBody(job: world.job, round: 1, outcomes: outcomes), from: key)
        }
        #expect(try world.round(1).phase == .propose)
        #expect(try world.submission(world.memberKeys[0], 1)?.outcome == .accepted)
        try world.must("propose", world.proposal(1, [0, 1, 2]), from: World.aggregator)
        for key in try world.drawn(1).prefix(5) { try world.must("confirm", world.confirmation(1), from: key) }
        #expect(try world.record().round == 2)
        try world.expectExactPay()
    }

    @Test("with no more auditors an open question stays open: the base is paid, nothing is included") func undecided()
        throws
    {
        var world = try World(auditors: 3)
        try world.begin()
        try world.commitAll(1)
        try world.revealAll(1)
        for (index, key) in try world.drawn(1).enumerated() {
            let said = try world.outcomes(1) { _, outcome in outcome.scoreMillionths = UInt32(index) }
            try world.must("verdict", VerdictBody(job: world.job, round: 1, outcomes: said), from: key)
        }
        #expect(try world.round(1).phase == .settled)
        for key in world.memberKeys {
            #expect(try world.submission(key, 1)?.outcome == .undecided)
            #expect(try world.submission(key, 1)?.earned == Amount(tokens: 10))
        }
        #expect(try world.record().model == world.terms.initialModel)
        #expect(try world.record().round == 2)
    }

    @Test("nobody judges itself: a member drawn as auditor has no say on its own update") func selfJudgement() throws {
        // Only members are auditors.
        var world = try World(members: 4, auditors: 0, register: false)
        for key in world.memberKeys {
            try world.must("register_auditor", RegisterAuditorBody(verifiers: world.terms.verifiers), from: key)
            try world.must("register", World.registration(), from: key, module: "privacy")
        }
        try world.begin()
        try world.commitAll(1)
        try world.revealAll(1)
        let auditors = try world.drawn(1)
        #expect(auditors.count == 3)
        let selfish = auditors[0]
        let own = try #require(world.memberKeys.firstIndex(of: selfish))
        let good = try world.outcomes(1)
        let bad = try world.outcomes(1) { member, outcome in if member == UInt32(own) { outcome.outcome = .lowScore } }
        try world.must("verdict", VerdictBody(job: world.job, round: 1, outcomes: good), from: selfish)
        try world.must("verdict", VerdictBody(job: world.job, round: 1, outcomes: bad), from: auditors[1])
        try world.must("verdict", VerdictBody(job: world.job, round: 1, outcomes: bad), from: auditors[2])
        #expect(try world.submission(selfish, 1)?.outcome == .lowScore)
    }

    @Test("scores and suspicions change pay, and slash nobody") func suspicion() throws {
        var world = try World(members: 4)
        try world.begin()
        try world.commitAll(1)
        try world.revealAll(1)
        let kinds: [Outcome] = [.lowScore, .suspectedNoise, .provenReplay]
        try world.judgeAll(1) { member, outcome in
            if member < 3 { outcome.outcome = kinds[Int(member)] }
        }
        try world.publish(1, [3])
        for key in world.memberKeys.prefix(3) {
            #expect(try world.member(key).status == .active)
            #expect(try world.submission(key, 1)?.earned.isZero == true)
            #expect(try world.score(key, .site) < 0)
        }
        #expect(try world.submission(world.memberKeys[3], 1)?.earned == Amount(tokens: 110))
    }
}
