/// Limits and deadlines of a host. All of them bound what peers can make it keep or wait for.
public struct PeerHostConfiguration: Sendable {
    /// What identify tells peers about this software.
    public var agentVersion = "vinculum"
    /// The family of protocols, for identify.
    public var protocolVersion = "vinculum/1"

    /// How long a TCP connection may take to be made, for each address.
    public var dialTimeout: Duration = .seconds(10)
    /// How long each step of the handshake may take: choice of security, Noise, choice of multiplexer.
    public var handshakeTimeout: Duration = .seconds(10)
    /// How long the choice of a stream's protocol may take.
    public var negotiationTimeout: Duration = .seconds(10)
    /// How long a peer may leave bytes unread that the socket offers it.
    public var stallTimeout: Duration = .seconds(60)
    /// How long a stream that this side has closed may wait for the other side to close it too.
    public var lingerTimeout: Duration = .seconds(30)
    /// Silence after which the peer is asked whether it is still there.
    public var keepAliveInterval: Duration = .seconds(60)
    /// How long it may take to answer that.
    public var keepAliveTimeout: Duration = .seconds(20)

    /// Connections that peers made, those in their handshake included.
    public var inboundConnectionLimit = 256
    /// Connections of peers that are still in their handshake.
    public var handshakeLimit = 64
    /// Connections from one IP address, or from one /64 of version 6, which one customer has.
    public var connectionsPerAddress = 64
    /// Connections to one peer; two, so that peers who dial one another at the same time keep both.
    public var connectionsPerPeer = 2
    /// Addresses of a peer that are tried, one after the other.
    public var dialAddressLimit = 8
    /// Protocols whose streams wait while any other stream of the connection has something to send: what is large and
    /// not urgent.
    public var bulkProtocols: Set<String> = []
    /// Bytes that may wait on a stream before a writer has to.
    public var writeBuffer = 256 * 1024
    /// Protocols that may be handled.
    public var protocolLimit = 256
    /// Events that may wait for a subscriber; the oldest are dropped first.
    public var eventBuffer = 1024
    public var streams = YamuxLimits()
    /// What peers may make this node hold: bytes received and not read, written and not sent.
    public var memory = MemoryBudget.Limits()
    /// Threads for sockets and ciphers; nil is one a core.
    public var threads: Int?

    public init() {}
}
