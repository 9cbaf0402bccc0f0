import Federation
import Ledger
import LedgerSupport
import Primitives
import Privacy
import Synchronization
import Testing

@testable import Node

/// Work that waits for a gate, and counts how much of it goes on at once.
private final class GatedWork: RoundWork {
    struct State {
        var running = 0
        var most = 0
        var prepared: [CID] = []
    }

    let gate = Gate()
    let state = Mutex(State())
    private let fuse: Fuse

    init(fuse: Fuse = Fuse()) { self.fuse = fuse }

    func cost(of terms: JobTerms) async throws -> CostVector { terms.costPerRound }

    func prepare(_ assignment: RoundAssignment) async throws -> PreparedUpdate {
        try await fuse.around {
            state.withLock {
                $0.running += 1
                $0.most = max($0.most, $0.running)
            }
            defer { state.withLock { $0.running -= 1 } }
            await gate.wait()
            try Task.checkCancellation()
            let bytes = SecureRandom.bytes(count: 40)
            state.withLock { $0.prepared.append(.of(raw: bytes)) }
            return PreparedUpdate(bytes: bytes, cost: assignment.terms.costPerRound)
        }
    }
}

/// Accepts whatever was revealed.
private struct KindAudit: AuditWork {
    func judge(_ job: JobReader, round: UInt32, objects: any ObjectReader) async throws -> AuditFinding {
        guard let record = try await job.round(round) else { return AuditFinding(outcomes: [], evidence: []) }
        let revealed = try await job.submissions(round, of: record).filter { $0.value.state == .revealed }
        return AuditFinding(
            outcomes: revealed.keys.sorted().map {
                MemberOutcome(member: $0, outcome: .accepted, scoreMillionths: 500_000, evidence: .of(raw: [1]))
            }, evidence: [1])
    }

    func confirmed(
        _ proposal: ModelProposal, _ job: JobReader, round: UInt32, objects: any ObjectReader
    ) async throws -> [UInt8]? { [9, UInt8(round)] }
}

@Suite("A site that runs does several things at once, and spends one after the other")
struct SiteLanesTests {
    /// A member that is an auditor too.
    private static let key: UInt64 = 31

    private func world(auditing: [UInt64] = [32, 33]) throws -> FederationWorld {
        try FederationWorld(members: [Self.key, 12], played: [Self.key], auditing: auditing)
    }

    /// Everybody else goes on until something holds; half a minute at most.
    private func drive(_ world: FederationWorld, until isDone: () async throws -> Bool) async throws -> Bool {
        for _ in 0..<3_000 {
            if try await isDone() { return true }
            if try await !world.moveOthers() { try await Task.sleep(for: .milliseconds(10)) }
        }
        return false
    }

    /// The log of a life that has ended is closed a moment after its last task.
    private func unlocked<Result>(_ open: () throws -> Result) async throws -> Result {
        for _ in 0..<200 {
            do { return try open() } catch is SpendingLogError { try await Task.sleep(for: .milliseconds(10)) }
        }
        return try open()
    }

    @Test("it audits one job while it trains for another")
    func auditsWhileTraining() async throws {
        let world = try world(auditing: [32])
        let stage = try SiteStage(world)
        let account = LedgerHarness.account(Self.key)
        let first = try await world.submitJob()
        // The first job up to its audit, one thing after the other; one more verdict is needed than others give.
        do {
            let agent = try stage.agent(key: Self.key, audit: KindAudit())
            for _ in 0..<40 where try await world.reader(first).round(1)?.phase ?? .commit < .audit {
                try await agent.turn()
                if try await world.reader(first).round(1)?.phase == .audit { break }
                _ = try await world.moveOthers()
            }
        }
        try #require(try await world.reader(first).round(1)?.phase == .audit)
        try #require(try await world.reader(first).verdict(1, account) == nil)
        let second = try await world.submitJob()
        let work = GatedWork()
        let agent = try stage.agent(key: Self.key, roundWork: work, audit: KindAudit())
        let running = Task { try await agent.run() }
        let isAudited = try await drive(world) {
            try await world.reader(first).verdict(1, account) != nil && work.state.withLock { $0.running } == 1
        }
        #expect(isAudited, "\(stage.lines.list)")
        // The second job's round is still open: its update is being made all the while.
        #expect(try await world.reader(second).submission(1, account) == nil)
        work.gate.open()
        let isCommitted = try await drive(world) { try await world.reader(second).submission(1, account) != nil }
        running.cancel()
        try await running.value
        #expect(isCommitted)
        #expect(stage.lines.count(containing: "shows a state without it") == 0, "\(stage.lines.list)")
    }

    @Test("two jobs are trained for one after the other, and what only one of them may spend is spent once")
    func oneBudget() async throws {
        let world = try world()
        let stage = try SiteStage(world)
        let account = LedgerHarness.account(Self.key)
        let cost = Samples.cost(rhoMillionths: 50_000)
        var rules = Samples.rules()
        rules.limits = try #require(cost.multiplied(by: 2))
        let jobs = [
            try await world.submitJob { $0.rounds = 1 }, try await world.submitJob { $0.rounds = 1 },
        ]
        // Both are accepted; then the site's own books fill up until one round is left in them.
        do {
            let agent = try stage.agent(key: Self.key, rules: rules)
            try await agent.turn()
        }
        for job in jobs {
            #expect(try await world.reader(job).member(account)?.status == .active)
        }
        try await unlocked {
            var log = try SpendingLog(path: stage.logPath)
            try log.record(
                SpendingEntry(
                    job: .blake2b256([1]), round: 1, dataset: FederationWorld.dataset(of: Self.key), cost: cost,
                    update: .of(raw: [7]), salt: .zero, size: 1))
        }
        let work = GatedWork()
        let agent = try await unlocked { try stage.agent(key: Self.key, roundWork: work, rules: rules) }
        let running = Task { try await agent.run() }
        let isTraining = try await drive(world) { work.state.withLock { $0.running } == 1 }
        #expect(isTraining, "\(stage.lines.list)")
        for _ in 0..<20 {
            _ = try await world.moveOthers()
            try await Task.sleep(for: .milliseconds(5))
        }
        work.gate.open()
        let isAnswered = try await drive(world) {
            for job in jobs where try await world.reader(job).submission(1, account) == nil { return false }
            return true
        }
        running.cancel()
        try await running.value
        #expect(isAnswered, "\(stage.lines.list)")
        #expect(work.state.withLock { $0.most } == 1)
        #expect(work.state.withLock { $0.prepared.count } == 1)
        let states = try await jobs.asyncMap { try await world.reader($0).submission(1, account)?.reason }
        #expect(states.count { $0 == SiteReason.localBudgetExhausted.rawValue } == 1, "\(states)")
    }

    @Test("killed at any call while it trains and audits, it goes on without a second spend")
    func killed() async throws {
        for limit in stride(from: 3, through: 90, by: 4) {
            let world = try world()
            let stage = try SiteStage(world)
            let jobs = [
                try await world.submitJob { $0.rounds = 1 }, try await world.submitJob { $0.rounds = 1 },
            ]
            func live(_ fuse: Fuse) async throws -> [CID] {
                let work = GatedWork(fuse: fuse)
                work.gate.open()
                let agent = try await unlocked {
                    try stage.agent(
                        key: Self.key, gateway: WorldGateway(world: world, fuse: fuse), roundWork: work,
                        audit: KindAudit())
                }
                let running = Task { try await agent.run() }
                let isOver = try await drive(world) {
                    if fuse.hasBurnt { return true }
                    for job in jobs where try await world.reader(job).record()?.status.hasEnded != true { return false }
                    return true
                }
                running.cancel()
                try await running.value
                #expect(isOver, "killed at \(limit)")
                return work.state.withLock { $0.prepared }
            }
            let fuse = Fuse(limit: limit)
            var prepared = try await live(fuse)
            if fuse.hasBurnt { prepared += try await live(Fuse()) }
            let cost = try #require(Samples.cost(rhoMillionths: 50_000).multiplied(by: 2))
            #expect(try await world.budget(of: Self.key).spent == cost, "killed at \(limit)")
            let spent = try await unlocked {
                try SpendingLog(path: stage.logPath).spent(dataset: FederationWorld.dataset(of: Self.key))
            }
            #expect(spent == cost, "killed at \(limit)")
            let left = Set(prepared).intersection(await world.stored)
            #expect(left.count == 2, "killed at \(limit)")
        }
    }
}

extension Sequence {
    fileprivate func asyncMap<Result>(_ body: (Element) async throws -> Result) async rethrows -> [Result] {
        var results: [Result] = []
        for element in self { results.append(try await body(element)) }
        return results
    }
}
