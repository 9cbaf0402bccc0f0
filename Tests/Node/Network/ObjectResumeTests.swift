import Ledger
import PeerNetwork
import Primitives
import Synchronization
import TestSupport
import Testing

@testable import Node

/// Objects whose givers are lost, lie or are slow, and a node that is restarted meanwhile.
@Suite("Node: objects that come in parts", .serialized, .timeLimit(.minutes(3)))
struct ObjectResumeTests {
    private static let configuration = """
        [ledger]
        durability = "normal"
        [network]
        listen = ["/ip4/127.0.0.1/tcp/0"]
        """

    /// A peer that gives pieces of an object as a test wants, and keeps what it was asked for.
    final class Giver: Sendable {
        let host = PeerHost(key: .generate(), logger: TestNode.quiet)
        let asked = Mutex<[UInt64]>([])

        /// - Parameters:
        ///   - limit: pieces that it gives before it goes, nil for as many as it is asked for.
        ///   - lies: gives other bytes than the object's.
        init(_ bytes: [UInt8], genesis: Genesis, limit: Int? = nil, lies: Bool = false) throws {
            try host.handle(ChainProtocol(chain: genesis.chain).objects) { [weak self] stream in
                guard let self, let message = try? await stream.readMessage(limit: 256),
                    let request = try? ObjectExchange.Request.decode(message)
                else { return }
                let range = request.range
                let isLast = range.count > 0 && limit.map { self.count() >= $0 } ?? false
                if isLast {
                    stream.reset("gone")
                    return await self.host.shutdown()
                }
                if range.count > 0 { self.asked.withLock { $0.append(range.first) } }
                var size = CBOREncoder()
                size.unsigned(UInt64(bytes.count))
                try? await stream.writeMessage(size.finish())
                let end = min(range.first + range.count, UInt64(bytes.count))
                var part = Array(bytes[Int(range.first)..<Int(max(end, range.first))])
                if lies, !part.isEmpty { part[part.count / 2] ^= 1 }
                try? await stream.write(part)
            }
        }

        private func count() -> Int { asked.withLock { $0.count } }
    }

    private func object() -> (bytes: [UInt8], id: CID) {
        var generator = SeededRandom(seed: 11)
        // Eight pieces, the last one short.
        let bytes = (0..<(7 << 20) + 77).map { _ in UInt8.random(in: 0...255, using: &generator) }
        return (bytes, CID.of(raw: bytes))
    }

    private func meet(_ giver: Giver, _ node: TestNode) async throws {
        let address = try #require(try await node.runtime.networkStatus().addresses.first)
        _ = try await giver.host.connect(to: try Multiaddr(text: address))
        for _ in 0..<200 where try await !isKnown(giver, to: node) { try await Task.sleep(for: .milliseconds(50)) }
        #expect(try await isKnown(giver, to: node))
    }

    private func isKnown(_ giver: Giver, to node: TestNode) async throws -> Bool {
        try await node.runtime.networkStatus().peers.contains { $0.id == "\(giver.host.peer)" && $0.address != nil }
    }

    private func fetch(_ id: CID, _ node: TestNode, limit: Int) async throws -> [UInt8] {
        let sink = BytesSink(limitBytes: limit)
        _ = try await node.runtime.getObject(id, into: sink)
        return sink.bytes
    }

    private func partial(_ id: CID, _ node: TestNode) -> String { node.runtime.objects.path(of: id) + ".fetch.partial" }

    @Test("a peer that dies in the middle costs the pieces under way, and a restart of this node nothing more")
    func resumes() async throws {
        let folder = try TemporaryFolder()
        let (bytes, id) = object()
        var node = try await TestNode(in: folder.root + "/a", configuration: Self.configuration)
        let dying = try Giver(bytes, genesis: node.genesis, limit: 5)
        try await meet(dying, node)
        await #expect(throws: ServiceError.self) { try await fetch(id, node, limit: bytes.count) }
        #expect(!node.runtime.objects.contains(id))
        let kept = try DurableFile.read(partial(id, node), limitBytes: 64 << 20)
        #expect(kept.count >= 1 << 20 && kept == Array(bytes.prefix(kept.count)))
        await node.stop()
        node = try await TestNode(in: folder.root + "/a", genesis: node.genesis, configuration: Self.configuration)
        let whole = try Giver(bytes, genesis: node.genesis)
        try await meet(whole, node)
        #expect(try await fetch(id, node, limit: bytes.count) == bytes)
        let asked = whole.asked.withLock { $0 }
        #expect(asked.min() == UInt64(kept.count), "asked again only for what is missing: \(asked)")
        #expect(Set(asked).count == asked.count)
        #expect(!DurableFile.exists(partial(id, node)))
        await whole.host.shutdown()
        await node.stop()
    }

    @Test("pieces come from several peers at once, and a liar among them is found and held to account")
    func liar() async throws {
        let folder = try TemporaryFolder()
        let (bytes, id) = object()
        let node = try await TestNode(in: folder.root + "/a", configuration: Self.configuration)
        let givers = try [
            Giver(bytes, genesis: node.genesis), Giver(bytes, genesis: node.genesis, lies: true),
            Giver(bytes, genesis: node.genesis),
        ]
        for giver in givers { try await meet(giver, node) }
        #expect(try await fetch(id, node, limit: bytes.count) == bytes)
        #expect(givers.allSatisfy { !$0.asked.withLock { $0 }.isEmpty }, "each gave something")
        #expect(!DurableFile.exists(partial(id, node)))
        let peers = try await node.runtime.networkStatus().peers
        for giver in [givers[0], givers[2]] {
            let offences = peers.first { $0.id == "\(giver.host.peer)" }?.offences ?? []
            #expect(!offences.contains { $0.word == "wrong answer" }, "an honest peer is not accused")
        }
        for giver in givers { await giver.host.shutdown() }
        await node.stop()
    }

    @Test("a liar alone is accused, and nothing of what it gave is kept") func lonelyLiar() async throws {
        let folder = try TemporaryFolder()
        let (bytes, id) = object()
        let node = try await TestNode(in: folder.root + "/a", configuration: Self.configuration)
        let liar = try Giver(bytes, genesis: node.genesis, lies: true)
        try await meet(liar, node)
        let error = await #expect(throws: ServiceError.self) { try await fetch(id, node, limit: bytes.count) }
        #expect(error?.code == .digestMismatch)
        #expect(!node.runtime.objects.contains(id))
        // The part goes with its writer, which the task that is ending may hold a moment longer.
        for _ in 0..<100 where DurableFile.exists(partial(id, node)) { try await Task.sleep(for: .milliseconds(20)) }
        #expect(!DurableFile.exists(partial(id, node)))
        let offences = try await node.runtime.networkStatus().peers.first { $0.id == "\(liar.host.peer)" }?.offences
        #expect(offences?.contains { $0.word == "wrong answer" } == true)
        await liar.host.shutdown()
        await node.stop()
    }

    @Test("what two writers of one object leave is one file, and a damaged rest is found at the end")
    func writers() throws {
        let folder = try TemporaryFolder()
        let store = try ObjectStore(folder: folder.root, storeLimitBytes: 1_000)
        let bytes = (0..<100).map { UInt8($0) }
        let id = CID.of(raw: bytes)
        do {
            let first = try store.resumingWriter(id)
            try first.write(Array(bytes.prefix(60)))
            // The second begins anew while the first is at work, and leaves nothing.
            let second = try store.resumingWriter(id)
            #expect(second.count == 0)
            try second.write(Array(bytes.prefix(10)))
        }
        #expect(store.space?.usedBytes == 60)
        let again = try store.resumingWriter(id)
        #expect(again.count == 60)
        try again.write(Array(bytes.suffix(40)))
        #expect(try again.finish() == 100)
        #expect(store.space?.usedBytes == 100)
        let other = CID.of(raw: [1])
        do { try store.resumingWriter(other).write([9]) }
        let error = #expect(throws: ObjectStoreError.self) { try store.resumingWriter(other).finish() }
        guard case .digestMismatch = error else { return #expect(Bool(false), "\(String(describing: error))") }
        #expect(store.space?.usedBytes == 100)
        #expect(try store.resumingWriter(other).count == 0)
    }
}
