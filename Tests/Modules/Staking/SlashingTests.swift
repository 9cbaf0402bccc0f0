import Ledger
import LedgerSupport
import Primitives
import Testing
import Tokens

@testable import Staking

@Suite("Staking: slashing and jail") struct SlashingTests {
    @Test(
        "contradictory votes cost the stake behind them, and the validator its seat for good", arguments: [true, false])
    func slashes(_ isEquivocation: Bool) throws {
        var world = try StakingWorld(
            parameters: StakingWorld.parameters {
                $0.equivocationSlash = 50_000
                $0.amnesiaSlash = 20_000
            })
        try world.delegate(50_000, to: 1, .year, from: 50)
        let burned = try Supply.counters(world.ledger.state).burned
        let evidence =
            isEquivocation ? StakingWorld.equivocation(1, height: 1) : StakingWorld.amnesia(1, height: 1)
        #expect(try world.act(.report, ReportBody(evidence: evidence), from: 60) == .ok)
        let part: UInt64 = isEquivocation ? 7_500 : 3_000
        #expect(try world.record(1).bonded.stake == Amount(tokens: 150_000 - part))
        // A twentieth is the reporter's, the rest is gone.
        let reward = Amount(baseUnits: Amount(tokens: part).baseUnits / 20)
        #expect(try world.balance(60) == Amount(tokens: 5_000_000).adding(reward))
        #expect(
            try Supply.counters(world.ledger.state).burned
                == burned.adding(try Amount(tokens: part).subtracting(reward)))
        #expect(try world.record(1).isBarred)
        #expect(
            try world.act(.report, ReportBody(evidence: evidence), from: 60) == StakingCode.alreadyPunished.code)
        #expect(try world.act(.unjail, from: 11) == StakingCode.validatorBarred.code)
        #expect(try world.delegate(1, to: 1, from: 51) == StakingCode.validatorBarred.code)
        // Nobody stays bound to it, whatever was promised.
        #expect(try world.unbond(nil, from: 1, .year, by: 50) == .ok)
        try world.pass(10_000)
        #expect(try world.schedule().validators.power(of: LedgerHarness.key(1).publicKey) == nil)
        // Its key is worth nothing to another operator.
        let again = world.registration(1, operatorNumber: 20, tokens: 100_000)
        #expect(try world.act(.register, again, from: 20) == StakingCode.keyTaken.code)
    }

    @Test("votes that go together, of another chain, of a height to come or of nobody are no evidence")
    func notEvidence() throws {
        var world = try StakingWorld()
        func code(_ evidence: Evidence) throws -> ResultCode {
            try world.act(.report, ReportBody(evidence: evidence), from: 60)
        }
        let good = StakingWorld.equivocation(1, height: 1)
        #expect(try code(StakingWorld.evidence(1, good.first, good.first)) == StakingCode.evidenceUnproven.code)
        let forged = Evidence(
            offender: good.offender, first: good.first, second: good.second, firstSignature: good.firstSignature,
            secondSignature: good.firstSignature)
        #expect(try code(forged) == StakingCode.evidenceUnproven.code)
        func elsewhere(_ byte: UInt8) -> Vote {
            Vote(chain: .of(raw: [9]), height: 1, round: 0, step: .commit, headerID: .blake2b256([byte]))
        }
        #expect(
            try code(StakingWorld.evidence(1, elsewhere(1), elsewhere(2))) == StakingCode.evidenceUnproven.code)
        #expect(try code(StakingWorld.equivocation(1, height: 1_000)) == StakingCode.evidenceTooEarly.code)
        #expect(try code(StakingWorld.equivocation(7, height: 1)) == StakingCode.validatorUnknown.code)
        #expect(try code(StakingWorld.equivocation(1, height: 0)) == StakingCode.evidenceTooOld.code)
        #expect(try world.record(1).bonded.stake == Amount(tokens: 100_000))
    }

    @Test("stake that left after the offence is slashed too, stake that left before is not") func unbondingIsSlashed()
        throws
    {
        var world = try StakingWorld()
        for holder in UInt64(50)...51 { try world.delegate(1_000, to: 1, from: holder) }
        try world.pass(30_000)
        #expect(try world.unbond(nil, from: 1, by: 50) == .ok)
        try world.pass(10_000)
        // The set of the epoch that ended there certifies one block more.
        let lastBacked = world.ledger.height + 1
        try world.pass(1)
        let offence = lastBacked + 1
        #expect(try world.unbond(nil, from: 1, by: 51) == .ok)
        try world.act(.report, ReportBody(evidence: StakingWorld.equivocation(1, height: offence)), from: 60)
        try world.pass(10_000)
        try world.pass(21_000)
        #expect(try world.act(.withdraw, from: 50) == .ok)
        #expect(try world.act(.withdraw, from: 51) == .ok)
        #expect(try world.balance(50) == Amount(tokens: 5_000_000))
        #expect(try world.balance(51) == Amount(tokens: 4_999_950))
    }

    @Test("an offence of the last block that leaving stake backed slashes it") func boundary() throws {
        var world = try StakingWorld()
        try world.delegate(1_000, to: 1, from: 50)
        try world.pass(30_000)
        try world.unbond(nil, from: 1, by: 50)
        try world.pass(10_000)
        let lastBacked = world.ledger.height + 1
        try world.pass(1)
        try world.act(.report, ReportBody(evidence: StakingWorld.equivocation(1, height: lastBacked)), from: 60)
        try world.pass(21_000)
        #expect(try world.act(.withdraw, from: 50) == .ok)
        #expect(try world.balance(50) == Amount(tokens: 4_999_950))
    }

    @Test("evidence counts exactly as long as stake behind it may be held") func expiry() throws {
        var early = try StakingWorld()
        try early.pass(10_000)
        var late = early
        let evidence = ReportBody(evidence: StakingWorld.equivocation(1, height: 1))
        #expect(try early.act(.report, evidence, from: 60, afterMilliseconds: 20_999) == .ok)
        #expect(
            try late.act(.report, evidence, from: 60, afterMilliseconds: 21_000) == StakingCode.evidenceTooOld.code)
        // Whoever asked to leave in that epoch is paid from the same moment on.
        var leaving = try StakingWorld()
        try leaving.delegate(1_000, to: 1, from: 50)
        try leaving.pass(30_000)
        try leaving.unbond(nil, from: 1, by: 50)
        try leaving.pass(10_000)
        var before = leaving
        #expect(
            try before.act(.withdraw, from: 50, afterMilliseconds: 20_999) == StakingCode.nothingMatured.code)
        #expect(try leaving.act(.withdraw, from: 50, afterMilliseconds: 21_000) == .ok)
    }

    @Test("records of old epochs are deleted, and those that count stay") func epochRecords() throws {
        var world = try StakingWorld()
        for _ in 0..<40 { try world.pass(10_000) }
        let count = world.ledger.state.store.scan(prefix: StakingPaths.epochs.bytes, from: [], limit: .max).count
        #expect((3...6).contains(count), "\(count)")
    }

    @Test("whoever proposes nothing for long is jailed, not slashed, and comes back when it asks") func absence() throws
    {
        var world = try StakingWorld(
            parameters: StakingWorld.parameters {
                $0.absenceProposals = 5
                $0.jailMilliseconds = 5_000
            })
        // The harness proposes with key 0 alone. Of three silent validators with a quarter each, one may go at a time.
        for _ in 0..<20 { try world.pass(499) }
        try world.pass(20)
        let jailed = try (UInt64(1)...3).filter { try world.record($0).isJailed }
        #expect(jailed.count == 1)
        let number = try #require(jailed.first)
        #expect(try world.record(number).bonded.stake == Amount(tokens: 100_000))
        #expect(try world.schedule().validators.validators.count == 3)
        #expect(try world.act(.unjail, from: 10 + number) == StakingCode.jailed.code)
        try world.pass(5_000)
        #expect(try world.act(.unjail, from: 10 + number) == .ok)
        #expect(try world.act(.unjail, from: 10 + number) == StakingCode.notJailed.code)
        try world.pass(10_000)
        #expect(try world.schedule().validators.power(of: LedgerHarness.key(number).publicKey) != nil)
    }

    @Test("in a quiet epoch nobody is absent") func quiet() throws {
        var world = try StakingWorld(parameters: StakingWorld.parameters { $0.absenceProposals = 5 })
        for _ in 0..<4 { try world.pass(10_000) }
        for number in UInt64(1)...3 { #expect(try !world.record(number).isJailed) }
    }
}
