import Glibc
import NIOCore
import NIOPosix

/// Carries `MulticastDiscovery` over UDP: one socket an interface, which joins 224.0.0.251 there, sends there and hears
/// what others send there. IPv4.
///
/// All state lives on one event loop; the methods may be called from any thread.
public final class MulticastDriver: Sendable {
    public enum Event: Hashable, Sendable {
        case found(KademliaContact)
        case lost(PeerID)
    }

    public enum Failure: Error, Hashable, Sendable, CustomStringConvertible {
        /// No interface could be used; the reasons, one an interface.
        case noInterface([String])

        public var description: String {
            switch self {
            case .noInterface(let reasons):
                "multicast works on no interface: \(reasons.joined(separator: "; ")) [noInterface]"
            }
        }
    }

    /// What was found and lost, oldest first. Of events that nobody reads, the newest are kept.
    public let events: AsyncStream<Event>
    /// The names of the interfaces in use.
    public let interfaces: [String]
    private let eventLoop: any EventLoop
    private let state: NIOLoopBound<MulticastState>

    private static let eventsKept = 1_024
    static let group = "224.0.0.251"

    private init(
        events: AsyncStream<Event>, interfaces: [String], eventLoop: any EventLoop, state: NIOLoopBound<MulticastState>
    ) {
        self.events = events
        self.interfaces = interfaces
        self.eventLoop = eventLoop
        self.state = state
    }

    /// Interfaces of IPv4 that can do multicast.
    /// - Parameter includesLoopback: the loopback interface too, for nodes of one machine.
    public static func devices(includesLoopback: Bool = false) throws -> [NIONetworkDevice] {
        try System.enumerateDevices().filter { device in
            guard let address = device.address.flatMap(ip) else { return false }
            return address.isLoopback ? includesLoopback : device.multicastSupported
        }
    }

    /// Opens the sockets and begins. Interfaces that refuse are left out.
    public static func start(
        _ discovery: MulticastDiscovery, on devices: [NIONetworkDevice], eventLoop: any EventLoop
    ) async throws -> MulticastDriver {
        let (events, continuation) = AsyncStream.makeStream(
            of: Event.self, bufferingPolicy: .bufferingNewest(eventsKept))
        let state = try await eventLoop.submit {
            NIOLoopBound(
                MulticastState(discovery, events: continuation, eventLoop: eventLoop), eventLoop: eventLoop)
        }.get()
        var names: [String] = []
        var reasons: [String] = []
        for device in devices {
            do {
                try await open(device, port: discovery.configuration.port, state: state, eventLoop: eventLoop)
                names.append(device.name)
            } catch { reasons.append("\(device.name): \(error)") }
        }
        guard !names.isEmpty else { throw Failure.noInterface(reasons) }
        try await eventLoop.submit { state.value.start() }.get()
        return MulticastDriver(events: events, interfaces: names, eventLoop: eventLoop, state: state)
    }

    /// This peer listens elsewhere now, or the network is another one.
    public func addressesChanged(_ addresses: [Multiaddr]) {
        eventLoop.execute { [state] in state.value.addressesChanged(addresses) }
    }

    /// Says goodbye and closes the sockets.
    public func stop() async {
        try? await eventLoop.flatSubmit { [state] in state.value.stop() }.get()
    }

    private static func ip(_ address: SocketAddress) -> IPAddress? {
        address.ipAddress.flatMap { try? IPAddress(version4: $0) }
    }

    /// The bytes of an `in_addr` as they lie in memory.
    private static func inMemory(_ address: IPAddress) -> UInt32 {
        address.bytes.reversed().reduce(UInt32(0)) { $0 << 8 | UInt32($1) }.littleEndian
    }

    private static func open(
        _ device: NIONetworkDevice, port: UInt16, state: NIOLoopBound<MulticastState>, eventLoop: any EventLoop
    ) async throws {
        guard let interface = device.address.flatMap(ip) else { return }
        let number = inMemory(interface)
        let channel = try await DatagramBootstrap(group: eventLoop)
            .channelOption(.socketOption(.so_reuseaddr), value: 1)
            .channelOption(
                ChannelOptions.Types.SocketOption(level: .socket, name: .init(rawValue: SO_REUSEPORT)), value: 1
            )
            .channelOption(.recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: DNSMessage.Limits.bytes))
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(MulticastHandler(state: state))
                }
            }
            .bind(host: "0.0.0.0", port: Int(port)).get()
        do {
            let target = try SocketAddress(ipAddress: group, port: Int(port))
            guard let sockets = channel as? any SocketOptionProvider else { throw ChannelError.operationUnsupported }
            // An `ip_mreq` of ip(7): two addresses of four bytes. `joinGroup` of the library refuses loopback.
            let membership = (MulticastDriver.inMemory(try IPAddress(version4: group)), number)
            try await sockets.unsafeSetSocketOption(
                level: .init(IPPROTO_IP), name: .init(IP_ADD_MEMBERSHIP), value: membership
            ).get()
            // Four bytes: the kernel reads a value of eight, as the library's options have, as another structure.
            try await sockets.unsafeSetSocketOption(
                level: .init(IPPROTO_IP), name: .init(IP_MULTICAST_IF), value: number
            ).get()
            // The time to live that multicast DNS asks for (RFC 6762 section 11).
            let options: [(Int32, SocketOptionValue)] = [
                (IP_MULTICAST_TTL, 255), (IP_MULTICAST_LOOP, 1),
                // Else every socket hears what any socket of this machine has joined.
                (allGroupsOption, 0),
            ]
            for (name, value) in options {
                try await channel.setOption(
                    ChannelOptions.Types.SocketOption(level: .ip, name: .init(rawValue: name)), value: value
                ).get()
            }
            try await eventLoop.submit { state.value.channels.append((channel, target)) }.get()
        } catch {
            try? await channel.close().get()
            throw error
        }
    }
}

/// `IP_MULTICAST_ALL` of Linux (ip(7)), which the module map of the C library leaves out.
private let allGroupsOption: Int32 = 49

/// The discovery with its channels and its timer. Only on its event loop.
final class MulticastState {
    private var discovery: MulticastDiscovery
    private let events: AsyncStream<MulticastDriver.Event>.Continuation
    private let eventLoop: any EventLoop
    private let began = NIODeadline.now()
    private var timer: Scheduled<Void>?
    private var isStopped = false
    var channels: [(channel: any Channel, group: SocketAddress)] = []

    init(
        _ discovery: MulticastDiscovery, events: AsyncStream<MulticastDriver.Event>.Continuation,
        eventLoop: any EventLoop
    ) {
        self.discovery = discovery
        self.events = events
        self.eventLoop = eventLoop
    }

    private var now: Duration { .nanoseconds((NIODeadline.now() - began).nanoseconds) }

    func start() {
        discovery.start(now: now)
        schedule()
    }

    func addressesChanged(_ addresses: [Multiaddr]) {
        discovery.addressesChanged(addresses, now: now)
        discovery.start(now: now)
        schedule()
    }

    func received(_ packet: AddressedEnvelope<ByteBuffer>, on channel: any Channel) {
        guard !isStopped else { return }
        let port = UInt16(clamping: packet.remoteAddress.port ?? 0)
        let effects = discovery.received(Array(packet.data.readableBytesView), port: port, now: now)
        carryOut(effects, asker: (channel, packet.remoteAddress))
        schedule()
    }

    func stop() -> EventLoopFuture<Void> {
        guard !isStopped else { return eventLoop.makeSucceededVoidFuture() }
        isStopped = true
        timer?.cancel()
        events.finish()
        let goodbye = discovery.goodbye()
        let closed = channels.map { channel, group in
            let envelope = AddressedEnvelope(remoteAddress: group, data: ByteBuffer(bytes: goodbye))
            return channel.writeAndFlush(envelope).flatMapError { _ in channel.eventLoop.makeSucceededVoidFuture() }
                .flatMap { channel.close() }.flatMapError { _ in channel.eventLoop.makeSucceededVoidFuture() }
        }
        channels = []
        return EventLoopFuture.andAllComplete(closed, on: eventLoop)
    }

    private func tick() {
        guard !isStopped else { return }
        carryOut(discovery.tick(now: now), asker: nil)
        schedule()
    }

    /// One timer, for what is due first.
    private func schedule() {
        timer?.cancel()
        guard !isStopped, let due = discovery.nextTick else { return }
        let wait = max(due - now, .zero)
        let bound = NIOLoopBound(self, eventLoop: eventLoop)
        timer = eventLoop.scheduleTask(in: .nanoseconds(Int64(wait.inSeconds * 1e9) + 1_000)) { bound.value.tick() }
    }

    private func carryOut(
        _ effects: [MulticastDiscovery.Effect], asker: (channel: any Channel, address: SocketAddress)?
    ) {
        for effect in effects {
            switch effect {
            case .multicast(let bytes):
                for (channel, group) in channels { send(bytes, to: group, on: channel) }
            case .answerAsker(let bytes):
                if let asker { send(bytes, to: asker.address, on: asker.channel) }
            case .found(let contact): events.yield(.found(contact))
            case .lost(let peer): events.yield(.lost(peer))
            }
        }
    }

    /// A packet that an interface does not take now is lost, as packets are; the next query comes.
    private func send(_ bytes: [UInt8], to address: SocketAddress, on channel: any Channel) {
        channel.writeAndFlush(
            AddressedEnvelope(remoteAddress: address, data: ByteBuffer(bytes: bytes)), promise: nil)
    }
}

/// Hands packets of one socket to the state.
final class MulticastHandler: ChannelInboundHandler {
    typealias InboundIn = AddressedEnvelope<ByteBuffer>

    private let state: NIOLoopBound<MulticastState>

    init(state: NIOLoopBound<MulticastState>) { self.state = state }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        state.value.received(unwrapInboundIn(data), on: context.channel)
    }

    /// An error of one packet (ICMP) says nothing about the socket.
    func errorCaught(context: ChannelHandlerContext, error: any Error) {}
}
