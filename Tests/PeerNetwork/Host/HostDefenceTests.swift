import Glibc
import NIOCore
import PeerNetwork
import Primitives
import Testing

@Suite("PeerHost against bad peers", .timeLimit(.minutes(2)), .serialized)
struct HostDefenceTests {
    /// Why the host turned a connection away.
    private func refusal(_ events: AsyncStream<PeerEvent>) async -> WireError? {
        await first(events) { event -> WireError? in
            if case .refused(_, let error) = event { return error }
            return nil
        }
    }

    private func port(of address: Multiaddr) throws -> UInt16 { try #require(address.tcpTarget).port }

    @Test("a peer that is not the one dialled is refused, and named")
    func wrongPeer() async throws {
        let pair = try await HostPair.hosts()
        let other = PeerID(SecretKey.generate().publicKey)
        let error = await #expect(throws: WireError.self) {
            try await pair.dialer.connect(to: pair.address.with(other))
        }
        #expect(error?.code == .wrongPeer)
        #expect(error?.reason.contains("\(pair.listener.peer)") == true)
        #expect(pair.dialer.connectedPeers.isEmpty)
        await pair.shutdown()
    }

    @Test("a peer that says nothing is cut with a reason, at whatever step it stops")
    func slowLoris() async throws {
        var configuration = PeerHostConfiguration.small
        configuration.handshakeTimeout = .milliseconds(100)
        let pair = try await HostPair.hosts(listening: configuration)
        let steps: [[UInt8]] = [
            [], [19], Array("\u{13}/multistream/1.0.0\n\u{07}/noise\n".utf8),
            Array("\u{13}/multistream/1.0.0\n\u{07}/noise\n".utf8) + [0, 32] + [UInt8](repeating: 9, count: 32),
        ]
        for step in steps {
            let events = pair.listener.events()
            let peer = try RawPeer(port: try port(of: pair.address))
            peer.send(step)
            #expect(await refusal(events)?.code == .timeout, "after \(step.count) bytes")
            #expect(peer.readToEnd() != nil, "after \(step.count) bytes")
        }
        await pair.shutdown()
    }

    @Test("random bytes end the connection, and the host goes on")
    func garbage() async throws {
        var configuration = PeerHostConfiguration.small
        configuration.handshakeTimeout = .milliseconds(300)
        let pair = try await HostPair.hosts(listening: configuration)
        for seed in 0..<60 as Range<UInt64> {
            var random = TestRandom(seed: seed)
            let prefix = seed % 2 == 0 ? [] : Array("\u{13}/multistream/1.0.0\n\u{07}/noise\n".utf8)
            let peer = try RawPeer(port: try port(of: pair.address))
            peer.send(prefix + (0..<Int(random.next() % 3000)).map { _ in UInt8(truncatingIfNeeded: random.next()) })
            let answer = try #require(peer.readToEnd(), "seed \(seed): not closed")
            #expect(answer.count < 1000, "seed \(seed)")
        }
        try await pair.dialer.connect(to: pair.address)
        try await pair.dialer.ping(pair.listener.peer)
        await pair.shutdown()
    }

    @Test("connections from one address, and those in their handshake, are bounded")
    func connectionLimits() async throws {
        var configuration = PeerHostConfiguration.small
        configuration.handshakeLimit = 3
        let pair = try await HostPair.hosts(listening: configuration)
        var peers = [try RawPeer(port: try port(of: pair.address)), try RawPeer(port: try port(of: pair.address))]
        peers.append(try RawPeer(port: try port(of: pair.address)))
        let events = pair.listener.events()
        let fourth = try RawPeer(port: try port(of: pair.address))
        #expect(await refusal(events)?.code == .limit)
        #expect(fourth.readToEnd() == [])
        peers.removeAll()
        for _ in 0..<3 { #expect(await refusal(events)?.code == .closed) }
        try await pair.dialer.connect(to: pair.address)
        await pair.shutdown()
    }

    private struct Closed: ConnectionGate {
        func mayDial(_ address: Multiaddr, for peer: PeerID?) -> Bool { true }
        func mayAccept(from address: Multiaddr) -> Bool { address.ipAddress?.isLoopback != true }
        func mayKeep(_ peer: PeerID, at address: Multiaddr, isInbound: Bool) -> Bool { true }
    }

    private struct Picky: ConnectionGate {
        func mayDial(_ address: Multiaddr, for peer: PeerID?) -> Bool { false }
        func mayAccept(from address: Multiaddr) -> Bool { true }
        func mayKeep(_ peer: PeerID, at address: Multiaddr, isInbound: Bool) -> Bool { !isInbound }
    }

    @Test("the gate decides over addresses before the handshake, and over peers after it")
    func gates() async throws {
        for gate in [Closed(), Picky()] as [any ConnectionGate] {
            let pair = try await HostPair.hosts(gate: gate)
            let events = pair.listener.events()
            // The dialler may see an open connection for a moment, before the other side has looked at who it is.
            _ = try? await pair.dialer.connect(to: pair.address)
            #expect(await refusal(events)?.code == .refused)
            #expect(pair.listener.connectedPeers.isEmpty)
            await pair.shutdown()
        }
        let pair = try await HostPair.hosts(gate: Picky())
        let error = await #expect(throws: WireError.self) {
            try await pair.listener.connect(to: try Multiaddr(text: "/ip4/127.0.0.1/tcp/1"))
        }
        #expect(error?.code == .refused)
        await pair.shutdown()
    }

    @Test("dials to nobody, to oneself and to other transports fail with a reason")
    func dialFailures() async throws {
        let pair = try await HostPair.hosts()
        let port = try port(of: pair.address)
        await pair.listener.shutdown()
        for (text, code) in [
            ("/ip4/127.0.0.1/tcp/\(port)", WireError.Code.unreachable), ("/ip4/127.0.0.1/udp/1/quic-v1", .unreachable),
            ("/dns4/no-such-name.invalid/tcp/1", .unreachable),
        ] {
            let address = try Multiaddr(text: text)
            let error = await #expect(throws: WireError.self, "\(text)") { try await pair.dialer.connect(to: address) }
            #expect(error?.code == code, "\(text): \(String(describing: error))")
        }
        let itself = try await pair.dialer.listen(at: Multiaddr(.v4(0x7f00_0001), tcp: 0))
        await #expect(throws: WireError.self) { try await pair.dialer.connect(to: itself) }
        await #expect(throws: WireError.self) { try await pair.dialer.connect(to: itself.with(pair.dialer.peer)) }
        await pair.shutdown()
    }

    @Test("peers that dial one another at the same time stay connected, and calls for one peer share a dial")
    func simultaneous() async throws {
        let pair = try await HostPair.hosts()
        let back = try await pair.dialer.listen(at: Multiaddr(.v4(0x7f00_0001), tcp: 0)).with(pair.dialer.peer)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<8 {
                group.addTask { try await pair.dialer.connect(to: pair.address) }
                group.addTask { try await pair.listener.connect(to: back) }
            }
            try await group.waitForAll()
        }
        #expect((1...2).contains(pair.dialer.connections.count))
        try await pair.dialer.ping(pair.listener.peer)
        try await pair.listener.ping(pair.dialer.peer)
        await pair.shutdown()
    }

    @Test("a call that joins a dial to an address where the peer is no more goes on to its own address")
    func joinedDialThatFails() async throws {
        let pair = try await HostPair.hosts()
        // Takes the connection and says nothing, until it is closed.
        let (silent, port) = try RawPeer.listenInSilence()
        let old = Multiaddr(.v4(0x7f00_0001), tcp: port).with(pair.listener.peer)
        let first = Task { try await pair.dialer.connect(to: old) }
        try await Task.sleep(for: .milliseconds(100))
        let second = Task { try await pair.dialer.connect(to: pair.address) }
        try await Task.sleep(for: .milliseconds(100))
        close(silent)
        #expect(try await second.value == pair.listener.peer)
        _ = await first.result
        await pair.shutdown()
    }

    @Test("the end of a connection reaches both sides with its reason, and shutdown leaves no descriptor open")
    func ends() async throws {
        let before = RawPeer.openDescriptors
        let pair = try await HostPair.hosts()
        try pair.handleEcho()
        let events = pair.listener.events()
        try await pair.dialer.connect(to: pair.address)
        let stream = try await pair.stream(HostPair.echo)
        try await stream.writeMessage([1])
        #expect(try await stream.readMessage(limit: 1) == [1])
        #expect(pair.dialer.traffic(with: pair.listener.peer).sent > 0)
        await pair.dialer.shutdown()
        let error = await #expect(throws: WireError.self) { try await stream.read() }
        #expect(error?.code == .shutdown)
        let reason = await first(events) { event -> WireError? in
            if case .disconnected(_, let reason) = event { return reason }
            return nil
        }
        #expect(reason?.code == .closed)
        await pair.listener.shutdown()
        #expect(RawPeer.openDescriptors <= before)
        await #expect(throws: WireError.self) { try await pair.listener.listen(at: pair.address.withoutPeer) }
    }
}
