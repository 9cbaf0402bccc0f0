import Federation
import Ledger
import LedgerSupport
import Primitives
import Privacy
import Testing

/// Random actors do random things, valid and not; after each block what must always hold is checked.
@Suite("A random walk through federations") struct RandomWalkTests {
    @Test("nothing is lost, spent twice or undone, whatever anyone does", arguments: 0..<24) func walk(_ number: Int)
        throws
    {
        let seed = UInt64.random(in: 0...UInt64.max) &+ UInt64(number)
        var walk = try Walk(seed: seed)
        do {
            for _ in 0..<220 { try walk.step() }
            try walk.finish()
        } catch {
            Issue.record("seed \(seed): \(error)")
        }
        #expect(walk.problems.isEmpty, "seed \(seed): \(walk.problems)")
    }

    @Test("the walk reaches far: models, slashes, lost parties") func reach() throws {
        var kinds: Set<String> = []
        for seed in UInt64(1)...16 {
            var walk = try Walk(seed: seed)
            for _ in 0..<220 { try walk.step() }
            kinds.formUnion(walk.world.kinds)
        }
        let rare: [FederationEvent] = [
            .modelPublished, .memberSlashed, .auditorLost, .aggregatorLost, .modelRejected, .memberWithdrawn,
            .memberDropped, .heldBackReleased, .jobEnded,
        ]
        for kind in rare { #expect(kinds.contains(kind.rawValue), "\(kind)") }
    }

    @Test("the walk's checks catch a broken rule") func checksCatch() throws {
        var walk = try Walk(seed: 1)
        for _ in 0..<60 where try walk.world.record().status == .inviting { try walk.step() }
        try #require(try walk.world.record().status == .running)
        walk.spent[walk.world.memberKeys[0]] = World.limits
        walk.lastPlace = [9_999, 0, 0]
        try walk.check()
        #expect(walk.problems.count >= 2)
    }
}

struct Walk {
    var world: World
    var random: SeededGenerator
    var problems: [String] = []
    var spent: [UInt64: CostVector] = [:]
    var commitments: [UInt64: Set<Digest>] = [:]
    /// Round, attempts, phase: it only ever grows.
    var lastPlace: [UInt64] = [0, 0, 0]
    var hadEnded = false

    init(seed: UInt64) throws {
        random = SeededGenerator(seed: seed)
        let auditors = Int.random(in: 3...8, using: &random)
        let members = Int.random(in: 3...5, using: &random)
        let rounds = UInt32.random(in: 1...4, using: &random)
        let held = UInt32.random(in: 0...1_000_000, using: &random)
        world = try World(members: members, auditors: auditors) {
            $0.rounds = rounds
            $0.payment.heldBackMillionths = held
            $0.payment.scorePool = Amount(baseUnits: 1_000_003)
            $0.payment.base = Amount(baseUnits: 7)
        }
        for key in world.memberKeys { spent[key] = .zero }
        try world.submit()
    }

    mutating func chance(_ percent: Int) -> Bool { Int.random(in: 0..<100, using: &random) < percent }

    mutating func anyone() -> UInt64 {
        ([1, 2, 99] + world.memberKeys + world.auditorKeys).randomElement(using: &random) ?? 99
    }

    /// One block: mostly what someone should do next, sometimes nonsense.
    mutating func step() throws {
        let record = try world.record()
        let round = record.status == .running ? try world.round(record.round) : nil
        let member = world.memberKeys.randomElement(using: &random) ?? 11
        let auditor = world.auditorKeys.randomElement(using: &random) ?? 31
        let number = chance(95) ? max(1, record.round) : UInt32.random(in: 0...5, using: &random)
        let wait: UInt64 = chance(10) ? 61_000 : 1_000
        let old = CID.of(raw: [UInt8(member), UInt8(truncatingIfNeeded: max(1, number) - 1)])
        let bytes = chance(6) ? old : nil
        // The first proposal of each even round is wrong, and most auditors see it.
        let isGood = (number + (round?.attempts ?? 0)) % 2 == 1
        let body = JobBody(job: world.job)
        switch chance(85) ? round?.phase : RoundPhase.allCases.randomElement(using: &random) {
        case nil where record.status == .inviting:
            if chance(60) {
                let accept = AcceptBody(
                    job: world.job, dataset: world.dataset(member), policy: .zero,
                    rounds: UInt32.random(in: 1...world.terms.rounds, using: &random))
                try world.send("accept", accept, from: member, after: wait)
            } else if chance(10) {
                try world.send("refuse", RefuseBody(job: world.job, round: 0, reason: 3), from: member, after: wait)
            } else {
                try world.send("start", body, from: chance(50) ? 1 : anyone(), after: wait)
            }
        case .commit:
            if chance(8) {
                try world.send(
                    "refuse", RefuseBody(job: world.job, round: number, reason: 7), from: member, after: wait)
            } else {
                let commit = world.commitBody(member, number, bytes)
                let isOK = try world.send("commit", commit, from: member, after: wait) == .ok
                if isOK, commitments[member, default: []].insert(commit.commitment).inserted {
                    spent[member] = spent[member]?.adding(commit.cost)
                }
            }
        case .reveal:
            try world.send(
                "reveal", world.revealBody(member, number, chance(3) ? .of(raw: [66]) : bytes), from: member,
                after: wait)
        case .audit:
            let lie = chance(15)
            let score = UInt32.random(in: 0...1_000_000, using: &random)
            let outcomes = try world.outcomes(number) { index, outcome in
                if lie, index == 0 { outcome.scoreMillionths = score }
            }
            try world.send(
                "verdict", VerdictBody(job: world.job, round: number, outcomes: outcomes), from: auditor, after: wait)
        case .propose:
            let included = world.memberKeys.indices.map { UInt32($0) }.filter { index in
                (try? world.submission(world.memberKeys[Int(index)], number))??.outcome == .accepted
            }
            try world.send("propose", world.proposal(number, included), from: chance(90) ? 2 : anyone(), after: wait)
        case .confirm:
            try world.send(
                "confirm", world.confirmation(number, isEqual: chance(95) == isGood), from: auditor, after: wait)
        default: try world.send("advance", body, from: anyone(), after: wait)
        }
        if chance(12) { try world.send("advance", body, from: anyone(), after: chance(50) ? 61_000 : 1_000) }
        if chance(1) { try world.send("withdraw", body, from: member) }
        if chance(1) { try world.send(chance(80) ? "close" : "abort", body, from: chance(40) ? 1 : anyone()) }
        try check()
    }

    mutating func check() throws {
        let record = try world.record()
        let total = record.paid.baseUnits + record.refunded.baseUnits + (try world.escrow()).baseUnits
        if total != (try world.terms.requiredEscrow()).baseUnits { problems.append("escrow: \(total)") }
        if try world.escrow() < record.payFund { problems.append("the pay fund is not covered") }
        var held: UInt128 = 0
        for key in world.memberKeys {
            let budget = try world.budget(key)
            if budget.spent != spent[key] { problems.append("member \(key) has spent something else") }
            guard let committed = budget.committed, committed.isAdmitted(by: budget.limits) else {
                problems.append("member \(key) is over its limit")
                continue
            }
            held += try world.member(key).heldBack.baseUnits
        }
        if held > record.payFund.baseUnits { problems.append("held-back pay is not covered") }
        if record.status == .running {
            let round = try world.round(record.round)
            let place = [UInt64(record.round), UInt64(round.attempts), UInt64(round.phase.rawValue)]
            // A proposal may be taken back once for each aggregator that is lost.
            let isBack = place[0] == lastPlace[0] && round.phase == .propose && lastPlace[2] == 4
            if !isBack, place.lexicographicallyPrecedes(lastPlace) {
                problems.append("\(lastPlace) went back to \(place)")
            }
            lastPlace = place
        }
        if hadEnded, !record.status.hasEnded { problems.append("an ended job lives") }
        hadEnded = record.status.hasEnded
    }

    /// Whatever the state is, time alone ends the job.
    mutating func finish() throws {
        for _ in 0..<200 where try !world.record().status.hasEnded {
            try world.send("advance", JobBody(job: world.job), from: 99, after: 61_000)
            try check()
        }
        let record = try world.record()
        if !record.status.hasEnded { problems.append("the job does not end: \(record.status)") }
        if try !world.escrow().isZero { problems.append("the escrow of an ended job is not empty") }
        for key in world.memberKeys where try !world.budget(key).reserved.isZero {
            problems.append("member \(key) still has budget reserved")
        }
        for key in world.auditorKeys {
            let auditor: AuditorRecord? = try world.read(FederationPaths.auditor(LedgerHarness.account(key)))
            if auditor?.duties != 0 { problems.append("auditor \(key) still has duties") }
        }
    }
}
