/// How a node takes part in the network of peers.
public struct PeerServiceConfiguration: Sendable {
    /// Names the network: peers of another one never meet in routing tables or in exchanges of peers. Part of protocol
    /// ids, so letters, digits and dashes.
    public var network: String
    /// Where to listen; empty: this node only dials.
    public var listen: [Multiaddr] = []
    /// Where others reach this node, if that is not where it listens (a router that forwards a port).
    public var advertised: [Multiaddr] = []
    /// Peers that are always dialled, with their ids.
    public var configured: [Multiaddr] = []
    public var usesMulticastDNS = false
    public var usesKademlia = true
    public var exchangesPeers = true
    /// Nodes on private addresses tell one another: for networks of one site.
    public var sharesPrivateAddresses = true
    public var isLowBandwidth = false
    public var host = PeerHostConfiguration()
    public var gossip = GossipConfiguration()
    public var dialing = DialScheduler.Configuration()
    public var limits = ConnectionLimits.Configuration()
    public var conduct = PeerLedger.Configuration()
    public var kademlia = KademliaNode.Configuration()
    public var multicastDNS = MulticastDiscovery.Configuration()
    public var exchange = PeerExchange.Configuration()
    /// The loopback interface too, for nodes on one machine.
    public var multicastOnLoopback = false

    /// How often what is due is looked at; also the heartbeat of gossip.
    public var tickInterval: Duration = .seconds(1)
    /// In low-bandwidth mode.
    public var slowTickInterval: Duration = .seconds(5)
    /// A connection that only a search needed is closed after so long.
    public var passingConnection: Duration = .seconds(60)
    /// How often this machine's addresses are looked at.
    public var addressInterval: Duration = .seconds(30)

    public init(network: String) { self.network = network }

    /// What low-bandwidth mode makes rarer, beside heartbeats, feelers and connections: nothing of it is needed more
    /// often by peers that stay where they are. Idle, a node then says less than a megabyte an hour.
    mutating func slowDown() {
        gossip.heartbeatInterval = max(gossip.heartbeatInterval, slowTickInterval)
        host.keepAliveInterval = max(host.keepAliveInterval, .seconds(300))
        kademlia.refreshAfter = max(kademlia.refreshAfter, .seconds(3_600))
        multicastDNS.longestInterval = max(multicastDNS.longestInterval, .seconds(1_800))
        exchange.askInterval = max(exchange.askInterval, .seconds(7_200))
    }

    var kademliaProtocol: String { "/vinculum/\(network)/kad/1.0.0" }
    var peersProtocol: String { "/vinculum/\(network)/peers/1" }
}

/// What a node knows of peers from one life to the next. Written by the caller to a file that only the node reads.
public struct SavedPeers: Sendable {
    public var book: [UInt8] = []
    public var conduct: [UInt8] = []
    public var anchors: [UInt8] = []

    public init() {}
}
