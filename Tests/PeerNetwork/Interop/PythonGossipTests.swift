import Glibc
import Logging
import PeerNetwork
import Primitives
import Synchronization
import TestSupport
import Testing

/// GossipSub, signed peer records and identify push with the PyPI package `libp2p`, whichever side dials.
@Suite("Interop: gossip", .serialized, .timeLimit(.minutes(4)))
struct PythonGossipTests {
    static let script = PythonPeerTests.script.replacing("libp2p_peer", with: "libp2p_gossip")
    static let topic = "/vinculum/test/gossip/1"
    static let late = "/vinculum/test/late/1"
    static let pushed = "/ip4/192.0.2.77/tcp/4077"

    /// What this side saw of the other.
    final class Seen: Sendable {
        struct State: Sendable {
            var messages: Set<String> = []
            var protocols: Set<String> = []
            var hasRecord = false
        }
        let state = Mutex(State())
    }

    private func service() throws -> PeerService {
        let key = SecretKey.generate()
        var configuration = PeerServiceConfiguration(network: "interop")
        configuration.listen = [Multiaddr(.v4(0x7f00_0001), tcp: 0)]
        configuration.usesKademlia = false
        configuration.exchangesPeers = false
        configuration.tickInterval = .milliseconds(200)
        configuration.host.threads = 1
        // What others take for usual: an author, a number and a signature on each message.
        configuration.gossip.signing = .strictSign(key: key, firstSequence: 1)
        configuration.gossip.identification = .author
        return try PeerService(key: key, configuration: configuration, logger: Logger(label: "interop"))
    }

    private func watch(_ service: PeerService, _ seen: Seen) async throws -> Task<Void, Never> {
        let events = service.host.events()
        try await service.start()
        try await service.join(Self.topic) { delivery in
            seen.state.withLock { _ = $0.messages.insert(String(decoding: delivery.data, as: UTF8.self)) }
            return .accept
        }
        return Task {
            for await case .identified(_, let identity) in events {
                seen.state.withLock { state in
                    state.protocols.formUnion(identity.protocols)
                    if identity.signedRecord != nil { state.hasRecord = true }
                }
            }
        }
    }

    private func until(_ seconds: Int, _ condition: () async -> Bool) async -> Bool {
        for _ in 0..<seconds * 20 {
            if await condition() { return true }
            try? await Task.sleep(for: .milliseconds(50))
        }
        return false
    }

    /// Once connected: the mesh, five messages each way, and a push each way.
    private func converse(_ service: PeerService, _ seen: Seen) async throws {
        #expect(await until(60) { await !service.mesh(of: Self.topic).isEmpty }, "no mesh")
        for number in 0..<5 { try await service.publish(Array("swift \(number)".utf8), to: Self.topic) }
        let expected = Set((0..<5).map { "python \($0)" })
        #expect(
            await until(30) { seen.state.withLock { $0.messages } == expected },
            "heard \(seen.state.withLock { $0.messages })")
        #expect(await until(30) { seen.state.withLock { $0.protocols.contains(Self.late) } }, "no identify push came")
        #expect(seen.state.withLock { $0.hasRecord }, "no signed record that holds")
        service.host.advertise([try Multiaddr(text: Self.pushed)])
    }

    private func expect(_ result: CommandResult) {
        #expect(result.status == 0, "\(result.output) \(result.errors)")
        let lines = result.output.split(separator: "\n").map(String.init)
        #expect(lines.contains("mesh True"))
        #expect(lines.filter { $0.hasPrefix("heard") } == (0..<5).map { "heard swift \($0)" })
        #expect(lines.contains("told \(Self.pushed)"))
        #expect(lines.contains("record True"), "\(lines)")
    }

    @Test(
        "a Python peer dials us: a mesh, messages both ways, identify push both ways",
        .enabled(if: PythonPeerTests.python != nil, "VINCULUM_PEERS_PYTHON names no interpreter with libp2p"))
    func pythonDials() async throws {
        let (service, seen) = (try service(), Seen())
        let watcher = try await watch(service, seen)
        let address = try #require(service.host.listenAddresses.first).with(service.host.peer)
        let python = try #require(PythonPeerTests.python)
        let process = try Command(python, [Self.script, "dial", "\(address)"]).start()
        try await converse(service, seen)
        expect(await process.end())
        watcher.cancel()
        _ = await service.stop()
    }

    @Test(
        "we dial a Python peer: a mesh, messages both ways, identify push both ways",
        .enabled(if: PythonPeerTests.python != nil, "VINCULUM_PEERS_PYTHON names no interpreter with libp2p"))
    func weDial() async throws {
        let (service, seen) = (try service(), Seen())
        let watcher = try await watch(service, seen)
        let folder = try TemporaryFolder()
        let python = try #require(PythonPeerTests.python)
        let process = try Command(python, [Self.script, "listen", folder.path("address")]).start()
        #expect(await until(60) { folder.text("address").hasSuffix("\n") }, "the Python peer does not listen")
        _ = try await service.connect(to: try Multiaddr(text: folder.text("address").dropLast()))
        try await converse(service, seen)
        expect(await process.end())
        watcher.cancel()
        _ = await service.stop()
    }
}
