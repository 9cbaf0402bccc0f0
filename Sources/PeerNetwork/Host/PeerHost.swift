import Glibc
import Logging
import NIOCore
import NIOPosix
import Primitives
import Synchronization

/// This node among its peers: it listens, dials, proves who it is, and opens and accepts streams.
///
/// Safe from any thread. Sockets and ciphers run on threads of its own; handlers of streams run as tasks.
/// `shutdown` ends it; a host that is dropped without it keeps its threads.
public final class PeerHost: Sendable {
    /// What takes a peer's stream. When it returns the host closes the stream.
    public typealias StreamHandler = @Sendable (PeerStream) async -> Void

    public let peer: PeerID
    public let configuration: PeerHostConfiguration
    let identity: NoiseIdentity
    let publicKey: PublicKey
    let key: SecretKey
    let gate: any ConnectionGate
    let logger: Logger
    let group: MultiThreadedEventLoopGroup
    let state = Mutex(HostState())
    let memory: Mutex<MemoryBudget>

    public init(
        key: SecretKey, configuration: PeerHostConfiguration = PeerHostConfiguration(),
        gate: any ConnectionGate = OpenGate(), logger: Logger = Logger(label: "peers")
    ) {
        self.key = key
        publicKey = key.publicKey
        identity = NoiseIdentity(key, muxers: [ConnectionHandler.muxerProtocol])
        peer = identity.peer
        self.configuration = configuration
        memory = Mutex(MemoryBudget(limits: configuration.memory))
        self.gate = gate
        self.logger = logger
        group = MultiThreadedEventLoopGroup(numberOfThreads: max(1, configuration.threads ?? System.coreCount))
        handleBuiltIn()
    }

    // MARK: Protocols

    /// Takes streams of a protocol that peers open. A second call for the same protocol replaces the first.
    ///
    /// - Parameter streamsPerPeer: how many such streams one peer may have at once; more are broken off.
    public func handle(
        _ protocolID: String, streamsPerPeer: Int = 64, _ handler: @escaping StreamHandler
    ) throws(WireError) {
        let limit = configuration.protocolLimit
        let fits = state.withLock { state -> Bool in
            guard state.handlers[protocolID] != nil || state.handlers.count < limit else { return false }
            state.handlers[protocolID] = HostState.Handler(streamsPerPeer: streamsPerPeer, body: handler)
            return true
        }
        guard fits else { throw WireError(.limit, "\(limit) protocols are handled", at: "host") }
    }

    /// Takes no more streams of a protocol; those that are open go on.
    public func stopHandling(_ protocolID: String) {
        state.withLock { $0.handlers[protocolID] = nil }
    }

    /// Opens a stream to a connected peer for the first of the protocols that it speaks.
    ///
    /// - Parameter lazily: with a single protocol, do not wait for the peer's consent: the first bytes that are written
    ///   go with the proposal, which saves a round trip. If the peer does not speak it, reading says so.
    public func openStream(
        to peer: PeerID, protocols: [String], lazily: Bool = true
    ) async throws(WireError) -> PeerStream {
        guard let connection = state.withLock({ $0.connections[peer]?.first }) else {
            throw WireError(.unreachable, "not connected to \(peer)", at: "host")
        }
        return try await connection.open(protocols, lazily: lazily)
    }

    /// Opens a stream for as long as the closure runs; an error breaks it off.
    public func withStream<Result: Sendable>(
        to peer: PeerID, protocols: [String], lazily: Bool = true,
        _ body: @Sendable (PeerStream) async throws(WireError) -> Result
    ) async throws(WireError) -> Result {
        let stream = try await openStream(to: peer, protocols: protocols, lazily: lazily)
        do throws(WireError) {
            let result = try await body(stream)
            stream.close()
            return result
        } catch {
            stream.reset(error.reason)
            throw error
        }
    }

    // MARK: What is there

    /// What happens from now on. A subscriber that is late loses the oldest events.
    public func events() -> AsyncStream<PeerEvent> {
        let (stream, continuation) = AsyncStream.makeStream(
            of: PeerEvent.self, bufferingPolicy: .bufferingNewest(configuration.eventBuffer))
        let number = state.withLock { state -> UInt64? in
            guard !state.isShutDown else { return nil }
            state.nextSubscriber += 1
            state.subscribers[state.nextSubscriber] = continuation
            return state.nextSubscriber
        }
        guard let number else {
            continuation.finish()
            return stream
        }
        continuation.onTermination = { [weak self] _ in
            self?.state.withLock { _ = $0.subscribers.removeValue(forKey: number) }
        }
        return stream
    }

    func emit(_ event: PeerEvent) {
        for subscriber in state.withLock({ Array($0.subscribers.values) }) { subscriber.yield(event) }
    }

    /// The peers that are connected, in no order.
    public var connectedPeers: [PeerID] { state.withLock { Array($0.connections.keys) } }

    public func isConnected(to peer: PeerID) -> Bool { state.withLock { $0.connections[peer] != nil } }

    public var connections: [ConnectionInfo] {
        state.withLock { $0.connections.values.flatMap { $0 } }.map {
            ConnectionInfo(peer: $0.peer, remote: $0.remote, isInbound: $0.isInbound, traffic: $0.traffic.total)
        }
    }

    /// What the open connections to a peer have carried on the wire.
    public func traffic(with peer: PeerID) -> Traffic {
        state.withLock { $0.connections[peer] ?? [] }.reduce(Traffic()) { $0 + $1.traffic.total }
    }

    /// What streams have carried, by protocol, since the start.
    public func trafficByProtocol() -> [String: Traffic] {
        state.withLock { $0.counters }.mapValues(\.total)
    }

    /// What a connected peer said of itself.
    public func identity(of peer: PeerID) -> PeerIdentity? { state.withLock { $0.identities[peer] } }
}

/// What a host knows, behind its lock.
struct HostState: Sendable {
    struct Handler: Sendable {
        let streamsPerPeer: Int
        let body: PeerHost.StreamHandler
    }

    struct StreamUse: Hashable, Sendable {
        let peer: PeerID
        let protocolID: String
    }

    /// Open connections, the oldest first.
    var connections: [PeerID: [Connection]] = [:]
    /// Connections that peers made, those in their handshake included.
    var inbound = 0
    var handshakes = 0
    var inboundByAddress: [IPAddress: Int] = [:]
    var handlers: [String: Handler] = [:]
    /// Streams of peers whose handlers run.
    var running: [StreamUse: Int] = [:]
    /// One for each protocol that was ever handled or opened here: names of ours, not of peers.
    var counters: [String: TrafficCounter] = [:]
    var subscribers: [UInt64: AsyncStream<PeerEvent>.Continuation] = [:]
    var nextSubscriber: UInt64 = 0
    var listeners: [any Channel] = []
    var listening: [Multiaddr] = []
    var advertised: [Multiaddr] = []
    /// What this host signed last about its addresses.
    var record: SignedPeerRecord?
    /// By the peer, or the address where nobody in particular is expected.
    var dialing: [Multiaddr: PeerHost.Dial] = [:]
    /// Of connected peers.
    var identities: [PeerID: PeerIdentity] = [:]
    var roundTrips: [PeerID: RoundTrips] = [:]
    var isShutDown = false

    /// The number of a signed record: later ones of the same key are larger, over restarts too. To the second, since
    /// records of one second are told apart by counting on.
    static func nanosecondsSince1970() -> UInt64 { UInt64(clamping: time(nil)) &* 1_000_000_000 }
}
