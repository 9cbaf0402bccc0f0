import Federation
import Ledger
import LedgerSupport
import Primitives
import Privacy
import Reputation
import Testing

@Suite("A party is lost in each phase") struct LostPartyTests {
    @Test("an invitation without answers ends with the escrow back") func nobodyAccepts() throws {
        var world = try World()
        let before = try world.balance(World.requester)
        try world.submit()
        try world.accept(world.memberKeys[0])
        try world.advance()
        #expect(try world.record().end == .tooFewMembers)
        #expect(try world.balance(World.requester) == before)
        #expect(try world.budget(world.memberKeys[0]).reserved.isZero)
    }

    @Test("after the deadline anyone starts a job with enough members") func startAfterDeadline() throws {
        var world = try World()
        try world.submit()
        for key in world.memberKeys.prefix(2) { try world.accept(key) }
        try world.advance()
        #expect(try world.round(1).participants.count == 2)
    }

    @Test("a member that does not commit is dropped from the round, after three in a row from the job") func noCommit()
        throws
    {
        var world = try World(members: 4) { $0.rounds = 5 }
        try world.begin()
        let absent = world.memberKeys[3]
        for round in UInt32(1)...3 {
            try world.commitAll(round, except: [absent])
            try world.advance()
            #expect(try world.submission(absent, round)?.state == .dropped)
            try world.revealAll(round, except: [absent])
            try world.judgeAll(round)
            try world.publish(round, [0, 1, 2])
        }
        #expect(try world.member(absent).status == .removed)
        #expect(try world.budget(absent).spent.isZero && world.budget(absent).reserved.isZero)
        #expect(try world.round(4).participants == [0, 1, 2])
    }

    @Test("a member that commits and does not reveal has spent its budget and gets nothing") func noReveal() throws {
        var world = try World()
        try world.begin()
        let absent = world.memberKeys[1]
        try world.commitAll(1)
        try world.revealAll(1, except: [absent])
        try world.advance()
        #expect(try world.submission(absent, 1)?.state == .dropped)
        #expect(try world.budget(absent).spent == World.cost)
        try world.judgeAll(1)
        try world.publish(1, [0, 2])
        #expect(try world.submission(absent, 1)?.earned.isZero == true)
        #expect(try world.record().round == 2)
    }

    @Test("if nobody reveals, the round is over and the model stays") func nobodyReveals() throws {
        var world = try World()
        try world.begin()
        try world.commitAll(1)
        try world.advance()
        if try world.round(1).phase == .reveal { try world.advance() }
        #expect(try world.round(1).phase == .settled)
        #expect(try world.record().model == world.terms.initialModel)
        try world.expectExactPay()
    }

    @Test("with fewer commitments than the least number nothing is revealed and the job ends") func tooFewCommit()
        throws
    {
        var world = try World()
        try world.begin()
        try world.must("commit", world.commitBody(world.memberKeys[0], 1), from: world.memberKeys[0])
        try world.advance()
        #expect(try world.record().end == .tooFewMembers)
        try world.expectExactPay()
        #expect(try world.budget(world.memberKeys[0]).spent == World.cost)
    }

    @Test("an update that is revealed is paid, whatever its sender does afterwards") func paidAfterLeaving() throws {
        var world = try World()
        try world.begin()
        try world.commitAll(1)
        try world.revealAll(1)
        let leaver = world.memberKeys[0]
        try world.must("withdraw", JobBody(job: world.job), from: leaver)
        #expect(try world.budget(leaver).reserved.isZero)
        try world.judgeAll(1)
        try world.publish(1, [0, 1, 2])
        #expect(try world.submission(leaver, 1)?.earned.isZero == false)
        #expect(try world.round(2).participants == [1, 2])
    }

    @Test("lost auditors are replaced by a larger draw and lose standing") func lostAuditors() throws {
        var world = try World(auditors: 7)
        try world.begin()
        try world.commitAll(1)
        try world.revealAll(1)
        let first = try world.drawn(1)
        try world.must(
            "verdict", VerdictBody(job: world.job, round: 1, outcomes: try world.outcomes(1)), from: first[0])
        try world.advance()
        #expect(try world.round(1).lostAuditors.count == 2)
        #expect(try world.round(1).auditorsToDraw == 3)
        try world.pass()
        #expect(try world.round(1).auditors.count == 4)
        let outcomes = try world.outcomes(1)
        for key in try world.drawn(1) where key != first[0] {
            try world.send("verdict", VerdictBody(job: world.job, round: 1, outcomes: outcomes), from: key)
        }
        #expect(try world.round(1).phase == .propose)
        #expect(try world.score(first[1], .auditor) < 0)
    }

    @Test("a job that nobody can audit ends before its first round, and the escrow goes back") func nobodyAudits()
        throws
    {
        var world = try World(auditors: 1)
        try world.begin()
        #expect(try world.record().end == .tooFewAuditors)
        #expect(try world.escrow().isZero)
        #expect(try world.record().paid == .zero)
        #expect(try world.budget(world.memberKeys[0]).reserved == .zero)
    }

    @Test("if all auditors are lost the job ends and revealed updates are paid the base") func allAuditorsLost() throws
    {
        var world = try World()
        try world.begin()
        try world.commitAll(1)
        try world.revealAll(1)
        try world.advance()
        #expect(try world.record().end == .tooFewAuditors)
        for key in world.memberKeys { #expect(try world.member(key).paid == Amount(tokens: 10)) }
        try world.expectExactPay()
        #expect(try world.escrow().isZero)
    }

    @Test("a lost aggregator can be replaced") func aggregatorReplaced() throws {
        var world = try World()
        try world.begin()
        try world.commitAll(1)
        try world.revealAll(1)
        try world.judgeAll(1)
        try world.advance()
        #expect(try world.round(1).isAggregatorLost)
        try world.must(
            "replace_aggregator", ReplaceBody(job: world.job, aggregator: LedgerHarness.account(99)),
            from: World.requester)
        try world.must("propose", world.proposal(1, [0, 1, 2]), from: 99)
        for key in try world.drawn(1).prefix(2) { try world.must("confirm", world.confirmation(1), from: key) }
        #expect(try world.record().round == 2)
    }

    @Test("a lost aggregator that is not replaced ends the job; accepted updates are paid in full")
    func aggregatorLost() throws {
        var world = try World()
        try world.begin()
        try world.commitAll(1)
        try world.revealAll(1)
        try world.judgeAll(1)
        try world.advance()
        try world.advance()
        #expect(try world.record().end == .aggregatorLost)
        for key in world.memberKeys { #expect(try world.member(key).paid > Amount(tokens: 10)) }
        try world.expectExactPay()
    }

    @Test("a model that auditors compute differently is rejected, and the aggregator is out after three")
    func rejected() throws {
        var world = try World()
        try world.begin()
        try world.commitAll(1)
        try world.revealAll(1)
        try world.judgeAll(1)
        for attempt in UInt32(1)...3 {
            try world.must("propose", world.proposal(1, [0, 1, 2]), from: World.aggregator)
            for key in try world.drawn(1).prefix(2) {
                try world.must("confirm", world.confirmation(1, isEqual: false), from: key)
            }
            #expect(try world.round(1).phase == .propose)
            #expect(try world.round(1).attempts == attempt)
        }
        #expect(try world.round(1).isAggregatorLost)
        #expect(try world.score(World.aggregator, .aggregator) < -250_000)
        #expect(try world.record().model == world.terms.initialModel)
    }

    @Test("auditors that do not confirm are replaced; with none left the job ends and the round is paid")
    func noConfirmation() throws {
        var world = try World(auditors: 4)
        try world.begin()
        try world.commitAll(1)
        try world.revealAll(1)
        try world.judgeAll(1)
        try world.must("propose", world.proposal(1, [0, 1, 2]), from: World.aggregator)
        try world.advance()
        #expect(try world.round(1).auditorsToDraw > 0)
        try world.pass()
        #expect(try world.round(1).auditors.count == 1)
        try world.must("confirm", world.confirmation(1), from: try #require(try world.drawn(1).first))
        #expect(try world.round(1).phase == .confirm)
        try world.advance()
        #expect(try world.record().end == .modelNotConfirmed)
        try world.expectExactPay()
        for key in world.memberKeys { #expect(try world.member(key).paid > Amount(tokens: 10)) }
    }

    @Test("the requester may abort at any moment, and owes what was revealed") func abort() throws {
        var world = try World()
        try world.begin()
        try world.commitAll(1)
        try world.must("reveal", world.revealBody(world.memberKeys[0], 1), from: world.memberKeys[0])
        try world.must("abort", JobBody(job: world.job), from: World.requester)
        #expect(try world.member(world.memberKeys[0]).paid == Amount(tokens: 10))
        #expect(try world.member(world.memberKeys[1]).paid.isZero)
        #expect(try world.record().end == .abortedByRequester)
        try world.expectExactPay()
    }

    @Test("a job that closes ends after the round that runs") func close() throws {
        var world = try World()
        try world.begin()
        try world.must("close", JobBody(job: world.job), from: World.requester)
        try world.wholeRound(1)
        #expect(try world.record().end == .closedEarly)
        try world.expectExactPay()
    }

    @Test("a site refuses a round because its budget is used up, and the others go on") func refusesRound() throws {
        var world = try World()
        try world.begin()
        let poor = world.memberKeys[2]
        let body = RefuseBody(job: world.job, round: 1, reason: SiteReason.budgetExhausted.rawValue)
        try world.commitAll(1, except: [poor])
        try world.must("refuse", body, from: poor)
        #expect(try world.round(1).phase == .reveal)
        #expect(try world.submission(poor, 1)?.reason == SiteReason.budgetExhausted.rawValue)
        try world.revealAll(1, except: [poor])
        try world.judgeAll(1)
        try world.publish(1, [0, 1])
        #expect(try world.round(2).participants == [0, 1, 2])
        #expect(try world.budget(poor).spent.isZero)
    }
}
