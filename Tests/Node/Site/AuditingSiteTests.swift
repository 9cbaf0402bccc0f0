import Federation
import Ledger
import LedgerSupport
import PluginHost
import Primitives
import Synchronization
import Testing

@testable import Node

/// An audit that says what its test wants.
private final class StubAudit: AuditWork {
    let failures = Mutex<[any Error]>([])
    let isEqual: Bool
    static let evidence: [UInt8] = [4, 5, 6]

    init(isEqual: Bool = true) { self.isEqual = isEqual }

    func judge(_ job: JobReader, round: UInt32, objects: any ObjectReader) async throws -> AuditFinding {
        let failure = failures.withLock { $0.isEmpty ? nil : $0.removeFirst() }
        if let failure { throw failure }
        guard let record = try await job.round(round) else { return AuditFinding(outcomes: [], evidence: []) }
        let revealed = try await job.submissions(round, of: record).filter { $0.value.state == .revealed }
        return AuditFinding(
            outcomes: revealed.keys.sorted().map {
                MemberOutcome(
                    member: $0, outcome: .accepted, scoreMillionths: 500_000, evidence: .of(raw: Self.evidence))
            }, evidence: Self.evidence)
    }

    func confirmed(
        _ proposal: ModelProposal, _ job: JobReader, round: UInt32, objects: any ObjectReader
    ) async throws -> [UInt8]? { isEqual ? [9, UInt8(round)] : nil }
}

@Suite("A site that is drawn as an auditor")
struct AuditingSiteTests {
    private let auditor: UInt64 = 31

    /// The agent of an auditor and the others take turns until something holds.
    private func play(
        _ stage: SiteStage, _ agent: SiteAgent, until isDone: () async throws -> Bool
    ) async throws {
        for _ in 0..<60 {
            let acted = try await agent.turn()
            let moved = try await stage.world.moveOthers()
            if try await isDone() || (!acted && !moved) { return }
        }
    }

    @Test("judges once, with its evidence where others can fetch it, and confirms the model")
    func judges() async throws {
        let world = try FederationWorld(played: [], auditing: [32])
        let stage = try SiteStage(world)
        let job = try await world.submitJob()
        let agent = try stage.agent(key: auditor, audit: StubAudit())
        try await play(stage, agent) { try await world.reader(job).record()?.status == .finished }
        let verdict = try await world.reader(job).verdict(1, LedgerHarness.account(auditor))
        #expect(verdict?.outcomes.count == 2)
        #expect(try await world.bytes(of: .of(raw: StubAudit.evidence)) == StubAudit.evidence)
        let verdicts = await world.submitted.filter { $0.action == "verdict" }
        #expect(verdicts.count == 2, "one a round")
        // The aggregator's copy is not the only one: the auditor has stored the model before it confirmed.
        #expect(await world.stored.count { $0 == .of(raw: [9, 1]) } == 2)
        #expect(await world.submitted.allSatisfy { $0.code == .ok })
    }

    @Test("says that a model is another one than its own")
    func rejects() async throws {
        let world = try FederationWorld(played: [], auditing: [32])
        let stage = try SiteStage(world)
        let job = try await world.submitJob()
        let agent = try stage.agent(key: auditor, audit: StubAudit(isEqual: false))
        func round() async throws -> RoundRecord? { try await world.reader(job).round(1) }
        try await play(stage, agent) { try await round()?.rejectedBy.isEmpty == false }
        #expect(try await round()?.rejectedBy == [LedgerHarness.account(auditor)])
        #expect(try await round()?.modelAfter == nil)
    }

    @Test("an audit that fails is tried again, said once, and no verdict is made up")
    func failingAudit() async throws {
        let world = try FederationWorld(played: [], auditing: [])
        let stage = try SiteStage(world)
        let job = try await world.submitJob()
        let audit = StubAudit()
        let failure = PluginError(.crashed, plugin: "v", call: "judge", "died")
        audit.failures.withLock { $0 = [failure, failure, failure] }
        let agent = try stage.agent(key: auditor, audit: audit)
        for _ in 0..<30 { _ = try await world.moveOthers() }
        for _ in 0..<3 { #expect(try await agent.turn() == false) }
        #expect(try await world.reader(job).verdict(1, LedgerHarness.account(auditor)) == nil)
        #expect(stage.lines.count(containing: "died") == 1)
        #expect(try await agent.turn())
        #expect(try await world.reader(job).verdict(1, LedgerHarness.account(auditor)) != nil)
    }
}

@Suite("A sender of signed transactions")
struct SignedSenderTests {
    @Test("transactions of one lane that are sent at once get sequences one after the other")
    func sequences() async throws {
        let world = try FederationWorld(played: [], auditing: [])
        let gateway = WorldGateway(world: world)
        let sender = SignedSender(key: LedgerHarness.key(31), lane: 3, gateway: gateway, feeLimit: .zero)
        let codes = try await withThrowingTaskGroup(of: ResultCode.self) { group in
            for _ in 0..<20 {
                group.addTask {
                    try await sender.send(
                        module: "federation", action: "register_auditor",
                        body: RegisterAuditorBody(verifiers: [Samples.verifier]).encoded(), payer: nil)
                }
            }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(codes.count == 20)
        let account = try #require(
            try await gateway.record(Account.self, at: Account.path(LedgerHarness.account(31))))
        #expect(account.sequences[3] == 20)
        #expect(account.sequences[0] == 1)
    }

    @Test("a failure leaves the lane free for the next")
    func failureFreesTheLane() async throws {
        let world = try FederationWorld(played: [], auditing: [])
        let sender = SignedSender(
            key: LedgerHarness.key(31), lane: 0, gateway: WorldGateway(world: world, fuse: Fuse(limit: 2)),
            feeLimit: .zero)
        for _ in 0..<3 {
            await #expect(throws: Killed.self) {
                try await sender.send(module: "federation", action: "advance", body: [], payer: nil)
            }
        }
    }
}
