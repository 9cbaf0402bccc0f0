import NIOCore
import PeerNetwork
import Primitives
import Testing

/// Two hosts on this machine's loopback that know one another, for tests.
struct HostPair {
    let dialer: PeerHost
    let listener: PeerHost
    let address: Multiaddr

    static let echo = "/test/echo/1"

    /// Hosts with one thread each; the second listens on a free port.
    static func hosts(
        dialing: PeerHostConfiguration = .small, listening: PeerHostConfiguration = .small,
        gate: any ConnectionGate = OpenGate()
    ) async throws -> HostPair {
        let dialer = PeerHost(key: .generate(), configuration: dialing)
        let listener = PeerHost(key: .generate(), configuration: listening, gate: gate)
        let address = try await listener.listen(at: Multiaddr(.v4(0x7f00_0001), tcp: 0))
        return HostPair(dialer: dialer, listener: listener, address: address.with(listener.peer))
    }

    /// Runs the body with two connected hosts, and ends them in any case.
    static func connected(
        dialing: PeerHostConfiguration = .small, listening: PeerHostConfiguration = .small,
        _ body: (HostPair) async throws -> Void
    ) async throws {
        let pair = try await hosts(dialing: dialing, listening: listening)
        do {
            try await pair.dialer.connect(to: pair.address)
            try await body(pair)
        } catch {
            await pair.shutdown()
            throw error
        }
        await pair.shutdown()
    }

    func shutdown() async {
        await dialer.shutdown()
        await listener.shutdown()
    }

    func stream(_ protocolID: String) async throws -> PeerStream {
        try await dialer.openStream(to: listener.peer, protocols: [protocolID])
    }

    /// Has the listener send back what comes.
    func handleEcho() throws {
        try listener.handle(HostPair.echo, streamsPerPeer: 10_000) { stream in
            do {
                while let bytes = try await stream.read() { try await stream.write(bytes) }
            } catch {
                stream.reset("the echo failed: \(error)")
            }
        }
    }
}

extension PeerHostConfiguration {
    static var small: PeerHostConfiguration {
        var configuration = PeerHostConfiguration()
        configuration.threads = 1
        return configuration
    }
}

/// The first event that fits, or nil when none comes in time.
func first<Value: Sendable>(
    _ events: AsyncStream<PeerEvent>, within time: Duration = .seconds(20),
    _ pick: @escaping @Sendable (PeerEvent) -> Value?
) async -> Value? {
    await withTaskGroup(of: Value?.self) { group in
        group.addTask {
            for await event in events { if let value = pick(event) { return value } }
            return nil
        }
        group.addTask {
            try? await Task.sleep(for: time)
            return nil
        }
        let value = await group.next() ?? nil
        group.cancelAll()
        return value
    }
}
