import NIOCore
import PeerNetwork
import Primitives
import TestSupport
import Testing

/// Peers that make a host hold bytes, or do not take theirs, over real sockets.
@Suite("PeerHost: memory and slow peers", .timeLimit(.minutes(2)), .serialized)
struct MemoryDefenceTests {
    private static let deaf = "/test/deaf/1"
    private static let flood = "/test/flood/1"

    /// A handler that reads nothing for as long as the test lasts.
    private func handleDeaf(_ host: PeerHost) throws {
        try host.handle(Self.deaf, streamsPerPeer: 1_000) { _ in try? await Task.sleep(for: .seconds(60)) }
    }

    private func end(_ events: AsyncStream<PeerEvent>, of peer: PeerID) async -> WireError? {
        await first(events) { event -> WireError? in
            if case .disconnected(peer, let error) = event { return error }
            return nil
        }
    }

    /// Opens streams, and fills each one's window once all are open; stops when the connection ends.
    private func fill(_ dialer: PeerHost, _ peer: PeerID, streams count: Int) async -> [PeerStream] {
        var streams: [PeerStream] = []
        for _ in 0..<count {
            guard
                let stream = try? await dialer.openStream(to: peer, protocols: [Self.deaf], lazily: false),
                (try? await stream.write([0])) != nil
            else { break }
            streams.append(stream)
        }
        for stream in streams {
            guard (try? await stream.write(ByteBuffer(repeating: 1, count: 256 * 1024 - 1))) != nil else { break }
        }
        return streams
    }

    @Test("a peer that makes a host hold more than a peer may is cut, and the reason says so")
    func perPeer() async throws {
        var configuration = PeerHostConfiguration.small
        configuration.memory.perPeer = 2 << 20
        try await HostPair.connected(listening: configuration) { pair in
            try handleDeaf(pair.listener)
            let events = pair.listener.events()
            let streams = await fill(pair.dialer, pair.listener.peer, streams: 20)
            let error = await end(events, of: pair.dialer.peer)
            #expect(error?.code == .memory, "\(String(describing: error))")
            #expect(!streams.isEmpty)
        }
    }

    @Test("a peer that holds much gets no more streams, and the ones that it has go on")
    func refusesStreams() async throws {
        var configuration = PeerHostConfiguration.small
        configuration.memory.perPeer = 4 << 20
        try await HostPair.connected(listening: configuration) { pair in
            try handleDeaf(pair.listener)
            try pair.handleEcho()
            let open = try await pair.stream(HostPair.echo)
            try await open.writeMessage([1])
            #expect(try await open.readMessage(limit: 1) == [1])
            // Thirteen of sixteen quarters of a MiB: above three quarters, below the whole.
            let streams = await fill(pair.dialer, pair.listener.peer, streams: 13)
            #expect(streams.count == 13)
            for _ in 0..<200 where pair.listener.heldBytes <= 3 << 20 { try await Task.sleep(for: .milliseconds(20)) }
            #expect(pair.listener.heldBytes > 3 << 20)
            let refused = try await pair.stream(HostPair.echo)
            try await refused.writeMessage([2])
            let error = await #expect(throws: WireError.self) { try await refused.readMessage(limit: 1) }
            #expect(error?.code == .reset)
            try await open.writeMessage([3])
            #expect(try await open.readMessage(limit: 1) == [3])
            // What is given up is free again.
            for stream in streams { stream.reset() }
        }
    }

    @Test("where all peers together hold too much, the one that holds most goes")
    func total() async throws {
        var configuration = PeerHostConfiguration.small
        (configuration.memory.total, configuration.memory.perPeer) = (4 << 20, 4 << 20)
        try await HostPair.connected(listening: configuration) { pair in
            try handleDeaf(pair.listener)
            let events = pair.listener.events()
            let light = PeerHost(key: .generate(), configuration: .small)
            try await light.connect(to: pair.address)
            let heavyStreams = await fill(pair.dialer, pair.listener.peer, streams: 12)
            for _ in 0..<200 where pair.listener.heldBytes < 3 << 20 { try await Task.sleep(for: .milliseconds(20)) }
            let lightStreams = await fill(light, pair.listener.peer, streams: 6)
            #expect(await end(events, of: pair.dialer.peer)?.code == .memory)
            #expect(pair.listener.isConnected(to: light.peer))
            #expect(heavyStreams.count == 12 && !lightStreams.isEmpty)
            await light.shutdown()
        }
    }

    @Test("what a peer held is free when it is gone")
    func released() async throws {
        try await HostPair.connected { pair in
            try handleDeaf(pair.listener)
            let streams = await fill(pair.dialer, pair.listener.peer, streams: 4)
            #expect(streams.count == 4)
            for _ in 0..<200 where pair.listener.heldBytes < 1 << 20 { try await Task.sleep(for: .milliseconds(20)) }
            #expect(pair.listener.heldBytes >= 1 << 20)
            await pair.dialer.shutdown()
            for _ in 0..<200 where pair.listener.heldBytes > 0 { try await Task.sleep(for: .milliseconds(20)) }
            #expect(pair.listener.heldBytes == 0)
        }
    }

    /// A listener, and a dialer whose link to it is bad.
    private func linked(
        _ configuration: PeerHostConfiguration, _ body: (HostPair, ImpairedLink, Multiaddr) async throws -> Void
    ) async throws {
        let pair = try await HostPair.hosts(dialing: configuration, listening: configuration)
        let link = try ImpairedLink(to: try #require(pair.address.tcpTarget).port)
        let address = Multiaddr(.v4(0x7f00_0001), tcp: link.port).with(pair.listener.peer)
        do { try await body(pair, link, address) } catch {
            Issue.record(error)
        }
        link.close()
        await pair.shutdown()
    }

    @Test("a peer that takes nothing of what it asked for is cut")
    func slowReader() async throws {
        var configuration = PeerHostConfiguration.small
        configuration.stallTimeout = .seconds(2)
        // What is written and not sent counts too; here the socket is to be full first.
        configuration.memory.perPeer = 64 << 20
        try await linked(configuration) { pair, link, address in
            try pair.listener.handle(Self.flood, streamsPerPeer: 100) { stream in
                let piece = ByteBuffer(repeating: 7, count: 256 * 1024)
                do { while true { try await stream.write(piece) } } catch { stream.reset("\(error)") }
            }
            let events = pair.listener.events()
            try await pair.dialer.connect(to: address)
            let streams = try await open(pair, count: 64)
            link.set { $0.holdsIncoming = true }
            let error = await end(events, of: pair.dialer.peer)
            #expect(error?.code == .stalled, "\(String(describing: error))")
            for _ in 0..<200 where pair.listener.heldBytes > 0 { try await Task.sleep(for: .milliseconds(20)) }
            #expect(pair.listener.heldBytes == 0)
            _ = streams
        }
    }

    /// Streams that are read, so that the peer keeps sending.
    private func open(_ pair: HostPair, count: Int) async throws -> [PeerStream] {
        var streams: [PeerStream] = []
        for _ in 0..<count {
            let stream = try await pair.stream(Self.flood)
            stream.closeWrite()
            Task { while let part = try? await stream.read(), part.readableBytes > 0 {} }
            streams.append(stream)
        }
        return streams
    }

    @Test("a connection whose link is gone without a word is found dead, on both sides")
    func halfOpen() async throws {
        var configuration = PeerHostConfiguration.small
        (configuration.keepAliveInterval, configuration.keepAliveTimeout) = (.seconds(1), .seconds(1))
        try await linked(configuration) { pair, link, address in
            let events = (pair.listener.events(), pair.dialer.events())
            try await pair.dialer.connect(to: address)
            try await pair.dialer.ping(pair.listener.peer)
            link.set { ($0.holdsIncoming, $0.holdsOutgoing) = (true, true) }
            #expect(await end(events.0, of: pair.dialer.peer)?.code == .timeout)
            #expect(await end(events.1, of: pair.listener.peer)?.code == .timeout)
        }
    }

    @Test("a reset ends a stream with an error, and a new connection works")
    func reset() async throws {
        try await linked(.small) { pair, link, address in
            try pair.handleEcho()
            link.set { $0.delayMilliseconds = 20 }
            try await pair.dialer.connect(to: address)
            let stream = try await pair.stream(HostPair.echo)
            try await stream.writeMessage([1])
            #expect(try await stream.readMessage(limit: 1) == [1])
            let events = pair.dialer.events()
            link.reset()
            await #expect(throws: WireError.self) { try await stream.readMessage(limit: 1) }
            #expect(await end(events, of: pair.listener.peer) != nil)
            try await pair.dialer.connect(to: address)
            #expect(try await pair.dialer.ping(pair.listener.peer) >= .milliseconds(40))
        }
    }

    @Test("pings one after the other are all served")
    func pings() async throws {
        try await HostPair.connected { pair in
            for _ in 0..<300 { try await pair.dialer.ping(pair.listener.peer) }
            #expect(pair.dialer.roundTrips(to: pair.listener.peer)?.count ?? 0 >= 300)
        }
    }
}
