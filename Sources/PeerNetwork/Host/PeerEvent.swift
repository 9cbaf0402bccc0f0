/// What happens to a host.
public enum PeerEvent: Sendable {
    /// The first connection to a peer is open.
    case connected(PeerID, Multiaddr, isInbound: Bool)
    /// The last connection to a peer has ended, and why.
    case disconnected(PeerID, WireError)
    /// A peer said what it is and speaks; again when that changes.
    case identified(PeerID, PeerIdentity)
    case listening(Multiaddr)
    /// The addresses at which this host says it can be reached.
    case addressesChanged([Multiaddr])
    /// A connection that did not come about, from or to an address, and why.
    case refused(Multiaddr, WireError)
}

/// What a peer says of itself (identify). Everything but the id is a claim.
public struct PeerIdentity: Hashable, Sendable {
    public var peer: PeerID
    public var protocolVersion: String
    public var agentVersion: String
    /// Where the peer says it listens: as its signed record says, where it sent one that holds.
    public var addresses: [Multiaddr]
    /// What it speaks.
    public var protocols: [String]
    /// The address of ours that it sees.
    public var observed: Multiaddr?
    /// Its signed peer record, checked.
    public var signedRecord: SignedPeerRecord?
}

/// A connection as `PeerHost.connections` shows it.
public struct ConnectionInfo: Sendable {
    public let peer: PeerID
    public let remote: Multiaddr
    public let isInbound: Bool
    /// What it carried on the wire since it was made.
    public let traffic: Traffic
}
