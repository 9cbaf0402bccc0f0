import Ledger
import LedgerSupport
import Primitives
import Reputation
import Testing

@testable import Staking

/// Power by stake and contribution: what holds whatever the scores are.
@Suite("Staking: power") struct PowerTests {
    private typealias Candidate = PowerTable.Candidate

    private static func candidates(
        _ count: Int, _ random: inout SeededGenerator, scores: Bool = true
    ) -> [PowerTable.Candidate] {
        let isFlat = Bool.random(using: &random)
        return (0..<count).map { _ in
            let tokens = isFlat ? 100_000 : UInt64.random(in: 10_000...2_000_000, using: &random)
            let isBest = Bool.random(using: &random)
            let score = isBest ? PowerTable.scoreLimit : UInt64.random(in: 0...PowerTable.scoreLimit, using: &random)
            return PowerTable.Candidate(tokens: tokens, score: scores ? score : 0)
        }
    }

    @Test("holders of less than a third of the stake never have a third of the power, whatever the scores")
    func third() {
        let seed = UInt64.random(in: 0...UInt64.max)
        var random = SeededGenerator(seed: seed)
        var damped = 0
        for _ in 0..<300 {
            let candidates = Self.candidates(Int.random(in: 1...12, using: &random), &random)
            let table = PowerTable(candidates)
            if table.halvings != nil { damped += 1 }
            let tokens = candidates.map(\.tokens)
            let (all, power) = (tokens.reduce(0, +), table.powers.reduce(0, +))
            for coalition in 0..<(1 << candidates.count) {
                let members = candidates.indices.filter { coalition >> $0 & 1 == 1 }
                guard 3 * members.reduce(0, { $0 + tokens[$1] }) < all else { continue }
                let held = members.reduce(0) { $0 + table.powers[$1] }
                #expect(3 * held < power, "seed \(seed): \(members) of \(candidates)")
            }
        }
        // The rule is not kept by never boosting anyone.
        #expect(damped > 20, "seed \(seed)")
    }

    @Test("a coalition of the greedy does not reach a third among many either") func manyValidators() {
        let seed = UInt64.random(in: 0...UInt64.max)
        var random = SeededGenerator(seed: seed)
        for count in [24, 25, 60, 150] {
            let candidates = Self.candidates(count, &random)
            let table = PowerTable(candidates)
            let (all, power) = (candidates.reduce(0) { $0 + $1.tokens }, table.powers.reduce(0, +))
            for attempt in 0..<200 {
                var order = Array(candidates.indices)
                if attempt == 0 {
                    order.sort { candidates[$0].score > candidates[$1].score }
                } else {
                    order.shuffle(using: &random)
                }
                var (stake, held): (UInt64, UInt64) = (0, 0)
                for index in order where 3 * (stake + candidates[index].tokens) < all {
                    stake += candidates[index].tokens
                    held += table.powers[index]
                }
                #expect(3 * held < power, "seed \(seed), \(count) validators")
            }
        }
    }

    @Test("the exact bound finds what an exhaustive search finds") func boundIsExact() {
        let seed = UInt64.random(in: 0...UInt64.max)
        var random = SeededGenerator(seed: seed)
        var broken = 0
        for _ in 0..<500 {
            let count = Int.random(in: 1...10, using: &random)
            let stakes = (0..<count).map { _ in UInt64.random(in: 1...20, using: &random) }
            let powers = stakes.map { $0 * UInt64.random(in: 10...13, using: &random) }
            let (all, power) = (stakes.reduce(0, +), powers.reduce(0, +))
            let holds = (0..<(1 << count)).allSatisfy { coalition in
                let members = (0..<count).filter { coalition >> $0 & 1 == 1 }
                return 3 * members.reduce(0) { $0 + stakes[$1] } >= all
                    || 3 * members.reduce(0) { $0 + powers[$1] } < power
            }
            if !holds { broken += 1 }
            #expect(CoalitionBound.holds(stakes: stakes, powers: powers) == holds, "seed \(seed): \(stakes) \(powers)")
        }
        #expect(broken > 50 && broken < 450, "seed \(seed): \(broken)")
    }

    @Test("no scores at all means plain proof of stake") func noScores() {
        let seed = UInt64.random(in: 0...UInt64.max)
        var random = SeededGenerator(seed: seed)
        for count in [1, 4, 24, 150] {
            let candidates = Self.candidates(count, &random, scores: false)
            let table = PowerTable(candidates)
            #expect(table.powers == candidates.map { $0.tokens * PowerTable.plain }, "seed \(seed)")
            #expect(table.weights == table.powers && table.halvings == nil)
        }
    }

    @Test("the boost is bounded, grows with the score, and adds at most half") func bounds() {
        let seed = UInt64.random(in: 0...UInt64.max)
        var random = SeededGenerator(seed: seed)
        for _ in 0..<200 {
            let candidates = Self.candidates(Int.random(in: 1...12, using: &random), &random)
            let table = PowerTable(candidates)
            for (index, candidate) in candidates.enumerated() {
                let range = candidate.tokens * 1_000...candidate.tokens * 1_500
                #expect(range.contains(table.powers[index]) && range.contains(table.weights[index]), "seed \(seed)")
                #expect(table.powers[index] <= table.weights[index])
            }
        }
        #expect(PowerTable.boost(score: .max) == PowerTable.mostBoost)
        let largest = PowerTable([Candidate](repeating: .init(tokens: .max, score: .max), count: 150))
        let set = ValidatorSet(
            zip(UInt64(0)..., largest.weights).map { .init(key: LedgerHarness.key($0).publicKey, power: $1) },
            threshold: largest.weights.reduce(0, +))
        #expect(set != nil)
    }

    /// What work earns in the Reputation module is concave: so many accepted works, one after another.
    private func score(works: Int) -> UInt64 {
        var score: Int64 = 0
        for _ in 0..<works { score += 20_000 * (1_000_000 - score) / 1_000_000 }
        return UInt64(score)
    }

    @Test("splitting stake and work among identities never gains, in votes at an equal boost nor in rewards")
    func splitting() {
        let seed = UInt64.random(in: 0...UInt64.max)
        var random = SeededGenerator(seed: seed)
        for _ in 0..<2_000 {
            let tokens = UInt64.random(in: 20_000...2_000_000, using: &random)
            let works = Int.random(in: 0...200, using: &random)
            let whole = PowerTable([.init(tokens: tokens, score: score(works: works))]).weights[0]
            let part = UInt64.random(in: 10_000...(tokens - 10_000), using: &random)
            let done = Int.random(in: 0...works, using: &random)
            let split = PowerTable([
                .init(tokens: part, score: score(works: done)),
                .init(tokens: tokens - part, score: score(works: works - done)),
            ]).weights.reduce(0, +)
            #expect(split <= whole, "seed \(seed): \(tokens) tokens, \(works) works, \(part), \(done)")
        }
    }

    @Test("whoever splits to spoil the boosts of others gets no more than its share of the stake") func spoiling() {
        let seed = UInt64.random(in: 0...UInt64.max)
        var random = SeededGenerator(seed: seed)
        for _ in 0..<100 {
            let others = Self.candidates(Int.random(in: 1...6, using: &random), &random)
            let tokens = UInt64.random(in: 100_000...1_000_000, using: &random)
            let parts = UInt64.random(in: 1...30, using: &random)
            let own = [PowerTable.Candidate](repeating: .init(tokens: tokens / parts, score: 0), count: Int(parts))
            let table = PowerTable(own + others)
            let held = table.powers.prefix(own.count).reduce(0, +)
            let (power, all) = (table.powers.reduce(0, +), (own + others).reduce(0) { $0 + $1.tokens })
            // held / power <= stake / all
            #expect(
                UInt128(held) * UInt128(all) <= UInt128(tokens / parts * parts) * UInt128(power), "seed \(seed)")
        }
    }

    // MARK: In the module

    private static func contribution(_ change: (inout StakingParameters) -> Void = { _ in }) -> StakingParameters {
        StakingWorld.parameters {
            $0.powerRule = .contribution
            change(&$0)
        }
    }

    /// Has the Reputation module note accepted work, as modules above do.
    private func work(_ world: inout StakingWorld, _ account: AccountID, times: Int) throws {
        let before = try reputation(world, account)
        var record = before
        var execution = world.ledger.state.begin(
            BlockInfo(
                height: world.ledger.height + 1, timeMilliseconds: world.ledger.timeMilliseconds, beacon: .zero,
                proposer: world.ledger.proposer))
        record = try execution.withContext(as: "federation", sender: account) { (context) throws(Refusal) in
            for _ in 0..<times { try Scores.note(account, .provider, .taskAccepted, &context) }
            return try Scores.record(account, .provider, &context)
        }
        try world.ledger.state.store.put(Scores.path(account, .provider).bytes, record.encoded())
    }

    private func reputation(_ world: StakingWorld, _ account: AccountID) throws -> ReputationRecord {
        guard let bytes = world.ledger.state.store.get(Scores.path(account, .provider).bytes) else {
            return ReputationRecord(timeMilliseconds: world.ledger.timeMilliseconds)
        }
        return try ReputationRecord.decode(bytes)
    }

    @Test("work raises power at the end of an epoch and not before, and what is not kept up fades") func epochs() throws
    {
        var world = try StakingWorld(parameters: Self.contribution { $0.dayMilliseconds = 86_400_000 })
        try work(&world, StakingWorld.validator(1), times: 40)
        let key = LedgerHarness.key(1).publicKey
        try world.pass(10_000)
        // A record alone lifts nobody: stake has to stand for it.
        #expect(try world.schedule().validators.power(of: key) == 100_000_000)
        for _ in 0..<6 { try world.appraise([1: 900_000], by: [0, 2, 3]) }
        let boosted = try #require(try world.schedule().validators.power(of: key))
        #expect(boosted > 110_000_000 && boosted <= 150_000_000)
        for _ in 0..<3 { try world.pass(10_000) }
        let faded = try #require(try world.schedule().validators.power(of: key))
        #expect(faded < boosted && faded > 100_000_000)
        try world.pass(1_000 * 86_400_000)
        #expect(try world.schedule().validators.power(of: key) == 100_000_000)
    }

    @Test("under the rule of stake, work changes nothing") func stakeAlone() throws {
        var world = try StakingWorld()
        let first = try world.schedule()
        try work(&world, StakingWorld.validator(1), times: 40)
        try world.pass(10_000)
        #expect(try world.schedule() == first)
    }

    @Test("rewards follow the whole boost, where there are too many validators for it to count in votes")
    func rewards() throws {
        var world = try StakingWorld(
            stakes: [UInt64](repeating: 100_000, count: 5),
            parameters: Self.contribution {
                $0.issuancePerYear = Amount(tokens: 1_000_000_000)
                $0.issuanceLimit = Amount(tokens: 1_000_000_000)
            })
        try work(&world, StakingWorld.validator(1), times: 40)
        try world.appraise([1: 900_000], by: [0, 2, 3])
        let before = try (UInt64(0)..<5).map { try world.record($0).rewards.outstanding }
        try world.pass(10_000)
        let rewards = try (UInt64(0)..<5).map { try world.record($0).rewards.outstanding }
        let gains = try zip(rewards, before).map { try $0.subtracting($1) }
        #expect(gains[1] > gains[0] && gains[0] == gains[2])
        // Those who have appraised have earned more by then than the one who has not.
        #expect(before[0] > before[4] && before[0] == before[3])
    }
}
