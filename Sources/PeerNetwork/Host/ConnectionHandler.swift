import NIOCore

/// What a connection needs of the host, called on the connection's thread. Implementations answer at once.
protocol ConnectionOwner: AnyObject, Sendable {
    /// A peer has proven who it is. An error refuses it.
    func admit(_ connection: Connection) throws(WireError)
    /// The end of a connection that was admitted, or nil and the end of one that was not.
    func ended(_ connection: Connection?, remote: Multiaddr, isInbound: Bool, reason: WireError)
    func speaks(_ protocolID: String) -> Bool
    func protocolIDs() -> [String]
    /// A peer opened a stream; whoever takes it calls `Connection.handlerEnded` when done.
    func accept(_ stream: PeerStream)
    /// A round trip of a ping of the multiplexer.
    func measured(_ roundTrip: Duration, of connection: Connection)
    /// Takes bytes of what peers may hold, or gives them back; whether little is left. An error cuts the peer.
    func reserve(_ bytes: Int, for connection: Connection) throws(WireError) -> Bool
    func traffic(of protocolID: String) -> TrafficCounter
}

/// Drives one TCP connection: the choice of security, Noise, the choice of the multiplexer, and then the streams.
///
/// Everything here is on the thread of the channel's event loop, and no task is switched for a frame: frames are
/// decrypted, taken apart and put into streams' buffers where they arrive; what streams have to send is gathered,
/// packed and encrypted in one go.
final class ConnectionHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    static let securityProtocol = "/noise"
    static let muxerProtocol = "/yamux/1.0.0"

    enum Phase {
        case choosingSecurity(Negotiation)
        case handshaking(NoiseUpgrade)
        case choosingMuxer(Negotiation)
        case open
        case closed
    }

    /// Either side of multistream-select.
    enum Negotiation {
        case dialer(MultistreamDialer)
        case listener(MultistreamListener)
    }

    /// What the handler holds of a stream.
    struct Slot {
        var stream: PeerStream?
        var negotiation: Negotiation?
        /// Bytes of an unfinished negotiation, at most one message.
        var input = ByteBuffer()
        /// Bytes of the negotiation that are to be sent before the stream's own.
        var output = ByteBuffer()
        /// Who waits for the outcome of the negotiation.
        var opening: (@Sendable (Connection.Opening) -> Void)?
        var isReady = false
        var wantsEnd = false
        var begun: NIODeadline
        /// When this side was done with the stream.
        var released: NIODeadline?
    }

    let owner: any ConnectionOwner
    let identity: NoiseIdentity
    let expected: PeerID?
    let isInbound: Bool
    let remote: Multiaddr
    let configuration: PeerHostConfiguration
    /// Told the connection when it is open, or why it is not.
    let opened: EventLoopPromise<Connection>?

    var context: ChannelHandlerContext?
    var phase: Phase
    /// Bytes from the socket that no phase has used yet; less than a frame, within the handshake.
    var input = ByteBuffer()
    var plain = ByteBuffer()
    var sealer: NoiseSealer?
    var opener: NoiseOpener?
    var session: YamuxSession
    var slots: [UInt32: Slot] = [:]
    /// Streams that have something to send.
    var ready = CircularBuffer<UInt32>()
    /// Those of `PeerHostConfiguration.bulkProtocols`, whose turn comes after all others.
    var readyBulk = CircularBuffer<UInt32>()
    var connection: Connection?
    /// A peer that has proven who it is, until the multiplexer is chosen.
    var candidate: Connection?
    var isPumping = false
    /// Memory of batches that the socket has taken, for the next ones.
    var spareBatches: [ByteBuffer] = []
    /// Streams with something new for their readers, who are woken once for all that came together.
    var heard: [PeerStream] = []
    /// Bytes were handed to the channel that no flush has followed yet.
    var needsFlush = false
    /// The dialer's handshake, begun together with the proposal of it.
    var earlyNoise: NoiseUpgrade?
    private var isFinished = false
    var reason: WireError?
    var runningHandlers = 0
    /// Bytes of the host's budget that are this connection's, and whether so little is left that it gets no more
    /// streams.
    var (reserved, isTight) = (0, false)
    private var deadline: Scheduled<Void>?
    private var sweeper: RepeatedTask?
    var pulse = Pulse()

    /// What tells whether the peer is still there, and reads.
    struct Pulse {
        var lastReceived = NIODeadline.uptimeNanoseconds(0)
        var pinged: NIODeadline?
        var pingValue: UInt32 = 0
        var blocked: NIODeadline?
    }

    /// The most that a handshake message or a negotiation may make us keep, in bytes.
    private static let handshakeInputLimit = 2 * 65_537
    private static let sweepInterval = TimeAmount.seconds(1)

    init(
        owner: any ConnectionOwner, identity: NoiseIdentity, expected: PeerID?, isInbound: Bool, remote: Multiaddr,
        configuration: PeerHostConfiguration, opened: EventLoopPromise<Connection>?
    ) {
        self.owner = owner
        self.identity = identity
        self.expected = expected
        self.isInbound = isInbound
        self.remote = remote
        self.configuration = configuration
        self.opened = opened
        session = YamuxSession(isInbound ? .server : .client, limits: configuration.streams)
        phase = .choosingSecurity(ConnectionHandler.negotiation(isInbound, ConnectionHandler.securityProtocol))
    }

    static func negotiation(_ isInbound: Bool, _ protocolID: String) -> Negotiation {
        isInbound ? .listener(MultistreamListener()) : .dialer(MultistreamDialer([protocolID]))
    }

    // MARK: Channel

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        if context.channel.isActive { begin() }
    }

    func channelActive(context: ChannelHandlerContext) { begin() }

    /// The dialer sends the first message of Noise with the proposal of it, which saves a round trip: there is nothing
    /// else to propose, so a peer that says no could not go on anyway.
    private func begin() {
        guard deadline == nil, case .choosingSecurity(let negotiation) = phase else { return }
        startDeadline("the choice of security")
        guard case .dialer(let dialer) = negotiation else { return }
        var output = ByteBuffer()
        dialer.start(into: &output)
        do throws(WireError) {
            var noise = NoiseUpgrade(.initiator, identity: identity, expected: expected)
            try noise.start(into: &output)
            earlyNoise = noise
        } catch {
            return fail(error)
        }
        send(output)
        flush()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = unwrapInboundIn(data)
        pulse.lastReceived = context.eventLoop.now
        connection?.traffic.receive(bytes.readableBytes)
        do throws(WireError) {
            switch phase {
            case .open: try receive(&bytes)
            case .closed: return
            default: try upgrade(&bytes)
            }
        } catch {
            fail(error)
        }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        wakeReaders()
        account()
        pump()
        flush()
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        pulse.blocked = context.channel.isWritable ? nil : context.eventLoop.now
        pump()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { fail(WireError(wrapping: error)) }

    func channelInactive(context: ChannelHandlerContext) { finish() }

    func handlerRemoved(context: ChannelHandlerContext) {
        finish()
        self.context = nil
    }

    // MARK: Time

    /// Closes the connection unless the step is over by then.
    func startDeadline(_ step: String) {
        deadline?.cancel()
        let limit = configuration.handshakeTimeout
        deadline = context?.eventLoop.assumeIsolated().scheduleTask(in: TimeAmount(limit)) { [weak self] in
            self?.fail(WireError(.timeout, "\(step) took more than \(limit)", at: "handshake"))
        }
    }

    /// From now on the sweeper watches over time.
    func endDeadline() {
        deadline?.cancel()
        deadline = nil
        guard let loop = context?.eventLoop else { return }
        // The box checks that it is used on the loop, which is where repeated tasks run.
        let handler = NIOLoopBound(self, eventLoop: loop)
        sweeper = loop.scheduleRepeatedTask(
            initialDelay: ConnectionHandler.sweepInterval, delay: ConnectionHandler.sweepInterval
        ) { _ in handler.value.sweep(now: loop.now) }
    }

    // MARK: Ends

    /// Ends the connection because of an error; the peer is told where there are words for it.
    func fail(_ error: WireError) {
        switch phase {
        case .closed: return
        case .open: leave(error, .protocolError)
        default:
            reason = reason ?? error
            phase = .closed
            flush()
            context?.close(promise: nil)
        }
    }

    /// Says goodbye, and closes when that is sent or after a moment.
    func leave(_ error: WireError, _ word: YamuxGoAway = .normal) {
        guard case .open = phase, let context else {
            fail(error)
            return
        }
        reason = reason ?? error
        session.leave(word)
        pump()
        phase = .closed
        let channel = context.channel
        let sent = context.eventLoop.makePromise(of: Void.self)
        context.writeAndFlush(wrapOutboundOut(ByteBuffer()), promise: sent)
        sent.futureResult.whenComplete { _ in channel.close(promise: nil) }
        context.eventLoop.scheduleTask(in: ConnectionHandler.sweepInterval) { channel.close(promise: nil) }
    }

    private func finish() {
        deadline?.cancel()
        sweeper?.cancel()
        sweeper = nil
        let error = reason ?? WireError(.closed, "the peer closed the connection", at: "connection")
        phase = .closed
        wakeReaders()
        let ended = slots
        slots = [:]
        for slot in ended.values {
            slot.stream?.end(with: error, tellsPeer: false)
            slot.opening?(.failure(error))
        }
        guard !isFinished else { return }
        isFinished = true
        opened?.fail(error)
        if let connection { releaseMemory(of: connection) }
        owner.ended(connection, remote: remote, isInbound: isInbound, reason: error)
        connection?.detach()
        connection = nil
    }

    /// Sends bytes as they are, with the next `flush`: answers to what came at once go to the socket at once.
    func send(_ bytes: ByteBuffer) {
        guard bytes.readableBytes > 0, let context else { return }
        connection?.traffic.send(bytes.readableBytes)
        context.write(wrapOutboundOut(bytes), promise: nil)
        needsFlush = true
    }

    func flush() {
        guard needsFlush else { return }
        needsFlush = false
        context?.flush()
    }

    /// Bytes that wait for the rest of a message of the handshake.
    func keep(_ bytes: inout ByteBuffer) throws(WireError) {
        guard input.readableBytes + bytes.readableBytes <= ConnectionHandler.handshakeInputLimit else {
            throw WireError(.tooLong, "more bytes than a handshake has", at: "handshake")
        }
        input.writeBuffer(&bytes)
    }
}
