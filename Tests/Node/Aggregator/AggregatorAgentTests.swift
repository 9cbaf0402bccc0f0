import Federation
import Ledger
import LedgerSupport
import Logging
import Primitives
import Privacy
import Synchronization
import Testing
import Training

@testable import Node

/// A world as its aggregator sees it; objects can be hidden.
private final class AggregatorStage: AggregatorGateway, TransactionSender {
    let world: FederationWorld
    let account = LedgerHarness.account(2)
    let lines = LinesHandler.Lines()
    private let hidden = Mutex<Set<CID>>([])

    init(_ world: FederationWorld) { self.world = world }

    var agent: AggregatorAgent {
        AggregatorAgent(
            gateway: self, sender: self, logger: Logger(label: "aggregator") { _ in LinesHandler(lines: self.lines) })
    }

    func hide(_ id: CID) { _ = hidden.withLock { $0.insert(id) } }
    func showAll() { hidden.withLock { $0 = [] } }

    func value(at path: [UInt8]) async throws -> [UInt8]? { await world.value(at: path) }
    func head() async throws -> (height: UInt64, timeMilliseconds: UInt64) { await world.head() }
    func jobs() async throws -> [Digest] { await world.jobs }
    func store(object: [UInt8]) async throws { _ = await world.store(object) }
    func waitForBlock(after height: UInt64) async throws {}
    func nowMilliseconds() -> UInt64 { 0 }

    func bytes(of id: CID) async throws -> [UInt8] {
        if hidden.withLock({ $0.contains(id) }) { throw ObjectStoreError.unknown(id) }
        return try await world.bytes(of: id)
    }

    func send(module: String, action: String, body: [UInt8], payer: AccountID?) async throws -> ResultCode {
        try await world.sendEncoded(action, body, from: 2, module: module)
    }
}

@Suite("The aggregator of many jobs")
struct AggregatorAgentTests {
    /// A job whose members reveal updates of its model.
    private func submit(_ world: FederationWorld) async throws -> Digest {
        let model = DenseModel(architecture: try DenseArchitecture(Samples.architecture), seed: 1)
        await world.setUpdates { key, round in
            let sum = [Int64](repeating: Int64(key) * 1_000 + Int64(round), count: model.parameters.count)
            let update = try ReleasedUpdate(
                sum: sum, architecture: model.architecture, scaleBits: 14, clip: 1, recordBand: 5_000)
            return try update.safetensors().encoded()
        }
        let id = await world.store(try model.safetensors().encoded())
        return try await world.submitJob { $0.initialModel = id }
    }

    @Test("a job's model is proposed from the accepted updates, and stored before it is named")
    func proposes() async throws {
        let world = try FederationWorld(played: [], aggregates: false)
        let job = try await submit(world)
        let stage = AggregatorStage(world)
        var progress = AggregatorAgent.Progress()
        for _ in 0..<40 {
            _ = try await world.moveOthers()
            _ = try await stage.agent.turn(&progress)
            if try await world.reader(job).lineage(1) != nil { break }
        }
        let lineage = try #require(try await world.reader(job).lineage(1))
        let expected = try await RoundAggregation.next(
            try await world.reader(job), round: 1, included: [0, 1], objects: world)
        #expect(lineage.model == expected.model)
        #expect(try await world.bytes(of: lineage.model) == expected.bytes)
    }

    @Test("an update whose member was slashed after it was judged good is left out, and the job goes on")
    func leavesOutTheSlashed() async throws {
        let world = try FederationWorld(members: [11, 12, 13, 14], played: [], aggregates: false)
        let job = try await submit(world)
        let stage = AggregatorStage(world)
        var progress = AggregatorAgent.Progress()
        for _ in 0..<40 {
            _ = try await world.moveOthers()
            if try await world.reader(job).round(1)?.phase == .propose { break }
            _ = try await stage.agent.turn(&progress)
        }
        let cheat = LedgerHarness.account(12)
        func signature(_ update: CID) -> Signature {
            let statement = UpdateStatement(
                chain: LedgerHarness.chain, job: job, round: 1, member: cheat, update: update)
            return LedgerHarness.key(12).sign(signedBytes(kind: "update", body: statement.message))
        }
        let (one, two) = (CID.of(raw: [1, 1]), CID.of(raw: [2, 2]))
        let evidence = EvidenceBody(
            job: job, round: 1, member: cheat, first: one, firstSignature: signature(one), second: two,
            secondSignature: signature(two))
        #expect(try await world.send("evidence", evidence, from: 12) == .ok)
        #expect(try await world.reader(job).submission(1, cheat)?.outcome == .accepted)
        _ = try await stage.agent.turn(&progress)
        let members = try await world.reader(job).terms.members
        let others = members.indices.filter { members[$0] != cheat }
        #expect(try await world.reader(job).round(1)?.proposal?.included == others.map(UInt32.init))
        #expect(stage.lines.list.count { $0.contains("warning") } == 0, "\(stage.lines.list)")
    }

    @Test("a job that cannot be aggregated holds up no other, is said once, and goes on when it can")
    func independent() async throws {
        let world = try FederationWorld(played: [], aggregates: false)
        let first = try await submit(world)
        let stage = AggregatorStage(world)
        stage.hide(try await world.reader(first).terms.initialModel)
        var progress = AggregatorAgent.Progress()
        progress.troubles.shortest = .zero
        for _ in 0..<20 {
            _ = try await world.moveOthers()
            _ = try await stage.agent.turn(&progress)
        }
        #expect(try await world.reader(first).round(1)?.phase == .propose)
        #expect(progress.troubles.attempts(first) > 3)
        #expect(stage.lines.list.count == 1, "\(stage.lines.list)")
        // A second job comes, and is started in the same turn in which the first one fails again.
        let second = try await submit(world)
        stage.hide(try await world.reader(second).terms.initialModel)
        _ = try await world.moveOthers()
        let acted = try await stage.agent.turn(&progress)
        #expect(acted)
        #expect(try await world.reader(second).record()?.status == .running)
        stage.showAll()
        _ = try await stage.agent.turn(&progress)
        #expect(try await world.reader(first).round(1)?.phase == .confirm)
        #expect(progress.troubles.attempts(first) == 0)
    }
}
