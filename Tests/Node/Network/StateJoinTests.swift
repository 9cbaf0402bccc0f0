import Ledger
import PeerNetwork
import Primitives
import Storage
import TestSupport
import Testing

@testable import Node

/// Nodes that begin with a snapshot, over real sockets on the loopback interface.
@Suite("Node: joining from a checkpoint", .serialized, .timeLimit(.minutes(4)))
struct StateJoinTests {
    /// Short, since nothing here is far away.
    static let quick: StateJoin.Settings = {
        var settings = StateJoin.Settings()
        settings.patience = .seconds(1)
        settings.retryInterval = .milliseconds(30)
        settings.rest = .milliseconds(300)
        settings.timeout = .seconds(2)
        return settings
    }()

    private static func text(_ peers: [String], checkpoint: String = "") -> String {
        """
        [ledger]
        durability = "normal"
        snapshot_every_blocks = 10
        [network]
        listen = ["/ip4/127.0.0.1/tcp/0"]
        peers = [\(peers.map { "\"\($0)\"" }.joined(separator: ", "))]
        checkpoint = "\(checkpoint)"
        """
    }

    private func validator(_ folder: String, blocks: UInt64, genesis: Genesis? = nil) async throws -> TestNode {
        let node = try await TestNode(
            in: folder, genesis: genesis, configuration: Self.text([]), chunkByteCount: 64)
        for sequence in 0..<blocks { try await node.block(sequence: sequence) }
        return node
    }

    private func follower(
        _ folder: String, _ genesis: Genesis, _ peers: [String], _ checkpoint: String
    ) async throws -> TestNode {
        try await TestNode(
            in: folder, genesis: genesis, configuration: Self.text(peers, checkpoint: checkpoint), follows: true,
            joining: Self.quick, chunkByteCount: 64)
    }

    private func address(_ node: TestNode) async throws -> String {
        try #require(try await node.runtime.networkStatus().addresses.first)
    }

    private func checkpoint(_ node: TestNode, _ height: UInt64) async throws -> String {
        try await node.runtime.kernel.perform { host in
            "\(height):\(try host.archive.certifiedHeader(height: height).header.id.hex)"
        }
    }

    private func base(_ node: TestNode) async throws -> UInt64 {
        try await node.runtime.kernel.perform { try $0.archive.database.baseHeight() }
    }

    private func until(_ seconds: Int, _ condition: () async throws -> Bool) async throws -> Bool {
        for _ in 0..<seconds * 20 {
            if try await condition() { return true }
            try await Task.sleep(for: .milliseconds(50))
        }
        return false
    }

    private func reaches(_ node: TestNode, _ height: UInt64) async throws -> Bool {
        try await until(20) { try await node.runtime.status().height >= height }
    }

    @Test("begins at the newest snapshot above the checkpoint, follows, and says what it does not have") func joins()
        async throws
    {
        let folder = try TemporaryFolder()
        let one = try await validator(folder.path("a"), blocks: 25)
        let node = try await follower(
            folder.path("b"), one.genesis, [try await address(one)], try await checkpoint(one, 12))
        #expect(try await base(node) == 20)
        #expect(try await reaches(node, 25))
        for sequence in 25..<28 as Range<UInt64> { try await one.block(sequence: sequence) }
        #expect(try await reaches(node, 28))
        #expect(try await node.runtime.status().stateRoot == one.runtime.status().stateRoot)
        #expect(try await node.runtime.status().firstKeptHeight == 21)
        // Readers of what is before the base are told so.
        for question in [
            { _ = try await node.runtime.headers(from: 1, limit: 5) },
            { _ = try await node.runtime.transaction(.slot(0)) },
            { _ = try await node.runtime.events(EventQuery(after: EventCursor(sequence: 0))) },
        ] as [() async throws -> Void] {
            let error = await #expect(throws: ServiceError.self) { try await question() }
            #expect(error?.code == .pruned && error?.httpStatus == 410, "\(String(describing: error))")
        }
        // What is after it is proven as anywhere.
        let proven = try await node.runtime.transaction(.slot(22))
        let proof = try TransactionProof.decode(proven.proof)
        _ = try proof.verify(TrustAnchor(genesis: one.genesis))
        // It restarts like any other, and does not join again.
        await node.stop()
        let again = try await follower(folder.path("b"), one.genesis, [], try await checkpoint(one, 12))
        #expect(try await again.runtime.status().height == 28)
        #expect(try await base(again) == 20)
        await again.stop()
        await one.stop()
    }

    @Test("begins below a checkpoint that no snapshot has reached, by the headers between; and gives it on")
    func below() async throws {
        let folder = try TemporaryFolder()
        let one = try await validator(folder.path("a"), blocks: 25)
        let second = try await follower(
            folder.path("b"), one.genesis, [try await address(one)], try await checkpoint(one, 24))
        #expect(try await base(second) == 20)
        #expect(try await reaches(second, 25))
        let trusted = try await checkpoint(one, 24)
        await one.stop()
        // From a node that began with a snapshot itself.
        let third = try await follower(folder.path("c"), one.genesis, [try await address(second)], trusted)
        #expect(try await base(third) == 20)
        #expect(try await reaches(third, 25))
        // Without a checkpoint there is no way: nobody has the first blocks. It says so.
        let fourth = try await follower(folder.path("d"), one.genesis, [try await address(second)], "")
        #expect(
            try await until(20) {
                try await fourth.runtime.health().findings.contains {
                    $0.check == "network" && $0.detail.contains("no peer has block 1: theirs begin at 21")
                }
            })
        for node in [fourth, third, second] { await node.stop() }
    }

    @Test("a checkpoint that is not on the chain is refused with its reason, before and after") func wrongCheckpoint()
        async throws
    {
        let folder = try TemporaryFolder()
        let one = try await validator(folder.path("a"), blocks: 12)
        let peer = try await address(one)
        let id = String(repeating: "ab", count: 32)
        let error = await #expect(throws: TrustError.self) {
            _ = try await follower(folder.path("b"), one.genesis, [peer], "5:\(id)")
        }
        #expect(error?.code == .wrongCheckpoint && error?.reason.contains("another block 5") == true)
        #expect(!DurableFile.exists(folder.path("b/ledger.sqlite")))
        // A chain that is here already does not hold it, or does not come to it.
        let node = try await follower(folder.path("c"), one.genesis, [peer], "")
        #expect(try await reaches(node, 12))
        await node.stop()
        let again = await #expect(throws: TrustError.self) {
            _ = try await follower(folder.path("c"), one.genesis, [peer], "5:\(id)")
        }
        #expect(again?.code == .wrongCheckpoint)
        let later = try await follower(folder.path("c"), one.genesis, [peer], "14:\(id)")
        for sequence in 12..<14 as Range<UInt64> { try await one.block(sequence: sequence) }
        #expect(try await reaches(later, 13))
        try await Task.sleep(for: .milliseconds(500))
        #expect(try await later.runtime.status().height == 13)
        for node in [later, one] { await node.stop() }
    }

    @Test("where no peer has a snapshot the chain is taken block by block") func withoutSnapshots() async throws {
        let folder = try TemporaryFolder()
        let one = try await validator(folder.path("a"), blocks: 4)
        let node = try await follower(
            folder.path("b"), one.genesis, [try await address(one)], try await checkpoint(one, 3))
        #expect(try await base(node) == 0)
        #expect(try await reaches(node, 4))
        #expect(!DurableFile.exists(folder.path("b/ledger.sqlite.joining")))
        for node in [node, one] { await node.stop() }
    }

    @Test(
        "a peer that lies about a snapshot is found at once, held to it, and costs nothing",
        arguments: ScriptedServer.Lie.allCases)
    func lies(lie: ScriptedServer.Lie) async throws {
        let folder = try TemporaryFolder()
        let one = try await validator(folder.path("a"), blocks: 21)
        var foreign: [UInt8] = []
        if lie == .foreignManifest {
            let other = try await validator(
                folder.path("other"), blocks: 21, genesis: try TestNode.genesis(name: "other"))
            let source = try SnapshotSource(path: "\(other.folder)/ledger.sqlite", genesis: other.genesis)
            foreign = try #require(try source.manifest(height: 20)).encoded()
            await other.stop()
        }
        let liar = try await ScriptedServer(one, lie: lie, foreign: foreign)
        let trusted = try await checkpoint(one, 12)
        if lie.isHeldAgainstIt {
            // Alone with it: it is asked until it has lied, and never again.
            let attempt = Task { [genesis = one.genesis, address = liar.address] in
                try await follower(folder.path("b"), genesis, [address], trusted)
            }
            var asked = 0
            for _ in 0..<60 where asked == 0 || asked != liar.given.all {
                asked = liar.given.all
                try await Task.sleep(for: .milliseconds(300))
            }
            #expect(asked > 0 && asked == liar.given.all)
            attempt.cancel()
            await #expect(throws: (any Error).self) { _ = try await attempt.value }
            #expect(!DurableFile.exists(folder.path("b/ledger.sqlite")))
        }
        let honest = try await ScriptedServer(one)
        let node = try await follower(
            folder.path("b"), one.genesis, [liar.address, honest.address, try await address(one)], trusted)
        #expect(try await base(node) == 20)
        #expect(try await reaches(node, 21))
        #expect(try await node.runtime.status().stateRoot == one.runtime.status().stateRoot)
        // Conduct outlives the lives in which it was seen.
        if lie.isHeldAgainstIt {
            #expect(
                try await until(10) {
                    let peers = try await node.runtime.networkStatus().peers
                    let offences = peers.first { $0.id == "\(liar.host.peer)" }?.offences
                    return offences?.contains { $0.word == "invalid snapshot" } == true
                })
        }
        await liar.host.shutdown()
        await honest.host.shutdown()
        for node in [node, one] { await node.stop() }
    }

    @Test("a join that was broken off goes on with what is missing") func resumes() async throws {
        let folder = try TemporaryFolder()
        let one = try await validator(folder.path("a"), blocks: 21)
        let total = try #require(
            try SnapshotSource(path: "\(one.folder)/ledger.sqlite", genesis: one.genesis).manifest(height: 20)
        ).chunks.count
        #expect(total >= 6)
        let trusted = try await checkpoint(one, 12)
        let poor = try await ScriptedServer(one, chunkLimit: 4)
        let attempt = Task { [genesis = one.genesis, address = poor.address] in
            try await follower(folder.path("b"), genesis, [address], trusted)
        }
        #expect(try await until(20) { poor.given.chunks == 4 })
        try await Task.sleep(for: .milliseconds(300))
        attempt.cancel()
        await #expect(throws: (any Error).self) { _ = try await attempt.value }
        await poor.host.shutdown()
        #expect(!DurableFile.exists(folder.path("b/ledger.sqlite")))
        let rich = try await ScriptedServer(one)
        let node = try await follower(folder.path("b"), one.genesis, [rich.address], trusted)
        #expect(try await base(node) == 20)
        #expect(rich.given.chunks == total - 4)
        await rich.host.shutdown()
        for node in [node, one] { await node.stop() }
    }

    @Test("of what is offered, the newest at or above the checkpoint is taken, else the newest below, of most peers")
    func choice() throws {
        let peers = (0..<4).map { _ in PeerID(SecretKey.generate().publicKey) }
        func offer(_ height: UInt64, _ digest: UInt8 = 0) -> SnapshotOffer {
            SnapshotOffer(height: height, manifestDigest: .blake2b256([digest]), chunkCount: 1)
        }
        let checkpoint = try #require(Checkpoint(height: 50, headerID: .zero))
        #expect(SnapshotChoice([:], checkpoint: checkpoint) == nil)
        #expect(SnapshotChoice([peers[0]: [offer(0)]], checkpoint: checkpoint) == nil)
        #expect(SnapshotChoice([peers[0]: [offer(40), offer(30)]], checkpoint: checkpoint)?.height == 40)
        #expect(SnapshotChoice([peers[0]: [offer(40), offer(50)]], checkpoint: checkpoint)?.height == 50)
        #expect(SnapshotChoice([peers[0]: [offer(60)], peers[1]: [offer(70)]], checkpoint: checkpoint)?.height == 70)
        let most = SnapshotChoice(
            [peers[0]: [offer(60, 1)], peers[1]: [offer(60)], peers[2]: [offer(60)]], checkpoint: checkpoint)
        #expect(most?.manifestDigest == .blake2b256([0]) && most.map { Set($0.holders) } == [peers[1], peers[2]])
    }

    @Test("a checkpoint that is none is refused by its key") func refusesText() throws {
        let error = #expect(throws: ConfigurationError.self) {
            try TestNode.configuration("/", "[network]\ncheckpoint = \"12\"").network()
        }
        #expect(error?.problems.map(\.key) == ["network.checkpoint"])
    }
}
