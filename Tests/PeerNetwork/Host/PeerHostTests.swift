import NIOCore
import PeerNetwork
import Primitives
import Testing

@Suite("PeerHost")
struct PeerHostTests {
    @Test("carries bytes both ways, and ends each way on its own")
    func echoes() async throws {
        try await HostPair.connected { pair in
            try pair.handleEcho()
            let stream = try await pair.stream(HostPair.echo)
            let sent = SecureRandom.bytes(count: 3_000_000)
            async let received = stream.readToEnd(limit: sent.count)
            try await stream.write(sent)
            stream.closeWrite()
            #expect(try await received == sent)
        }
    }

    @Test("tells both sides who the other is, and what it speaks")
    func identifies() async throws {
        let pair = try await HostPair.hosts()
        let events = pair.dialer.events()
        try pair.handleEcho()
        try await pair.dialer.connect(to: pair.address)
        let identity = await first(events) { event -> PeerIdentity? in
            if case .identified(_, let identity) = event { return identity }
            return nil
        }
        #expect(identity?.peer == pair.listener.peer)
        #expect(identity?.protocols.contains(HostPair.echo) == true)
        #expect(identity?.addresses.contains(pair.address.withoutPeer) == true)
        #expect(identity?.observed?.ipAddress == .v4(0x7f00_0001))
        let time = try await pair.dialer.ping(pair.listener.peer)
        #expect(time > .zero)
        #expect(pair.dialer.roundTrips(to: pair.listener.peer)?.count ?? 0 >= 1)
        await pair.shutdown()
    }

    /// A request that waits for the connection's thread when the connection closes once had no answer at all.
    @Test("whoever opens a stream while the connection closes is answered", .timeLimit(.minutes(1)))
    func opensWhileClosing() async throws {
        let pair = try await HostPair.hosts()
        try pair.handleEcho()
        var answered = 0
        for _ in 0..<40 {
            try await pair.dialer.connect(to: pair.address)
            answered += try await withThrowingTaskGroup(of: Int.self) { group in
                for _ in 0..<8 {
                    group.addTask {
                        do {
                            let stream = try await pair.stream(HostPair.echo)
                            stream.close()
                        } catch let error as WireError {
                            #expect([.closed, .unreachable].contains(error.code), "\(error)")
                        }
                        return 1
                    }
                }
                await pair.dialer.disconnect(pair.listener.peer)
                return try await group.reduce(0, +)
            }
        }
        #expect(answered == 320)
        await pair.shutdown()
    }
}
