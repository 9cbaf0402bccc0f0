/// Who may connect: asked before anything is spent on a connection, and again when it is known who the peer is.
///
/// The calls come from the network's threads, many at once; they answer at once and do not block.
public protocol ConnectionGate: Sendable {
    /// May this address be dialled, for this peer if one is expected there?
    func mayDial(_ address: Multiaddr, for peer: PeerID?) -> Bool
    /// May a connection from this address begin its handshake?
    func mayAccept(from address: Multiaddr) -> Bool
    /// May a peer that has proven its identity stay?
    func mayKeep(_ peer: PeerID, at address: Multiaddr, isInbound: Bool) -> Bool
}

/// Lets everybody in.
public struct OpenGate: ConnectionGate {
    public init() {}
    public func mayDial(_ address: Multiaddr, for peer: PeerID?) -> Bool { true }
    public func mayAccept(from address: Multiaddr) -> Bool { true }
    public func mayKeep(_ peer: PeerID, at address: Multiaddr, isInbound: Bool) -> Bool { true }
}
