import Glibc
import NIOCore
import PeerNetwork
import Primitives
import TestSupport
import Testing

/// The PyPI package `libp2p` (MIT and Apache-2.0), which shares no code with this one, dials us and is dialled by us.
@Suite("Interop", .timeLimit(.minutes(3)))
struct PythonPeerTests {
    static let python = getenv("VINCULUM_PEERS_PYTHON").map { String(cString: $0) }
    static let script =
        String(#filePath.prefix(upTo: #filePath.lastIndex(of: "/") ?? #filePath.endIndex))
        + "/libp2p_peer.py"
    static let echo = "/vinculum/test/echo/1"

    @Test(
        "a Python peer dials us: ping, identify and 1 MiB of echo",
        .enabled(if: python != nil, "VINCULUM_PEERS_PYTHON names no interpreter with libp2p"))
    func pythonDials() async throws {
        let host = PeerHost(key: .generate(), configuration: .small)
        let address = try await host.listen(at: Multiaddr(.v4(0x7f00_0001), tcp: 0)).with(host.peer)
        try host.handle(PythonPeerTests.echo) { stream in
            do {
                while let bytes = try await stream.read() { try await stream.write(bytes) }
            } catch {
                stream.reset("the echo failed: \(error)")
            }
        }
        let python = try #require(PythonPeerTests.python)
        let result = try await Command(python, [PythonPeerTests.script, "dial", "\(address)"]).finish()
        await host.shutdown()
        #expect(result.status == 0, "\(result.errors)")
        let lines = result.output.split(separator: "\n").map(String.init)
        #expect(lines.contains("ping 3"))
        #expect(lines.contains("agent vinculum"))
        #expect(lines.contains("speaks True"))
        #expect(lines.contains { $0.hasPrefix("observed /ip4/127.0.0.1/tcp/") }, "\(lines)")
        #expect(lines.contains("echo True 1048576"))
    }

    @Test(
        "we dial a Python peer: ping, identify and 1 MiB of echo",
        .enabled(if: python != nil, "VINCULUM_PEERS_PYTHON names no interpreter with libp2p"))
    func weDial() async throws {
        let python = try #require(PythonPeerTests.python)
        let folder = try TemporaryFolder()
        let process = try Command(python, [PythonPeerTests.script, "listen", folder.path("address")]).start()
        let host = PeerHost(key: .generate(), configuration: .small)
        do {
            try await talk(host, to: try await address(in: folder))
        } catch {
            process.send(SIGKILL)
            await host.shutdown()
            let result = await process.end()
            Issue.record("\(error): \(result.output) \(result.errors)")
            return
        }
        await host.shutdown()
        process.send(SIGKILL)
        _ = await process.end()
    }

    /// What the other process writes when it listens; it takes seconds to load its packages.
    private func address(in folder: TemporaryFolder) async throws -> Multiaddr {
        for _ in 0..<600 {
            let text = folder.text("address")
            if text.hasSuffix("\n") { return try Multiaddr(text: text.dropLast()) }
            try await Task.sleep(for: .milliseconds(100))
        }
        throw WireError(.timeout, "the Python peer does not listen", at: "interop")
    }

    private func talk(_ host: PeerHost, to address: Multiaddr) async throws {
        let events = host.events()
        let peer = try await host.connect(to: address)
        let identity = await first(events) { event -> PeerIdentity? in
            if case .identified(_, let identity) = event { return identity }
            return nil
        }
        #expect(identity?.agentVersion.contains("py-libp2p") == true, "\(String(describing: identity))")
        #expect(identity?.protocols.contains(PythonPeerTests.echo) == true)
        for _ in 0..<3 { try await host.ping(peer) }
        #expect(host.roundTrips(to: peer)?.count ?? 0 >= 3)
        let stream = try await host.openStream(to: peer, protocols: [PythonPeerTests.echo])
        let sent = SecureRandom.bytes(count: 1 << 20)
        async let received = stream.readToEnd(limit: sent.count)
        try await stream.write(sent)
        stream.closeWrite()
        #expect(try await received == sent)
        stream.close()
        let refused = try await host.openStream(to: peer, protocols: ["/no/such/1"])
        let error = await #expect(throws: WireError.self) { try await refused.read() }
        #expect(error?.code == .unsupportedProtocol)
        let second = try await host.openStream(
            to: peer, protocols: ["/no/such/1", PythonPeerTests.echo], lazily: false)
        #expect(second.protocolID == PythonPeerTests.echo)
        second.reset()
    }
}
