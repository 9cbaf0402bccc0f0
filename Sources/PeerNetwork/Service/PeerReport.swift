/// What people see of a peer.
public struct PeerReport: Sendable {
    public let peer: PeerID
    /// Nil for a peer that is not connected.
    public let address: Multiaddr?
    public let isInbound: Bool
    public let isConfigured: Bool
    public let agentVersion: String?
    /// The address of ours that the peer sees.
    public let observed: Multiaddr?
    public let traffic: Traffic
    public let roundTrip: Duration?
    /// Nil where the peer does not gossip.
    public let gossip: GossipPeerReport?
    /// Nil where it did nothing wrong.
    public let conduct: PeerConduct?
    /// Since 1970.
    public let bannedUntil: Duration?
}

extension PeerService {
    /// Connected peers, and those whose conduct is remembered, in the order of their ids.
    public func report() -> [PeerReport] {
        var gossip: [PeerID: GossipPeerReport] = [:]
        for report in router.report() { gossip[report.peer] = report }
        var conduct: [PeerID: PeerConduct] = [:]
        for entry in gate.conduct() { conduct[entry.peer] = entry }
        var connections: [PeerID: ConnectionInfo] = [:]
        for connection in host.connections { connections[connection.peer] = connection }
        return Set(connections.keys).union(conduct.keys).sorted().map { peer in
            PeerReport(
                peer: peer, address: connections[peer]?.remote, isInbound: connections[peer]?.isInbound ?? false,
                isConfigured: configuration.gossip.directPeers.contains(peer),
                agentVersion: host.identity(of: peer)?.agentVersion, observed: host.identity(of: peer)?.observed,
                traffic: host.traffic(with: peer),
                roundTrip: host.roundTrips(to: peer)?.smoothed, gossip: gossip[peer], conduct: conduct[peer],
                bannedUntil: conduct[peer]?.bannedUntil)
        }
    }

    /// Address ranges that connected peers are in: how many owners could be behind them at least. Hosts of loopback and
    /// of private networks count one each.
    public func connectedRanges() -> Int {
        let rules = configuration.dialing.ranges
        let hosts = Set(remotes.values)
        let ranges = Set(hosts.compactMap { rules.range(of: $0) })
        return ranges.count + hosts.count { rules.range(of: $0) == nil }
    }

    /// Numbers of the address book and the routing table.
    public func discoverySizes() -> (known: Int, tried: Int, routing: Int) {
        (book.peerCount, book.triedCount, kademlia.table.count)
    }

    /// The peers of a topic that this node gossips with directly.
    public func mesh(of topic: String) -> [PeerID] { router.mesh(of: topic) }
    public func subscribers(of topic: String) -> [PeerID] { router.subscribers(of: topic) }
}
