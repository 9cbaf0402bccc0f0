import Federation
import Ledger
import Primitives
import Privacy
import Synchronization
import Testing

@testable import Node

/// A job, played to its end, whatever happens to the site on the way.
private struct Run {
    let stage: SiteStage
    let job: Digest

    init(rounds: UInt32 = 2) async throws {
        let world = try FederationWorld()
        stage = try SiteStage(world)
        job = try await world.submitJob { $0.rounds = rounds }
    }

    /// Plays with a fuse, and with a new process when it has burnt.
    func play(_ fuse: Fuse) async throws {
        try await live(fuse)
        if fuse.hasBurnt { try await live(Fuse()) }
    }

    private func live(_ fuse: Fuse) async throws {
        let work = StubWork(fuse: fuse)
        let agent = try stage.agent(gateway: WorldGateway(world: stage.world, fuse: fuse), work: work)
        do {
            for _ in 0..<80 {
                let acted = try await agent.turn()
                if fuse.hasBurnt { break }
                let moved = try await stage.world.moveOthers()
                if try await hasEnded() || (!acted && !moved) { break }
            }
        } catch is Killed {}
        stage.work.state.withLock { all in work.state.withLock { all.prepared += $0.prepared } }
    }

    func hasEnded() async throws -> Bool {
        try await stage.world.reader(job).record()?.status == .finished
    }
}

@Suite("A site that is killed anywhere goes on without a second spend")
struct SiteAgentCrashTests {
    @Test("killed before or after any call, it ends the job with each round charged once and one update each")
    func killedAnywhere() async throws {
        for (moment, rounds) in [(Fuse.Moment.before, 2), (.after, 1)] as [(Fuse.Moment, UInt32)] {
            let whole = Fuse()
            let undisturbed = try await Run(rounds: rounds)
            try await undisturbed.play(whole)
            try #require(try await undisturbed.hasEnded())
            try #require(whole.count > 20 * Int(rounds))
            for limit in 1...whole.count {
                let run = try await Run(rounds: rounds)
                try await run.play(Fuse(limit: limit, moment))
                let place: Comment = "killed \(moment) call \(limit)"
                #expect(try await run.hasEnded(), place)
                try await expectOneSpendARound(run, place)
            }
        }
    }

    private func expectOneSpendARound(_ run: Run, _ place: Comment) async throws {
        let (stage, world) = (run.stage, run.stage.world)
        let terms = try await world.reader(run.job).terms
        let expected = try #require(terms.costPerRound.multiplied(by: terms.rounds))
        #expect(try await world.budget(of: SiteStage.key).spent == expected, place)
        #expect(try await world.budget(of: SiteStage.key).reserved.isZero, place)
        let log = try SpendingLog(path: stage.logPath)
        #expect(try log.spent(dataset: FederationWorld.dataset(of: SiteStage.key)) == expected, place)
        for round in 1...terms.rounds {
            let submission = try #require(try await stage.submission(run.job, round), place)
            #expect(submission.state == .revealed, place)
            // What was revealed is what the log had recorded before it was committed, and no other bytes left.
            #expect(submission.update == log.entry(job: run.job, round: round)?.update, place)
        }
        let prepared = Set(stage.work.state.withLock { $0.prepared.map { CID.of(raw: $0.bytes) } })
        let left = Set(await world.stored.filter { prepared.contains($0) })
        #expect(left.count == Int(terms.rounds), place)
    }

    @Test("a restart sends the very same transactions' contents again, never another commitment")
    func sameCommitment() async throws {
        let run = try await Run()
        // Until the site has committed the first round, and not one call more.
        let agent = try run.stage.agent()
        while try await run.stage.submission(run.job, 1) == nil {
            try await agent.turn()
            _ = try await run.stage.world.moveOthers()
        }
        let committed = try #require(try await run.stage.submission(run.job, 1)?.commitment)
        let entry = try #require(try await run.stage.submission(run.job, 1))
        #expect(entry.state == .committed)
        try await run.stage.play(agent, job: run.job)
        let revealed = try #require(try await run.stage.submission(run.job, 1))
        #expect(revealed.commitment == committed)
        #expect(run.stage.work.count == 2)
    }
}

@Suite("A site whose memory is older than the ledger's")
struct SiteAgentBackupTests {
    @Test("with its log gone after a commitment it spends nothing again, says so once, and waits")
    func logIsGone() async throws {
        let world = try FederationWorld()
        let stage = try SiteStage(world)
        let job = try await world.submitJob()
        do {
            let agent = try stage.agent()
            while try await stage.submission(job, 1) == nil {
                try await agent.turn()
                _ = try await world.moveOthers()
            }
        }
        while try await world.moveOthers() {}
        try overwrite(stage.logPath, [])
        let agent = try stage.agent()
        let spent = try await world.budget(of: SiteStage.key).spent
        for _ in 0..<5 { #expect(try await agent.turn() == false) }
        #expect(stage.lines.count(containing: "does not know the committed update") == 1)
        #expect(try await world.budget(of: SiteStage.key).spent == spent)
        #expect(stage.work.count == 1)
    }

    @Test("with the prepared update lost before it was committed, the round is declined and nothing new leaves")
    func objectIsGone() async throws {
        let world = try FederationWorld()
        let stage = try SiteStage(world)
        let job = try await world.submitJob()
        // Killed at the call that would have committed: accept is the first submission, commit the second.
        let fuse = Fuse()
        do {
            let agent = try stage.agent(gateway: WorldGateway(world: world, fuse: fuse))
            try await agent.turn()
            _ = try await world.moveOthers()
        }
        var log = try SpendingLog(path: stage.logPath)
        try log.record(
            SpendingEntry(
                job: job, round: 1, dataset: FederationWorld.dataset(of: SiteStage.key),
                cost: Samples.cost(rhoMillionths: 50_000), update: .of(raw: [7, 7]), salt: .zero, size: 2))
        _ = consume log
        let agent = try stage.agent()
        try await agent.turn()
        #expect(try await stage.submission(job, 1)?.state == .refused)
        #expect(try await stage.submission(job, 1)?.reason == SiteReason.resourcesUnavailable.rawValue)
        #expect(stage.work.count == 0)
    }

    @Test("with a log from before the last rounds, the ledger's books stop it at the limit")
    func oldBackup() async throws {
        let world = try FederationWorld()
        let stage = try SiteStage(world)
        let first = try await world.submitJob()
        try await stage.play(try stage.agent(), job: first)
        let spent = try await world.budget(of: SiteStage.key).spent
        #expect(!spent.isZero)
        // The backup is from before everything.
        try overwrite(stage.logPath, [])
        var rules = Samples.rules()
        rules.limits = spent
        let second = try await world.submitJob()
        let agent = try stage.agent(rules: rules)
        try await agent.turn()
        #expect(try await stage.member(second)?.status == .refused)
        #expect(try await stage.member(second)?.reason == SiteReason.budgetExhausted.rawValue)
    }

    @Test("with a ledger that knows less than the log, the log stops it at the limit")
    func forgetfulLedger() async throws {
        let world = try FederationWorld()
        let stage = try SiteStage(world)
        var log = try SpendingLog(path: stage.logPath)
        try log.record(
            SpendingEntry(
                job: .blake2b256([1]), round: 1, dataset: FederationWorld.dataset(of: SiteStage.key),
                cost: try await world.budget(of: SiteStage.key).limits, update: .of(raw: [7]), salt: .zero, size: 1))
        _ = consume log
        let job = try await world.submitJob()
        try await stage.agent().turn()
        #expect(try await stage.member(job)?.status == .refused)
        #expect(try await stage.member(job)?.reason == SiteReason.budgetExhausted.rawValue)
    }

    @Test("a log that fills up after the acceptance refuses the round by its own code")
    func localBudget() async throws {
        let world = try FederationWorld()
        let stage = try SiteStage(world)
        let job = try await world.submitJob()
        try await stage.agent().turn()
        _ = try await world.moveOthers()
        var log = try SpendingLog(path: stage.logPath)
        try log.record(
            SpendingEntry(
                job: .blake2b256([1]), round: 1, dataset: FederationWorld.dataset(of: SiteStage.key),
                cost: try await world.budget(of: SiteStage.key).limits, update: .of(raw: [7]), salt: .zero, size: 1))
        _ = consume log
        try await stage.agent().turn()
        #expect(try await stage.submission(job, 1)?.reason == SiteReason.localBudgetExhausted.rawValue)
        #expect(stage.work.count == 0)
    }
}
