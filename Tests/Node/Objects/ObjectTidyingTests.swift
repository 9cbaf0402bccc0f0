import Federation
import Foundation
import Ledger
import LedgerSupport
import Logging
import Market
import Primitives
import Synchronization
import TestSupport
import Testing

@testable import Node

/// A world as the tidying of a node's store sees it.
private final class TidyingWorld: TidyingSource {
    struct State {
        var survey = LedgerSurvey()
        var tidied: EventCursor?
        var removed: Set<CID> = []
        var isPruned = false
    }

    let world: FederationWorld
    let state = Mutex(State())

    init(_ world: FederationWorld) { self.world = world }

    func value(at path: [UInt8]) async throws -> [UInt8]? { await world.value(at: path) }
    func head() async throws -> (height: UInt64, timeMilliseconds: UInt64) { await world.head() }

    func survey() async throws -> LedgerSurvey {
        var survey = state.withLock { $0.survey }
        survey.last = EventCursor(sequence: UInt64(await world.events.count))
        for job in await world.jobs {
            survey.jobs.append(job)
            let reader = try await world.reader(job)
            if try await reader.record()?.status.hasEnded == false { survey.openJobs.append(job) }
            survey.foundations.formUnion([reader.terms.initialModel, reader.terms.holdout])
        }
        return survey
    }

    func events(_ query: EventQuery) async throws(ServiceError) -> EventPage {
        if state.withLock({ $0.isPruned }) { throw ServiceError(.pruned, "gone", firstKeptSequence: 5) }
        let all = await world.events.filter {
            $0.cursor > query.after && (query.filter.module ?? $0.module) == $0.module
                && (query.filter.kind ?? $0.kind) == $0.kind
        }
        let page = Array(all.prefix(query.limit))
        return EventPage(events: page, next: page.last?.cursor ?? query.after)
    }

    func tidied() async throws -> EventCursor? { state.withLock { $0.tidied } }
    func setTidied(_ cursor: EventCursor) async throws { state.withLock { $0.tidied = cursor } }
    func stored(_ id: CID) async -> [UInt8]? { try? await world.bytes(of: id) }

    func remove(_ ids: Set<CID>) async {
        for id in ids { await world.forget(id) }
        state.withLock { $0.removed.formUnion(ids) }
    }

    func waitForBlock(after height: UInt64) async throws { try await Task.sleep(for: .milliseconds(1)) }

    func tidying(keepRounds: UInt32 = 3) -> ObjectTidying {
        ObjectTidying(
            source: self, keepRounds: keepRounds, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    }
}

@Suite("A node's store holds what settled rounds have left only while something needs it")
struct ObjectTidyingTests {
    private func world(rounds: UInt32) async throws -> (TidyingWorld, Digest) {
        let world = try FederationWorld(played: [])
        await world.setUpdates { key, round in [UInt8(key), UInt8(truncatingIfNeeded: round), UInt8(round >> 8), 5] }
        let job = try await world.submitJob { terms in
            terms.rounds = rounds
            terms.costPerRound = Samples.cost(rhoMillionths: 1)
            terms.payment.base = Amount(tokens: 1)
            terms.payment.scorePool = Amount(tokens: 1)
        }
        return (TidyingWorld(world), job)
    }

    /// Moves on until `round` is open, or the job has ended.
    private func play(_ world: FederationWorld, _ job: Digest, to round: UInt32) async throws {
        while try await world.moveOthers() {
            let record = try await world.reader(job).record()
            if let record, record.round >= round || record.status.hasEnded { return }
        }
    }

    /// Every round of a running job leaves 2 updates, 3 pieces of evidence and a model.
    @Test("a job of many rounds keeps a bounded number of objects, and of its last rounds all")
    func bounded() async throws {
        let isLong = ProcessInfo.processInfo.environment["VINCULUM_LONG_TESTS"] != nil
        let rounds: UInt32 = isLong ? 1_000 : 60
        let (source, job) = try await world(rounds: rounds)
        let tidying = source.tidying()
        var most = 0
        for round in stride(from: 1, through: rounds, by: 1) {
            try await play(source.world, job, to: round)
            _ = try await tidying.turn()
            let held = await source.world.held
            most = max(most, held.count)
            let reader = try await source.world.reader(job)
            for kept in max(1, Int(round) - 3)..<max(1, Int(round)) {
                let record = try #require(try await reader.round(UInt32(kept)))
                #expect(held.contains(record.modelBefore))
                for submission in try await reader.submissions(UInt32(kept), of: record).values {
                    #expect(submission.update.map(held.contains) == true)
                    #expect(submission.evidence.map(held.contains) == true)
                }
            }
        }
        // Three settled rounds, the open one, what the job began with, and the model that it has.
        #expect(most <= 4 * 6 + 3, "\(most) objects")
        try await play(source.world, job, to: .max)
        _ = try await tidying.turn()
        let record = try #require(try await source.world.reader(job).record())
        #expect(record.status == .finished)
        let terms = try await source.world.reader(job).terms
        #expect(await source.world.held == [terms.initialModel, record.model])
    }

    @Test("what another job begins with, or an open task works on, stays until nothing names it")
    func referred() async throws {
        let (source, job) = try await world(rounds: 12)
        let tidying = source.tidying()
        try await play(source.world, job, to: 3)
        let model = try #require(try await source.world.reader(job).round(2)?.modelBefore)
        _ = try await tidying.turn()
        _ = try await source.world.submitJob { $0.initialModel = model }
        try await play(source.world, job, to: 12)
        _ = try await tidying.turn()
        #expect(await source.world.held.contains(model))
        #expect(source.state.withLock { $0.removed.count } > 20)
    }

    @Test("after a restart what was left is removed, and a job that ended meanwhile too")
    func restart() async throws {
        let (source, job) = try await world(rounds: 8)
        try await play(source.world, job, to: 6)
        let before = await source.world.held.count
        // A life that removed some and was killed before it had looked at all.
        source.state.withLock { $0.tidied = .start }
        _ = try await source.tidying().turn()
        #expect(await source.world.held.count < before)
        try await play(source.world, job, to: .max)
        _ = try await source.tidying().turn()
        #expect(await source.world.held.count == 2)
        #expect(source.state.withLock { $0.tidied }?.sequence == UInt64(await source.world.events.count))
    }

    @Test("where the events are gone, the state says which jobs there are")
    func pruned() async throws {
        let (source, job) = try await world(rounds: 4)
        try await play(source.world, job, to: .max)
        source.state.withLock {
            $0.tidied = .start
            $0.isPruned = true
        }
        let tidying = source.tidying()
        await #expect(throws: ServiceError(.pruned, "")) { try await tidying.turn() }
        source.state.withLock { $0.isPruned = false }
        _ = try await tidying.turn()
        #expect(await source.world.held.count == 2)
    }

    @Test("nothing of a job whose rounds are all within what stays is removed")
    func young() async throws {
        let (source, job) = try await world(rounds: 8)
        let tidying = source.tidying(keepRounds: 3)
        try await play(source.world, job, to: 4)
        let held = await source.world.held
        #expect(try await tidying.turn() == false)
        #expect(await source.world.held == held)
    }
}

@Suite("The tidying of a running node")
struct LocalTidyingTests {
    @Test("reads the node's own ledger, and remembers where it was")
    func local() async throws {
        let folder = try TemporaryFolder()
        let node = try await TestNode(in: folder.root)
        let source = LocalTidying(runtime: node.runtime)
        #expect(try await source.tidied() == nil)
        #expect(try await node.block(sequence: 0) != nil)
        let tidying = ObjectTidying(source: source, keepRounds: 3, logger: TestNode.quiet)
        #expect(try await tidying.turn() == false)
        let cursor = try #require(try await source.tidied())
        #expect(cursor > .start)
        let id = try node.runtime.objects.put([1, 2, 3])
        #expect(await source.stored(id) == [1, 2, 3])
        await source.remove([id])
        #expect(!node.runtime.objects.contains(id))
        await node.stop()
        let again = try await TestNode(in: folder.root)
        #expect(try await LocalTidying(runtime: again.runtime).tidied() == cursor)
        await again.stop()
    }
}
