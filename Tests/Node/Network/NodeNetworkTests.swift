import Ledger
import PeerNetwork
import Primitives
import TestSupport
import Testing

@testable import Node

/// Nodes of one chain over real sockets on the loopback interface.
@Suite("Node: network", .serialized, .timeLimit(.minutes(3)))
struct NodeNetworkTests {
    private static func configuration(_ peers: [String] = [], listens: Bool = true) -> String {
        """
        [ledger]
        durability = "normal"
        [network]
        listen = [\(listens ? "\"/ip4/127.0.0.1/tcp/0\"" : "")]
        peers = [\(peers.map { "\"\($0)\"" }.joined(separator: ", "))]
        """
    }

    private func address(_ node: TestNode) async throws -> String {
        try #require(try await node.runtime.networkStatus().addresses.first)
    }

    private func until(_ seconds: Int, _ condition: () async throws -> Bool) async throws -> Bool {
        for _ in 0..<seconds * 20 {
            if try await condition() { return true }
            try await Task.sleep(for: .milliseconds(50))
        }
        return false
    }

    private func height(_ node: TestNode) async throws -> UInt64 { try await node.runtime.status().height }

    @Test(
        "a new node catches up, then hears every new block, and what is sent to it reaches the validator"
    )
    func follows() async throws {
        let folder = try TemporaryFolder()
        let root = folder.root
        let validator = try await TestNode(in: root + "/a", configuration: Self.configuration())
        for sequence in 0..<150 as Range<UInt64> { try await validator.block(sequence: sequence) }
        let follower = try await TestNode(
            in: root + "/b", genesis: validator.genesis,
            configuration: Self.configuration([try await address(validator)]), follows: true)
        #expect(try await until(30) { try await height(follower) == 150 })
        // A third node that knows the follower only.
        let third = try await TestNode(
            in: root + "/c", genesis: validator.genesis,
            configuration: Self.configuration([try await address(follower)]), follows: true)
        #expect(try await until(30) { try await height(third) == 150 })
        try await validator.block(sequence: 150)
        #expect(try await until(20) { try await height(third) == 151 })
        let sent = TestNode.transfer(validator.genesis.chain, from: 3, sequence: 0)
        let outcome = try await third.runtime.submit(sent.encoded)
        let receipt = try await third.runtime.receipt(of: outcome.id, waitingAtMost: .seconds(20))
        #expect(receipt?.height == 152)
        // Each hears of the block in its own time.
        for node in [validator, follower] { #expect(try await until(20) { try await height(node) == 152 }) }
        let roots = try await [
            validator.runtime.status().stateRoot, follower.runtime.status().stateRoot,
            third.runtime.status().stateRoot,
        ]
        #expect(Set(roots).count == 1)
        for node in [third, follower, validator] { await node.stop() }
    }

    @Test("a follower that was away goes on where it was, and keeps who it is and whom it knows") func returns()
        async throws
    {
        let folder = try TemporaryFolder()
        let root = folder.root
        let validator = try await TestNode(in: root + "/a", configuration: Self.configuration())
        try await validator.block(sequence: 0)
        let text = Self.configuration([try await address(validator)])
        var follower = try await TestNode(
            in: root + "/b", genesis: validator.genesis, configuration: text, follows: true)
        #expect(try await until(20) { try await height(follower) == 1 })
        let id = try await follower.runtime.networkStatus().id
        await follower.stop()
        for sequence in 1..<5 as Range<UInt64> { try await validator.block(sequence: sequence) }
        follower = try await TestNode(
            in: root + "/b", genesis: validator.genesis, configuration: text, follows: true)
        #expect(try await follower.runtime.networkStatus().id == id)
        #expect(try await until(20) { try await height(follower) == 5 })
        #expect(try await follower.runtime.networkStatus().known >= 1)
        for node in [follower, validator] { await node.stop() }
    }

    @Test("nodes of another chain have nothing to say to one another") func otherChain() async throws {
        let folder = try TemporaryFolder()
        let root = folder.root
        let one = try await TestNode(in: root + "/a", configuration: Self.configuration())
        try await one.block(sequence: 0)
        let other = try await TestNode(
            in: root + "/b", genesis: try TestNode.genesis(name: "other"),
            configuration: Self.configuration([try await address(one)]), follows: true)
        #expect(
            try await until(20) { try await other.runtime.networkStatus().peers.contains { $0.address != nil } })
        try await Task.sleep(for: .milliseconds(500))
        #expect(try await other.runtime.networkStatus().bestHeight == 0)
        #expect(try await height(other) == 0)
        for node in [other, one] { await node.stop() }
    }

    @Test("a peer that gives blocks that do not hold is banned, and the chain is taken from an honest one")
    func lyingPeer() async throws {
        let folder = try TemporaryFolder()
        let root = folder.root
        let validator = try await TestNode(in: root + "/a", configuration: Self.configuration())
        for sequence in 0..<3 as Range<UInt64> { try await validator.block(sequence: sequence) }
        let liar = try await LyingPeer(genesis: validator.genesis, truth: validator)
        let follower = try await TestNode(
            in: root + "/b", genesis: validator.genesis,
            configuration: Self.configuration(), follows: true)
        // Not a configured peer of the follower, which would be exempt: the liar dials.
        _ = try await liar.host.connect(to: try Multiaddr(text: try await address(follower)))
        #expect(
            try await until(20) {
                let peer = try await follower.runtime.networkStatus().peers.first { $0.id == "\(liar.host.peer)" }
                return peer?.bannedUntilMilliseconds != nil
            })
        #expect(try await height(follower) == 0)
        let honest = try Multiaddr(text: try await address(validator))
        _ = try await follower.runtime.network?.service.connect(to: honest)
        #expect(try await until(30) { try await height(follower) == 3 })
        await liar.host.shutdown()
        for node in [follower, validator] { await node.stop() }
    }

    @Test("an object that one node has is fetched by the others, in pieces from several, and never a wrong one")
    func objects() async throws {
        let folder = try TemporaryFolder()
        let root = folder.root
        let first = try await TestNode(in: root + "/a", configuration: Self.configuration())
        let second = try await TestNode(
            in: root + "/b", genesis: first.genesis, configuration: Self.configuration([try await address(first)]),
            follows: true)
        let third = try await TestNode(
            in: root + "/c", genesis: first.genesis,
            configuration: Self.configuration([try await address(first), try await address(second)]), follows: true)
        #expect(
            try await until(20) { try await third.runtime.networkStatus().peers.count { $0.address != nil } == 2 })
        var generator = SeededRandom(seed: 5)
        let bytes = (0..<5_000_003).map { _ in UInt8.random(in: 0...255, using: &generator) }
        let id = CID.of(raw: bytes)
        _ = try await first.runtime.putObject(id, from: BytesSource(bytes))
        for node in [second, third] {
            let sink = BytesSink(limitBytes: bytes.count)
            #expect(try await node.runtime.getObject(id, into: sink) == UInt64(bytes.count))
            #expect(node.runtime.objects.contains(id))
            #expect(sink.bytes == bytes)
        }
        let missing = CID.of(raw: [1, 2, 3])
        let error = await #expect(throws: ServiceError.self) {
            try await third.runtime.getObject(missing, into: BytesSink(limitBytes: 10))
        }
        #expect(error?.code == .notFound)
        // A damaged file is handed out by nobody: whoever fetches it checks the digest, and keeps nothing.
        let other = [UInt8](repeating: 1, count: 100)
        try first.runtime.objects.put(other)
        let place = first.runtime.objects.path(of: CID.of(raw: other))
        try DurableFile.replace(place, with: [UInt8](repeating: 2, count: 100))
        await #expect(throws: ServiceError.self) {
            try await third.runtime.getObject(CID.of(raw: other), into: BytesSink(limitBytes: 100))
        }
        #expect(!third.runtime.objects.contains(CID.of(raw: other)))
        for node in [third, second, first] { await node.stop() }
    }

    @Test("a peer that asks without end is refused, and banned in the end") func flood() async throws {
        let folder = try TemporaryFolder()
        let node = try await TestNode(in: folder.root + "/a", configuration: Self.configuration())
        let host = PeerHost(key: .generate(), logger: TestNode.quiet)
        let peer = try await host.connect(to: try Multiaddr(text: try await address(node)))
        let names = ChainProtocol(chain: node.genesis.chain)
        for _ in 0..<200 where host.isConnected(to: peer) {
            guard let stream = try? await host.openStream(to: peer, protocols: [names.status]) else { break }
            try? await stream.writeMessage(ChainStatus(height: 0, headerID: .zero, firstKeptHeight: 0).encoded())
            _ = try? await stream.readMessage(limit: 256)
            stream.close()
        }
        #expect(
            try await until(10) {
                let seen = try await node.runtime.networkStatus().peers.first { $0.id == "\(host.peer)" }
                return seen?.offences.contains { $0.word == "too many requests" && $0.count >= 5 } == true
            })
        #expect(try await until(10) { !host.isConnected(to: peer) })
        await host.shutdown()
        await node.stop()
    }

    @Test("what is no address is refused by name") func refusesAddresses() throws {
        let text = """
            [network]
            listen = ["tcp://x"]
            peers = ["/ip4/127.0.0.1/tcp/1"]
            advertise = ["/ip4/1.2.3.4/udp/1"]
            """
        let error = #expect(throws: ConfigurationError.self) { try TestNode.configuration("/", text).network() }
        #expect(error?.problems.map(\.key) == ["network.listen", "network.advertise", "network.peers"])
    }
}

/// A peer that says that it has a longer chain, and gives blocks with a transaction left out.
private struct LyingPeer {
    let host: PeerHost

    init(genesis: Genesis, truth: TestNode) async throws {
        let names = ChainProtocol(chain: genesis.chain)
        host = PeerHost(key: .generate(), logger: TestNode.quiet)
        let block = try await truth.runtime.kernel.perform { try $0.archive.exportedBlock(height: 1) }
        let status = ChainStatus(height: 90, headerID: .zero, firstKeptHeight: 0)
        try host.handle(names.status) { stream in
            _ = try? await stream.readMessage(limit: 256)
            try? await stream.writeMessage(status.encoded())
        }
        try host.handle(names.blocks) { stream in
            _ = try? await stream.readMessage(limit: 256)
            // Under a good certificate, whatever height was asked for.
            try? await stream.writeMessage(ExportedBlock(certified: block.certified, transactions: []).encoded())
            stream.closeWrite()
        }
    }
}
