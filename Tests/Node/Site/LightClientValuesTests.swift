import Ledger
import LedgerSupport
import Primitives
import Testing
import TestSupport

@testable import Node

/// A client that asks for several values at once, the node that it asks, and the real chain behind that node.
private struct Scene {
    let folder: TemporaryFolder
    let node: TestNode
    let liar: LyingNode
    let client: LightClient
    let paths = [1, 2, 77].map { Account.path(LedgerHarness.account($0)) }

    init() async throws {
        folder = try TemporaryFolder()
        node = try await TestNode(in: folder.root)
        liar = LyingNode(node.runtime)
        client = LightClient(
            service: liar, genesis: node.genesis, account: LedgerHarness.account(1), pollInterval: .milliseconds(1))
        for sequence in 0..<3 { try await node.block(sequence: UInt64(sequence)) }
    }

    /// What the client says when the node answers so.
    func refusal(_ lie: @escaping @Sendable (ProvenValues) -> ProvenValues) async throws -> LightClientError? {
        liar.lie { $0.values = lie }
        defer { liar.tellTheTruth() }
        do {
            _ = try await client.values(at: paths)
            return nil
        } catch let error as LightClientError {
            return error
        }
    }

    func truth() async throws -> [[UInt8]?] {
        var values: [[UInt8]?] = []
        for path in paths { values.append(try await node.runtime.state(at: path).value) }
        return values
    }
}

@Suite("A light client that asks for several values at once")
struct LightClientValuesTests {
    @Test("gets them with one question, the absent one among them, and believes the proofs alone")
    func believesTheTruth() async throws {
        let scene = try await Scene()
        let truth = try await scene.truth()
        #expect(truth.map { $0 == nil } == [false, false, true])
        #expect(try await scene.client.values(at: scene.paths) == truth)
        #expect(scene.liar.count(of: "values") == 1)
        scene.liar.lie {
            $0.values = { answer in
                var answer = answer
                for index in answer.entries.indices { answer.entries[index].value = [6, 6, 6] }
                return answer
            }
        }
        #expect(try await scene.client.values(at: scene.paths) == truth)
        #expect(scene.liar.count(of: "state") == 0)
    }

    @Test("refuses proofs in another order, of another state, too few of them, and an older header")
    func refusesLies() async throws {
        let scene = try await Scene()
        let old = try await scene.node.runtime.values(at: scene.paths)
        try await scene.node.block(sequence: 3)
        _ = try await scene.client.values(at: scene.paths)
        let lies: [@Sendable (ProvenValues) -> ProvenValues] = [
            { ProvenValues(entries: $0.entries.reversed(), anchor: $0.anchor) },
            { ProvenValues(entries: old.entries, anchor: $0.anchor) },
            { ProvenValues(entries: $0.entries.dropLast(), anchor: $0.anchor) },
            { ProvenValues(entries: $0.entries + $0.entries, anchor: $0.anchor) },
        ]
        for (number, lie) in lies.enumerated() {
            guard case .proof = try await scene.refusal(lie) else {
                Issue.record("lie \(number) was believed")
                continue
            }
        }
        #expect(try await scene.refusal { _ in old } == .stale(height: 3, known: 4))
        #expect(try await scene.client.values(at: scene.paths) == scene.truth())
        #expect(scene.liar.count(of: "turnAway") == lies.count + 1)
    }

    @Test("asks several times for more than a node answers at once, and not at all for none")
    func manyPaths() async throws {
        let scene = try await Scene()
        let count = UInt64(2 * ProvenValues.pathLimit + 1)
        let paths = (0..<count).map { Account.path(LedgerHarness.account($0)) }
        let values = try await scene.client.values(at: paths)
        #expect(values.count == paths.count)
        #expect(scene.liar.count(of: "values") == 3)
        #expect(try await scene.client.value(at: paths[1]) == values[1])
        #expect(try await scene.client.values(at: []).isEmpty)
        #expect(scene.liar.count(of: "values") == 3)
        await #expect(throws: ServiceError.self) { _ = try await scene.node.runtime.values(at: paths) }
    }

    @Test("executes the genesis itself before the first block")
    func beforeTheFirstBlock() async throws {
        let folder = try TemporaryFolder()
        let node = try await TestNode(in: folder.root)
        let client = LightClient(
            service: node.runtime, genesis: node.genesis, account: LedgerHarness.account(1),
            pollInterval: .milliseconds(1))
        let path = Account.path(LedgerHarness.account(1))
        #expect(try await client.values(at: [path]) == [try await node.runtime.state(at: path).value])
    }

    @Test("fetches an object once, and keeps nothing that is not the object")
    func keepsObjects() async throws {
        let scene = try await Scene()
        let bytes: [UInt8] = (0..<1_000).map { UInt8(truncatingIfNeeded: $0) }
        let id = try scene.node.runtime.objects.put(bytes)
        scene.liar.lie { $0.object = { _, bytes in bytes.reversed() } }
        await #expect(throws: LightClientError.object(expected: id)) { try await scene.client.object(id) }
        scene.liar.tellTheTruth()
        let before = scene.liar.count(of: "object")
        for _ in 0..<3 { #expect(try await scene.client.object(id) == bytes) }
        #expect(scene.liar.count(of: "object") == before + 1)
        await #expect(throws: LightClientError.oversized(id, limitBytes: 999)) {
            try await scene.client.object(id, atMost: 999)
        }
    }
}

@Suite("Objects that were wanted last")
struct RecentObjectsTests {
    private func id(_ number: UInt8) -> CID { CID.of(raw: [number]) }

    @Test("are kept within the limit; the one that nobody has wanted for longest goes first")
    func limit() {
        var recent = RecentObjects(limitBytes: 100)
        for number in UInt8(0)..<4 { recent.keep([UInt8](repeating: number, count: 25), as: id(number)) }
        #expect(recent.byteCount == 100)
        #expect(recent.object(id(0)) == [UInt8](repeating: 0, count: 25))
        recent.keep([UInt8](repeating: 4, count: 20), as: id(4))
        #expect(recent.object(id(1)) == nil)
        #expect([0, 2, 3, 4].allSatisfy { recent.object(id($0)) != nil })
        #expect(recent.byteCount == 95)
    }

    @Test("are counted once, and one that would leave room for few others is not kept")
    func counted() {
        var recent = RecentObjects(limitBytes: 100)
        for _ in 0..<9 { recent.keep([UInt8](repeating: 1, count: 25), as: id(1)) }
        recent.keep([UInt8](repeating: 2, count: 26), as: id(2))
        #expect(recent.byteCount == 25)
        #expect(recent.object(id(2)) == nil)
    }
}
