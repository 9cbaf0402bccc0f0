import Ledger
import LedgerSupport
import Primitives
import Reputation
import Testing
import Tokens

@Suite("Reputation") struct ScoreTests {
    static let account = LedgerHarness.account(5)

    static func harness() throws -> LedgerHarness {
        try LedgerHarness(
            modules: [TokensModule(), ReputationModule()], parameters: LedgerParameters(fees: .free),
            invariant: Supply.checkConservation)
    }

    static func note(_ reasons: [ReputationReason], days: UInt64 = 0) throws -> (score: Int64, tier: ReputationTier) {
        var ledger = try harness()
        let block = BlockInfo(height: 1, timeMilliseconds: 1_700_000_001_000, beacon: .zero, proposer: ledger.proposer)
        var execution = ledger.state.begin(block)
        for reason in reasons {
            try execution.withContext(as: "market", sender: account) { (context) throws(Refusal) in
                try Scores.note(account, .site, reason, &context)
            }
        }
        try ledger.block()
        let bytes = try execution.finish().changes.first { $0.path == Scores.path(account, .site).bytes }?.value
        let record = try ReputationRecord.decode(try #require(bytes))
        let now = 1_700_000_001_000 + days * ReputationRecord.fadePeriodMilliseconds
        return (record.score(at: now), record.tier(at: now))
    }

    @Test("nobody writes a score by a transaction") func noActions() throws {
        #expect(ReputationModule().actions.isEmpty)
        var ledger = try Self.harness()
        #expect(try ledger.apply("reputation", ActionCall("set", 5 as UInt64), from: 1).code == .unknownAction)
    }

    @Test("scores are bounded: gains shrink near the top, losses count in full") func bounds() throws {
        let top = try Self.note(Array(repeating: .workAccepted, count: 500))
        #expect(top.score > 900_000 && top.score <= ReputationRecord.bound && top.tier == .senior)
        let bottom = try Self.note(Array(repeating: .provenFault, count: 50))
        #expect(bottom.score == -ReputationRecord.bound && bottom.tier == .barred)
        #expect(try Self.note([.workAccepted]).tier == .newcomer)
    }

    @Test("both praise and blame fade with the chain's time, and vanish") func fades() throws {
        let fresh = try Self.note(Array(repeating: .workAccepted, count: 20))
        let later = try Self.note(Array(repeating: .workAccepted, count: 20), days: 22)
        #expect(later.score * 100 / fresh.score >= 45 && later.score * 100 / fresh.score <= 55)
        #expect(try Self.note([.provenFault], days: 400).score == 0)
        #expect(try Self.note([.provenFault], days: 60).tier > .barred)
    }

    @Test("newcomers are always audited and nobody is audited less than one time in twenty") func auditRate() {
        #expect(Scores.auditRateMillionths(score: 0) == 1_000_000)
        #expect(Scores.auditRateMillionths(score: -5) == 1_000_000)
        #expect(Scores.auditRateMillionths(score: ReputationRecord.bound) == 50_000)
        #expect(Scores.auditRateMillionths(score: .max) == 50_000)
    }
}
