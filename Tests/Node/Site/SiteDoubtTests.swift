import Federation
import Ledger
import Primitives
import Privacy
import Synchronization
import TestSupport
import Testing

@testable import Node

@Suite("A site acts on what is proven")
struct SiteDoubtTests {
    private func running() async throws -> (SiteStage, Digest) {
        let stage = try SiteStage(FederationWorld())
        let job = try await stage.world.submitJob()
        try await stage.agent().turn()
        while try await stage.world.moveOthers() {}
        return (stage, job)
    }

    @Test("of two processes from one copied folder, only the one that was first on the ledger reveals")
    func copiedFolder() async throws {
        let (stage, job) = try await running()
        let first = try stage.agent()
        try await first.turn()
        while try await stage.world.moveOthers() {}
        // The copy has made another update of the round, before it saw that one was committed.
        let update = try ObjectStore(folder: stage.objectFolder).put([7, 7, 7])
        do {
            var log = try SpendingLog(path: stage.folder.path("copy"))
            try log.record(
                SpendingEntry(
                    job: job, round: 1, dataset: FederationWorld.dataset(of: SiteStage.key),
                    cost: Samples.cost(rhoMillionths: 50_000), update: update, salt: .blake2b256([1]), size: 3))
        }
        let copy = try stage.agent(at: "copy")
        for _ in 0..<3 { try await copy.turn() }
        #expect(try await stage.submission(job, 1)?.state == .committed)
        #expect(await !stage.world.stored.contains(update))
        #expect(await stage.world.submitted.allSatisfy { $0.action != "reveal" })
        #expect(stage.lines.count(containing: "does a copy of this folder run elsewhere") == 1)
        try await first.turn()
        #expect(try await stage.submission(job, 1)?.state == .revealed)
    }

    @Test("a node that only says that the budget is exceeded makes the site refuse nothing")
    func falseCode() async throws {
        let (stage, job) = try await running()
        var gateway = WorldGateway(world: stage.world)
        gateway.fuse = Fuse()
        gateway.told = { transaction, code in
            transaction.body.call.action == "commit" ? PrivacyCode.budgetExceeded.code : code
        }
        let agent = try stage.agent(gateway: gateway)
        for _ in 0..<3 { try await agent.turn() }
        #expect(await stage.world.submitted.allSatisfy { $0.action != "refuse" })
        #expect(try await stage.submission(job, 1)?.state == .revealed)
    }

    @Test(
        "a node that says that something is done, and shows that it is not, is asked again after longer and longer waits"
    )
    func falseReceipts() async throws {
        let (stage, job) = try await running()
        var gateway = WorldGateway(world: stage.world)
        gateway.swallows = { $0.body.call.action == "commit" }
        var settings = SiteAgent.Settings.quick
        settings.firstWait = .seconds(3_600)
        let agent = try stage.agent(gateway: gateway, settings: settings)
        for _ in 0..<5 { try await agent.turn() }
        #expect(await stage.world.submitted.filter { $0.action == "commit" }.isEmpty)
        #expect(stage.work.count == 1)
        #expect(stage.lines.count(containing: "shows a state without it") == 1)
        #expect(try await stage.submission(job, 1) == nil)
        #expect(gateway.swallowed.value.withLock { $0 } == 2)
    }

    @Test("a member goes on with a job whose aggregator is gone, after the deadline and some grace")
    func deadAggregator() async throws {
        let world = try FederationWorld(aggregates: false)
        let stage = try SiteStage(world)
        let job = try await world.submitJob()
        let time = Shared(Mutex<UInt64>(0))
        var settings = SiteAgent.Settings.quick
        settings.now = { time.value.withLock { $0 } }
        let agent = try stage.agent(settings: settings)
        try await agent.turn()
        while try await world.moveOthers() {}
        #expect(try await world.reader(job).record()?.status == .inviting)
        let deadline = try #require(try await world.reader(job).deadlineMilliseconds())
        try await world.pass(milliseconds: 120_000)
        time.value.withLock { $0 = deadline + 4_000 }
        #expect(try await agent.turn() == false)
        time.value.withLock { $0 = deadline + 7_001 }
        #expect(try await agent.turn())
        #expect(try await world.reader(job).record()?.status == .running)
    }

    @Test("a commitment leaves at a multiple of the step, whenever its update was ready")
    func commitStep() async throws {
        let (stage, job) = try await running()
        var settings = SiteAgent.Settings.quick
        settings.commitStep = .milliseconds(400)
        settings.now = { WallClock.milliseconds() }
        settings.deadlineGrace = .seconds(1 << 40)
        let agent = try stage.agent(settings: settings)
        try await agent.turn()
        #expect(WallClock.milliseconds() % 400 < 200)
        #expect(try await stage.submission(job, 1)?.state == .committed)
    }
}
