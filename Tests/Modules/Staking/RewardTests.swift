import Ledger
import LedgerSupport
import Primitives
import Testing
import Tokens

@testable import Staking

@Suite("Staking: rewards") struct RewardTests {
    /// 3,650,000 tokens in 365 days of the calendar: 10,000 a day.
    static func issuing(limit: UInt64 = 1_000_000) -> StakingParameters {
        StakingWorld.parameters {
            $0.issuancePerYear = Amount(tokens: 3_650_000)
            $0.issuanceLimit = Amount(tokens: limit)
            $0.epochMilliseconds = 86_400_000
            $0.dayMilliseconds = 86_400_000
        }
    }

    @Test("new tokens are shared by stake: commission first, then everyone by weight, to the unit") func issuance()
        throws
    {
        var world = try StakingWorld(
            stakes: [100_000, 300_000], commission: 100_000, parameters: Self.issuing())
        try world.delegate(100_000, to: 0, from: 50)
        let before = try Supply.total(world.ledger.state)
        // This epoch is shared by the stakes with which it began: 1 to 3.
        try world.pass(86_399_999)
        let due = Amount(tokens: 10_000)
        #expect(try Supply.total(world.ledger.state) == before.adding(due))
        // 2,500 for the first: 250 commission, and 1,125 each for its own and the delegated 100,000.
        try world.act(.collect, from: 50)
        try Self.expect(world, 50, 4_901_125)
        try world.act(.collect, from: 10)
        try Self.expect(world, 10, 4_900_000 + 1_375)
        try world.act(.collect, from: 11)
        try Self.expect(world, 11, 4_700_000 + 7_500)
        #expect(try world.act(.collect, from: 11) == StakingCode.nothingToCollect.code)
        // The next one knows of the delegation: 2 to 3.
        try world.pass(86_400_000 - 4)
        try world.act(.collect, from: 11)
        try Self.expect(world, 11, 4_707_500 + 6_000)
    }

    /// What division leaves over waits for the next reward: less than a millionth of a token is missing, none too many.
    private static func expect(_ world: StakingWorld, _ account: UInt64, _ tokens: UInt64) throws {
        let missing = try Amount(tokens: tokens + 1).subtracting(try world.balance(account))
        let token = Amount.baseUnitsPerToken
        #expect((token..<token + token / 1_000_000).contains(missing.baseUnits), "\(account): \(missing)")
    }

    @Test("no more is ever made than the limit") func limit() throws {
        var world = try StakingWorld(parameters: Self.issuing(limit: 15_000))
        let before = try Supply.total(world.ledger.state)
        for _ in 0..<3 { try world.pass(86_400_000) }
        #expect(try Supply.total(world.ledger.state) == before.adding(Amount(tokens: 15_000)))
    }

    @Test("half a year's promise weighs 1.2, a year's 1.5, and only while it lasts") func bonuses() throws {
        var world = try StakingWorld(stakes: [100_000], parameters: Self.issuing(limit: 100_000_000))
        for (holder, term) in [(UInt64(50), LockTerm.month), (51, .halfYear), (52, .year)] {
            try world.delegate(100_000, to: 0, term, from: holder)
        }
        func earned(_ world: inout StakingWorld) throws -> [UInt128] {
            var amounts: [UInt128] = []
            for holder in UInt64(50)...52 {
                let before = try world.balance(holder)
                try world.act(.collect, from: holder)
                amounts.append(try world.balance(holder).subtracting(before).baseUnits)
            }
            return amounts
        }
        try world.pass(86_400_000)
        let first = try earned(&world)
        func weighs(_ amount: UInt128, _ tenths: UInt128, of other: UInt128) -> Bool {
            let (left, right) = (amount * 10, other * tenths)
            return max(left, right) - min(left, right) < 100
        }
        #expect(weighs(first[1], 12, of: first[0]) && weighs(first[2], 15, of: first[0]))
        // After 182 days the second's bonus has ended, the third's has not.
        try world.pass(182 * 86_400_000)
        _ = try earned(&world)
        try world.pass(86_400_000)
        let second = try earned(&world)
        #expect(weighs(second[1], 10, of: second[0]) && weighs(second[2], 15, of: second[0]))
        try world.pass(183 * 86_400_000)
        _ = try earned(&world)
        try world.pass(86_400_000)
        let third = try earned(&world)
        #expect(weighs(third[1], 10, of: third[0]) && weighs(third[2], 10, of: third[0]))
    }

    @Test("the proposer's share of fees goes to the proposer's delegators, not to its account") func fees() throws {
        var world = try StakingWorld(stakes: [100_000, 100_000], fees: FeeSchedule())
        let transfer = ActionCall("transfer", Transfer(to: LedgerHarness.account(51), amount: Amount(tokens: 1)))
        let receipt = try world.ledger.apply("tokens", transfer, from: 50)
        let parameters = try TokensParameters()
        let burned = receipt.fee.baseUnits / 2
        let share = receipt.fee.baseUnits - burned - receipt.fee.baseUnits / 5
        #expect(parameters.proposerShare == 300_000)
        #expect(try world.ledger.state.balance(of: world.ledger.proposer).isZero)
        #expect(try world.record(0).rewards.outstanding.baseUnits == share)
        #expect(try world.record(1).rewards.outstanding.isZero)
    }

    @Test("what cannot be divided waits, and is nobody's loss") func remainders() throws {
        var pool = RewardPool()
        try pool.changeWeight(from: 0, to: 3)
        for _ in 0..<10 { pool.add(Amount(baseUnits: 1)) }
        let earned = pool.earned(weight: 1, since: 0)
        #expect(earned.baseUnits == 3)
        #expect(pool.outstanding.baseUnits == 10)
        for _ in 0..<3 { _ = pool.take(weight: 1, since: 0) }
        try pool.changeWeight(from: 3, to: 0)
        #expect(pool.pending.baseUnits == 1 && pool.outstanding.baseUnits == 1)
    }
}
