import Ledger
import LedgerSupport
import Primitives
import Testing

@testable import Staking

/// What stake says of work: who can lift whom, and who earns by saying it.
@Suite("Staking: judgement by stake") struct AppraisalTests {
    private static func account(_ number: Int) -> AccountID { LedgerHarness.account(UInt64(number)) }

    private static func judgement(
        _ reports: [[UInt64]], _ stakes: [UInt64], last: [UInt64]? = nil
    ) -> Judgement {
        let subjects = stakes.indices.map { account($0) }
        let appraisers = reports.enumerated().map { index, report in
            Judgement.Appraiser(
                account: account(index), tokens: stakes[index],
                appraisals: Dictionary(uniqueKeysWithValues: zip(subjects, report)))
        }
        let before = Dictionary(uniqueKeysWithValues: zip(subjects, last ?? stakes.map { _ in 0 }))
        return Judgement(appraisers, subjects: subjects, last: before, tokens: stakes.reduce(0, +))
    }

    @Test("a clique below half of the stake cannot lift a member that did no work, nor hold down one that did")
    func clique() {
        let seed = UInt64.random(in: 0...UInt64.max)
        var random = SeededGenerator(seed: seed)
        var cliques = 0
        for _ in 0..<2_000 {
            let count = Int.random(in: 3...20, using: &random)
            let stakes = (0..<count).map { _ in UInt64.random(in: 10_000...1_000_000, using: &random) }
            let all = stakes.reduce(0, +)
            var clique: Set<Int> = []
            var held: UInt64 = 0
            for index in stakes.indices.shuffled(using: &random) where 2 * (held + stakes[index]) < all {
                clique.insert(index)
                held += stakes[index]
            }
            guard let idle = clique.randomElement(using: &random) else { continue }
            cliques += 1
            // The honest know that the idle one did nothing; the clique says the best of it.
            let reports = stakes.indices.map { reporter in
                stakes.indices.map { $0 == idle ? (clique.contains(reporter) ? 1_000_000 : 0) : 500_000 as UInt64 }
            }
            #expect(Self.judgement(reports, stakes).scores[Self.account(idle)] == 0, "seed \(seed)")
        }
        #expect(cliques > 1_000)
        // Three honest of four, as much stake each: the fourth's nought changes nothing for the others.
        let honest = Self.judgement(
            [[0, 800, 700, 600], [900, 0, 700, 600], [900, 800, 0, 600], [0, 0, 0, 0]], [10, 10, 10, 10])
        #expect(honest.scores[Self.account(3)] == 600)
    }

    @Test("whoever says nothing counts as nought, and the subject's own word not at all") func silence() {
        #expect(Judgement.median([], tokens: 100) == 0)
        #expect(Judgement.median([(9, 50)], tokens: 100) == 0)
        #expect(Judgement.median([(9, 51)], tokens: 100) == 9)
        #expect(Judgement.median([(9, 30), (5, 30)], tokens: 100) == 5)
        #expect(Judgement.median([(9, 30), (5, 30), (7, 40)], tokens: 100) == 7)
        // More than half of the stake is its own: nobody else can speak for it.
        let selfMade = Self.judgement([[1_000_000, 0], [400, 0]], [60, 40])
        #expect(selfMade.scores[Self.account(0)] == 0)
    }

    @Test("a standing comes slowly, and ends at nothing where nobody stands for it any more") func decay() {
        var standing = Standing()
        standing.take(1_000_000)
        #expect(standing.score == 250_000)
        for _ in 0..<80 { standing.take(1_000_000) }
        #expect(standing.score == 1_000_000)
        var epochs = 0
        while standing.score > 0, epochs < 200 {
            let before = standing.score
            standing.take(0)
            #expect(standing.score < before)
            epochs += 1
        }
        #expect(standing.score == 0 && epochs < 60)
    }

    @Test("copying what others have said earns less than judging for oneself, whatever is copied", arguments: 1...20)
    func copying(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let count = 8
        let stakes = [UInt64](repeating: 100_000, count: count)
        // Quality wanders; whoever looks sees it with some error.
        var quality = (0..<count).map { _ in Int64.random(in: 200_000...800_000, using: &random) }
        var last = [UInt64](repeating: 0, count: count)
        var reports = [[UInt64]](repeating: last, count: count)
        var earned = [UInt128](repeating: 0, count: count)
        for epoch in 0..<60 {
            quality = quality.map { min(1_000_000, max(0, $0 + Int64.random(in: -60_000...60_000, using: &random))) }
            let before = reports
            for index in 0..<count {
                reports[index] = quality.map { UInt64(max(0, $0 + Int64.random(in: -10_000...10_000, using: &random))) }
            }
            // Nobody can read this epoch's scores before they are bound: these repeat the last ones, of all and of one.
            reports[6] = last
            reports[7] = before[0]
            let judgement = Self.judgement(reports, stakes, last: last)
            if epoch > 0 { for index in 0..<count { earned[index] += judgement.shares[index] } }
            last = (0..<count).map { judgement.scores[Self.account($0)] ?? 0 }
        }
        let honest = earned[..<6].min() ?? 0
        #expect(earned[6] == 0, "the judgement before, repeated, is no insight")
        #expect(earned[7] * 2 < honest, "seed \(seed): \(earned)")
    }

    @Test("scores are bound in one epoch and said in the next; anything else is refused with its reason")
    func flow() throws {
        var world = try StakingWorld(parameters: StakingWorld.parameters { $0.powerRule = .contribution })
        try world.appraise([1: 800_000, 2: 400_000], by: [0, 1, 2, 3])
        #expect(try world.standing(1) == 200_000 && world.standing(2) == 100_000 && world.standing(3) == 0)
        let body = RevealAppraisalsBody(
            salt: .zero, appraisals: [Appraisal(subject: StakingWorld.validator(1), score: 5)])
        func code(_ code: ResultCode) -> StakingCode? { StakingCode(rawValue: code.rawValue) }
        #expect(code(try world.act(.revealAppraisals, body, from: 10)) == .nothingCommitted)
        #expect(code(try world.act(.appraise, AppraiseBody(commitment: .zero), from: 50)) == .notActive)
        #expect(try world.act(.appraise, AppraiseBody(commitment: .zero), from: 10) == .ok)
        // In the same epoch it is too early, and afterwards it has to be the very same.
        #expect(code(try world.act(.revealAppraisals, body, from: 10)) == .nothingCommitted)
        try world.pass(10_000)
        #expect(code(try world.act(.revealAppraisals, body, from: 10)) == .commitmentMismatch)
        // Of oneself: bound, and still refused.
        let vain = RevealAppraisalsBody(
            salt: .zero, appraisals: [Appraisal(subject: StakingWorld.validator(0), score: 5)])
        let commitment = vain.commitment(
            chain: LedgerHarness.chain, operatorAccount: StakingWorld.validator(0), epoch: try world.epoch().number)
        #expect(try world.act(.appraise, AppraiseBody(commitment: commitment), from: 10) == .ok)
        try world.pass(10_000)
        #expect(code(try world.act(.revealAppraisals, vain, from: 10)) == .invalidField)
        // Nobody stands for anybody any more, and nothing is left behind.
        for _ in 0..<80 { try world.pass(10_000) }
        #expect(try world.standing(1) == 0)
        #expect(world.ledger.state.store.scan(prefix: StakingPaths.standings.bytes, from: [], limit: 9).isEmpty)
        #expect(world.ledger.state.store.scan(prefix: StakingPaths.appraisals.bytes, from: [], limit: 9).isEmpty)
    }

    @Test("another's commitment is of no use: it binds whose it is") func stolenCommitment() throws {
        var world = try StakingWorld(parameters: StakingWorld.parameters { $0.powerRule = .contribution })
        let body = RevealAppraisalsBody(
            salt: .zero, appraisals: [Appraisal(subject: StakingWorld.validator(1), score: 5)])
        let commitment = AppraiseBody(
            commitment: body.commitment(
                chain: LedgerHarness.chain, operatorAccount: StakingWorld.validator(0), epoch: try world.epoch().number)
        )
        for number in [10, 13] as [UInt64] { #expect(try world.act(.appraise, commitment, from: number) == .ok) }
        try world.pass(10_000)
        #expect(try world.act(.revealAppraisals, body, from: 10) == .ok)
        let copied = try world.act(.revealAppraisals, body, from: 13)
        #expect(StakingCode(rawValue: copied.rawValue) == .commitmentMismatch)
    }

    @Test("a node's own key speaks for its validator") func nodeKey() throws {
        var world = try StakingWorld(parameters: StakingWorld.parameters { $0.powerRule = .contribution })
        // Key 2 is the third founder's consensus key, whose operator is account 12.
        #expect(try world.act(.appraise, AppraiseBody(commitment: .zero), from: 2) == .ok)
        let path = StakingPaths.appraisal(StakingWorld.validator(2), epoch: try world.epoch().number)
        #expect(world.ledger.state.store.get(path.bytes) != nil)
    }
}
