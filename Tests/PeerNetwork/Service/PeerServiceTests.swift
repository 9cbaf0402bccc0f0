import Logging
import PeerNetwork
import Primitives
import Synchronization
import Testing

/// Whole services over real sockets on the loopback interface.
@Suite("PeerService", .serialized, .timeLimit(.minutes(3)))
struct PeerServiceTests {
    static let topic = "/test/1"

    /// What a node heard.
    final class Heard: Sendable {
        private let messages = Mutex<Set<[UInt8]>>([])
        func add(_ message: [UInt8]) { messages.withLock { _ = $0.insert(message) } }
        var count: Int { messages.withLock { $0.count } }
    }

    struct Node {
        let service: PeerService
        let heard: Heard
        let address: Multiaddr
    }

    private func configuration(_ configured: [Multiaddr]) throws -> PeerServiceConfiguration {
        var configuration = PeerServiceConfiguration(network: "test")
        configuration.listen = [try Multiaddr(text: "/ip4/127.0.0.1/tcp/0")]
        configuration.configured = configured
        configuration.tickInterval = .milliseconds(100)
        configuration.host.threads = 1
        return configuration
    }

    private func start(
        configured: [Multiaddr] = [], saved: SavedPeers = SavedPeers(), key: SecretKey = .generate()
    ) async throws -> Node {
        let service = try PeerService(
            key: key, configuration: try configuration(configured), saved: saved, logger: Logger(label: "test"))
        try await service.start()
        let heard = Heard()
        try await service.join(Self.topic) { delivery in
            guard delivery.data.first != 0xff else { return .reject }
            heard.add(delivery.data)
            return .accept
        }
        let address = try #require(service.host.listenAddresses.first)
        return Node(
            service: service, heard: heard,
            address: try Multiaddr(text: "\(address)/p2p/\(service.host.peer)"))
    }

    private func until(_ seconds: Int, _ condition: () async -> Bool) async -> Bool {
        for _ in 0..<seconds * 20 {
            if await condition() { return true }
            try? await Task.sleep(for: .milliseconds(50))
        }
        return false
    }

    @Test("nodes that know one of them find the others, and everyone hears what anyone says")
    func findsOthers() async throws {
        let first = try await start()
        var nodes = [first]
        for _ in 0..<4 { nodes.append(try await start(configured: [first.address])) }
        let all = nodes
        let met = await until(30) { all.allSatisfy { $0.service.host.connectedPeers.count >= 3 } }
        #expect(met, "\(all.map { $0.service.host.connectedPeers.count })")
        let known = await until(20) {
            for node in all where await node.service.subscribers(of: Self.topic).count < 3 { return false }
            return true
        }
        #expect(known)
        for (number, node) in nodes.enumerated() { try await node.service.publish([UInt8(number)], to: Self.topic) }
        let heard = await until(20) { all.allSatisfy { $0.heard.count == 4 } }
        #expect(heard, "\(all.map(\.heard.count)) of 4 each")
        for node in nodes { _ = await node.service.stop() }
    }

    @Test("a peer is found by its id alone, through others") func findsByID() async throws {
        let first = try await start()
        let second = try await start(configured: [first.address])
        let third = try await start(configured: [first.address])
        _ = await until(20) { await first.service.discoverySizes().routing >= 2 }
        let outcome = await second.service.search(for: .peer(third.service.host.peer))
        #expect(outcome?.target?.id == third.service.host.peer)
        for node in [first, second, third] { _ = await node.service.stop() }
    }

    @Test("a peer that breaks the rules is banned, stays so over a restart, and can be pardoned") func bans()
        async throws
    {
        let key = SecretKey.generate()
        let node = try await start(key: key)
        let other = try await start(configured: [node.address])
        let peer = other.service.host.peer
        #expect(await until(20) { node.service.host.isConnected(to: peer) })
        await node.service.report(.invalidBlock, by: peer, "a block that does not hold")
        #expect(await until(10) { !node.service.host.isConnected(to: peer) })
        let report = await node.service.report()
        #expect(report.first { $0.peer == peer }?.bannedUntil != nil)
        let saved = await node.service.stop()
        let again = try await start(saved: saved, key: key)
        // Whoever is refused may see an open connection for as long as the word takes to arrive.
        _ = try? await other.service.connect(to: again.address)
        #expect(await until(10) { !other.service.host.isConnected(to: again.service.host.peer) })
        await again.service.pardon(peer)
        #expect(
            await until(10) {
                _ = try? await other.service.connect(to: again.address)
                return again.service.host.isConnected(to: peer)
            })
        for node in [again, other] { _ = await node.service.stop() }
    }

    @Test("damaged files cost what was learnt, and not the start") func damage() async throws {
        var saved = SavedPeers()
        (saved.book, saved.conduct, saved.anchors) = ([1, 2, 3], [0xff], [0x80, 0x80])
        let node = try await start(saved: saved)
        #expect(await node.service.discoverySizes().known == 0)
        _ = await node.service.stop()
    }
}
