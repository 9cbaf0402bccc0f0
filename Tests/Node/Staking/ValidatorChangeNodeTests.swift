import Ledger
import LedgerSupport
import Primitives
import Staking
import Storage
import TestSupport
import Testing

@testable import Node

/// Nodes and light clients of a chain whose validators change all the time.
@Suite("Node: changes of validators", .serialized, .timeLimit(.minutes(3)))
struct ValidatorChangeNodeTests {
    private static func configuration(_ peers: [String] = [], checkpoint: String = "") -> String {
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

    private func address(_ node: TestNode) async throws -> String {
        try #require(try await node.runtime.networkStatus().addresses.first)
    }

    private func reaches(_ node: TestNode, _ height: UInt64) async throws -> Bool {
        for _ in 0..<600 {
            if try await node.runtime.status().height >= height { return true }
            try await Task.sleep(for: .milliseconds(50))
        }
        return false
    }

    // MARK: Light clients

    private func client(_ service: any NodeService, _ genesis: Genesis) -> LightClient {
        LightClient(
            service: service, genesis: genesis, account: LedgerHarness.account(3), pollInterval: .milliseconds(1))
    }

    @Test("a light client learns of new validators from those before them, each time it meets new ones")
    func lightClient() async throws {
        let folder = try TemporaryFolder()
        var chain = try await StakedNode(in: folder.root, configuration: Self.configuration())
        let path = Account.path(LedgerHarness.account(3))
        let liar = LyingNode(chain.node.runtime)
        let early = client(liar, chain.node.genesis)
        for _ in 0..<3 {
            try await chain.delegate(times: 3)
            let truth = try await chain.node.runtime.state(at: path)
            #expect(try await early.value(at: path) == truth.value)
        }
        let asked = liar.count(of: "handovers")
        #expect((1...4).contains(asked))
        // What is known is not asked for again.
        _ = try await early.value(at: path)
        #expect(liar.count(of: "handovers") == asked)
        // A client that begins late follows the whole way.
        let late = client(chain.node.runtime, chain.node.genesis)
        #expect(try await late.head().height == chain.node.runtime.status().height)
        await chain.node.stop()
    }

    @Test("a node that hides, forges or shuffles handovers is not believed, and nothing is lost by it")
    func lies() async throws {
        let folder = try TemporaryFolder()
        var chain = try await StakedNode(in: folder.root, configuration: Self.configuration())
        try await chain.delegate(times: 6)
        let path = Account.path(LedgerHarness.account(3))
        let liar = LyingNode(chain.node.runtime)
        let client = client(liar, chain.node.genesis)
        let own = ValidatorSet(solo: LedgerHarness.key(9).publicKey).encoded()
        let lies: [@Sendable ([Node.CertifiedHeader]) -> [Node.CertifiedHeader]] = [
            { _ in [] }, { Array($0.dropFirst()) }, { $0.reversed() }, { $0.map { _ in Node.CertifiedHeader.genesis } },
            {
                $0.map { header -> Node.CertifiedHeader in
                    var header = header
                    header.newValidators = own
                    return header
                }
            },
            {
                $0.map { header -> Node.CertifiedHeader in
                    var header = header
                    header.newValidators = nil
                    return header
                }
            },
        ]
        for (index, lie) in lies.enumerated() {
            liar.lie { $0.handovers = lie }
            await #expect(throws: LightClientError.self, "lie \(index)") { _ = try await client.value(at: path) }
        }
        liar.tellTheTruth()
        #expect(try await client.value(at: path) == chain.node.runtime.state(at: path).value)
        await chain.node.stop()
    }

    @Test("headers and handovers are served with the validators that come after them") func served() async throws {
        let folder = try TemporaryFolder()
        var chain = try await StakedNode(in: folder.root, configuration: Self.configuration())
        try await chain.delegate(times: 5)
        let runtime = chain.node.runtime
        let headers = try await runtime.headers(from: 1, limit: 100)
        let handovers = try await runtime.handovers(from: 0, limit: 100)
        // The first block changes the set of the third, so that the second hands over; and so on.
        #expect(handovers.map(\.height) == [2, 3, 4, 5])
        #expect(headers.filter { $0.newValidators != nil } == handovers)
        #expect(try await runtime.handovers(from: 3, limit: 2).map(\.height) == [3, 4])
        #expect(try await runtime.handovers(from: 3, limit: 0).isEmpty)
        var verifier = HeaderSequenceVerifier(genesis: chain.node.genesis)
        for header in headers {
            try verifier.verify(
                Ledger.CertifiedHeader(header),
                newValidators: try header.newValidators.map { try ValidatorSet.decode($0) })
        }
        var anchor = TrustAnchor(genesis: chain.node.genesis)
        let newest = try Ledger.CertifiedHeader(try #require(headers.last))
        #expect(throws: TrustError.self) { try anchor.verify(newest) }
        let taken = try await anchor.follow(to: newest.header, of: runtime)
        #expect(taken.map(\.certified.header.height) == [2, 3, 4])
        try anchor.verify(newest)
        await chain.node.stop()
    }

    // MARK: Nodes

    @Test("followers hear and fetch blocks across changes, and are not cut off for it") func followers() async throws {
        let folder = try TemporaryFolder()
        let root = folder.root
        var chain = try await StakedNode(in: root + "/a", configuration: Self.configuration())
        try await chain.delegate(times: 8)
        let follower = try await TestNode(
            in: root + "/b", genesis: chain.node.genesis,
            configuration: Self.configuration([try await address(chain.node)]), follows: true)
        #expect(try await reaches(follower, 8))
        for _ in 0..<8 { try await chain.delegate() }
        #expect(try await reaches(follower, 16))
        let heads = try await [chain.node.runtime.status().head, follower.runtime.status().head]
        #expect(Set(heads).count == 1)
        #expect(try await follower.runtime.networkStatus().peers.allSatisfy { $0.scoreThousandths ?? 0 >= 0 })
        for node in [follower, chain.node] { await node.stop() }
    }

    @Test("a node joins from a checkpoint in the middle of changes, and goes on") func joins() async throws {
        let folder = try TemporaryFolder()
        let root = folder.root
        var chain = try await StakedNode(in: root + "/a", configuration: Self.configuration())
        try await chain.delegate(times: 15)
        let checkpoint = try await chain.node.runtime.kernel.perform { host in
            "5:\(try host.archive.certifiedHeader(height: 5).header.id.hex)"
        }
        let joined = try await TestNode(
            in: root + "/b", genesis: chain.node.genesis,
            configuration: Self.configuration([try await address(chain.node)], checkpoint: checkpoint), follows: true,
            joining: StateJoinTests.quick)
        try await chain.delegate(times: 3)
        #expect(try await reaches(joined, 18))
        #expect(try await joined.runtime.kernel.perform { try $0.archive.database.baseHeight() } == 10)
        // What led to its first validators is elsewhere.
        await #expect(throws: ServiceError.self) { _ = try await joined.runtime.handovers(from: 1, limit: 10) }
        for node in [joined, chain.node] { await node.stop() }
    }

    @Test("a node that was stopped goes on with the validators that were decided on") func restarts() async throws {
        let folder = try TemporaryFolder()
        var chain = try await StakedNode(in: folder.root, configuration: Self.configuration())
        try await chain.delegate(times: 3)
        await chain.node.stop()
        let again = try await TestNode(
            in: folder.root, genesis: chain.node.genesis, configuration: Self.configuration())
        try await again.block(from: 5, sequence: 0)
        #expect(try await again.runtime.status().height == 4)
        #expect(try await again.runtime.status().role == "validator")
        await again.stop()
    }
}
