import Federation
import Ledger
import PluginHost
import Primitives
import Privacy
import Synchronization
import Testing
import Training

@testable import Node

@Suite("A site answers, works and declines")
struct SiteAgentTests {
    /// A job that has been accepted by all and runs.
    private func running() async throws -> (SiteStage, Digest) {
        let world = try FederationWorld()
        let stage = try SiteStage(world)
        let job = try await world.submitJob()
        try await stage.agent().turn()
        while try await world.moveOthers() {}
        return (stage, job)
    }

    @Test("an honest site ends its job, paid and with nothing said but the acceptance")
    func wholeJob() async throws {
        let world = try FederationWorld()
        let stage = try SiteStage(world)
        let job = try await world.submitJob()
        let agent = try stage.agent()
        try await stage.play(agent, job: job)
        #expect(try await world.reader(job).record()?.status == .finished)
        #expect(try await stage.member(job)?.paid.isZero == false)
        #expect(stage.lines.list.count == 1, "\(stage.lines.list)")
        try await agent.turn()
        // What was released is not kept for ever.
        let objects = stage.objectFolder
        #expect(DurableFile.names(in: objects).allSatisfy { DurableFile.names(in: "\(objects)/\($0)").isEmpty })
        #expect(await world.heardOf.isEmpty)
        // The ended job is looked at no more.
        let gateway = WorldGateway(world: world)
        let later = try stage.agent(at: "later", gateway: gateway)
        try await later.turn()
        let before = gateway.fuse.count
        try await later.turn()
        #expect(gateway.fuse.count == before + 1)
    }

    @Test("a job that breaks the policy is refused on the ledger with the rule's code, and nothing is spent")
    func refusal() async throws {
        let world = try FederationWorld()
        let stage = try SiteStage(world)
        let job = try await world.submitJob { $0.purpose = "advertising" }
        try await stage.agent().turn()
        #expect(try await stage.member(job)?.status == .refused)
        #expect(try await stage.member(job)?.reason == SiteReason.purposeNotAllowed.rawValue)
        #expect(try await world.budget(of: SiteStage.key).reserved.isZero)
    }

    @Test("terms that charge more than the plan are charged as the terms say")
    func termsCostMore() async throws {
        let world = try FederationWorld()
        let stage = try SiteStage(world)
        stage.work.state.withLock {
            $0.cost = Samples.cost(rhoMillionths: 40_000)
            $0.preparedCost = Samples.cost(rhoMillionths: 40_000)
        }
        let job = try await world.submitJob()
        try await stage.play(try stage.agent(), job: job)
        #expect(try await world.reader(job).record()?.status == .finished)
        let expected = Samples.cost(rhoMillionths: 50_000).multiplied(by: 2)
        #expect(try await world.budget(of: SiteStage.key).spent == expected)
    }

    @Test("an update that costs more than its plan is not released")
    func costRises() async throws {
        let (stage, job) = try await running()
        stage.work.state.withLock { $0.preparedCost = Samples.cost(rhoMillionths: 50_001) }
        try await stage.agent().turn()
        #expect(try await stage.submission(job, 1)?.reason == SiteReason.mechanismNotAllowed.rawValue)
        #expect(try SpendingLog(path: stage.logPath).entry(job: job, round: 1) == nil)
    }

    @Test(
        "an invitation that the site's own plugins cannot serve is declined with a reason",
        arguments: [
            (UnusableTerms(field: "guarantee.unit", reason: ""), SiteReason.unitMismatch),
            (UnusableTerms(field: "sensitivity_units", reason: ""), .guaranteeTooWeak),
            (UnusableTerms(field: "model_descriptor", reason: ""), .modelNotAllowed),
            (UnusableTerms(field: "aggregation", reason: ""), .aggregationNotAllowed),
            (UnusableTerms(field: "noise_units", reason: ""), .mechanismNotAllowed),
        ])
    func unusableTerms(error: UnusableTerms, reason: SiteReason) async throws {
        let world = try FederationWorld()
        let stage = try SiteStage(world)
        stage.work.state.withLock { $0.costFailures = [error] }
        let job = try await world.submitJob()
        try await stage.agent().turn()
        #expect(try await stage.member(job)?.status == .refused)
        #expect(try await stage.member(job)?.reason == reason.rawValue)
    }

    @Test("own work that fails is tried three times, said once, and then declined with its reason")
    func declinesAfterAttempts() async throws {
        let (stage, job) = try await running()
        let failure = FileError(operation: "open", path: "/data", reason: "gone")
        stage.work.state.withLock { $0.failures = [failure, failure, failure, failure] }
        let agent = try stage.agent()
        try await agent.turn()
        try await agent.turn()
        #expect(try await stage.submission(job, 1) == nil)
        try await agent.turn()
        #expect(try await stage.submission(job, 1)?.state == .refused)
        #expect(try await stage.submission(job, 1)?.reason == SiteReason.dataUnavailable.rawValue)
        #expect(stage.work.state.withLock { $0.failures.count } == 1)
        #expect(stage.lines.count(containing: "warning job") == 1, "\(stage.lines.list)")
        #expect(stage.lines.count(containing: "declined") == 1, "\(stage.lines.list)")
    }

    @Test("a trouble that passes is no refusal")
    func passingTrouble() async throws {
        let (stage, job) = try await running()
        let failure = PluginError(.crashed, plugin: "p", call: "release", "died")
        stage.work.state.withLock { $0.failures = [failure, failure] }
        let agent = try stage.agent()
        for _ in 0..<3 { try await agent.turn() }
        #expect(try await stage.submission(job, 1)?.state == .committed)
        #expect(stage.work.count == 1)
    }

    @Test("what failed is not tried again before its time")
    func waits() async throws {
        let (stage, job) = try await running()
        let failure = PluginError(.crashed, plugin: "p", call: "release", "died")
        stage.work.state.withLock { $0.failures = [failure, failure] }
        var settings = SiteAgent.Settings()
        settings.firstWait = .seconds(600)
        let agent = try stage.agent(settings: settings)
        for _ in 0..<5 { #expect(try await agent.turn() == false) }
        #expect(stage.work.state.withLock { $0.failures.count } == 1)
        #expect(try await stage.submission(job, 1) == nil)
    }

    @Test("a model that no node has is declined as such")
    func modelUnavailable() async throws {
        let (stage, job) = try await running()
        await stage.world.forget(.of(raw: [1, 2, 3]))
        let agent = try stage.agent()
        for _ in 0..<3 { try await agent.turn() }
        #expect(try await stage.submission(job, 1)?.reason == SiteReason.modelUnavailable.rawValue)
        #expect(stage.work.count == 0)
    }

    @Test(
        "a node that cannot be reached is no reason to decline anything",
        arguments: [ServiceError.Code.unreachable, .timeout, .busy, .unavailable, .internal, .badAnswer])
    func unreachable(code: ServiceError.Code) async throws {
        let (stage, job) = try await running()
        let agent = try stage.agent(
            gateway: WorldGateway(world: stage.world, failure: ServiceError(code, "nobody there")))
        for _ in 0..<5 {
            await #expect(throws: ServiceError(code, "")) { try await agent.turn() }
        }
        #expect(try await stage.submission(job, 1) == nil)
        #expect(stage.lines.count(containing: "declined") == 0)
    }

    @Test("a job that cannot be worked on holds up no other")
    func jobsAreIndependent() async throws {
        let world = try FederationWorld()
        let stage = try SiteStage(world)
        let first = try await world.submitJob()
        let second = try await world.submitJob()
        let failure = PluginError(.crashed, plugin: "p", call: "plan", "died")
        stage.work.state.withLock { $0.costFailures = [failure] }
        #expect(try await stage.agent().turn())
        #expect(try await stage.member(first)?.status == .invited)
        #expect(try await stage.member(second)?.status == .active)
    }

    @Test("running, an agent logs a standing trouble once and goes on when it is over")
    func runLogsOnce() async throws {
        let (stage, job) = try await running()
        let failure = PluginError(.crashed, plugin: "p", call: "release", "died")
        stage.work.state.withLock { $0.failures = [failure, failure] }
        let agent = try stage.agent()
        let task = Task { try await agent.run() }
        for _ in 0..<500 {
            if try await stage.submission(job, 1) != nil { break }
            try await Task.sleep(for: .milliseconds(10))
        }
        task.cancel()
        try? await task.value
        #expect(try await stage.submission(job, 1)?.commitment != nil, "\(stage.lines.list)")
        #expect(stage.lines.count(containing: "died") == 1, "\(stage.lines.list)")
    }
}

@Suite("A book of retries")
struct RetryBookTests {
    @Test("waits double up to the longest, and end with success")
    func doubles() {
        var book = RetryBook<Int>()
        book.longest = .milliseconds(1_000)
        var last = Duration.zero
        for attempt in 1...10 {
            let before = ContinuousClock.now
            _ = book.failed(1, "x")
            let wait = (book.troubles[1]?.notBefore ?? before) - before
            #expect(book.attempts(1) == attempt)
            #expect(!book.isDue(1))
            #expect(wait >= last || wait > .milliseconds(900))
            #expect(wait < .milliseconds(1_100))
            last = wait
        }
        #expect(last > .milliseconds(900))
        #expect(book.next != nil)
        book.passed(1)
        #expect(book.isDue(1))
        #expect(book.next == nil)
    }

    @Test("a trouble is new once, and again when it is another one")
    func saidOnce() {
        var book = RetryBook<Int>()
        let said = [(1, "x"), (1, "x"), (2, "x"), (1, "y")].map { book.failed($0.0, $0.1) }
        #expect(said == [true, false, true, true])
        for _ in 0..<200 { _ = book.failed(1, "y") }
        #expect(book.isDue(3))
        #expect(book.attempts(3) == 0)
    }
}
