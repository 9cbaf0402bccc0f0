/// What a node answers to others.
extension KademliaNode {
    /// Answers a request; nil where the protocol has no answer (ADD_PROVIDER).
    /// - Parameters:
    ///   - peer: who sent it, as the connection's handshake proved.
    ///   - bytes: the message without its length.
    public mutating func respond(
        to bytes: [UInt8], from peer: PeerID, now: Duration
    ) throws(KademliaRefusal) -> KademliaMessage? {
        guard limiter.take(peer, now: now) else { throw .tooMany }
        let request: KademliaMessage
        do { request = try KademliaMessage(bytes) } catch { throw .malformed(error) }
        switch request.kind {
        case .putValue, .getValue: throw .valueRecords
        case .ping: return KademliaMessage(.ping)
        case .findNode: return KademliaMessage(.findNode, key: request.key, closer: try nearest(request.key, to: peer))
        case .getProviders:
            let known = providers.providers(of: request.key, now: now)
            return KademliaMessage(
                .getProviders, key: request.key, closer: try nearest(request.key, to: peer),
                providers: known.map { KademliaMessage.Peer($0) })
        case .addProvider:
            guard let own = request.providers.first(where: { $0.contact.id == peer }) else { throw .providesForOthers }
            try providers.add(own.contact, for: request.key, now: now)
            return nil
        }
    }

    private func nearest(_ key: [UInt8], to peer: PeerID) throws(KademliaRefusal) -> [KademliaMessage.Peer] {
        guard !key.isEmpty else { throw .emptyKey }
        return table.closest(to: KademliaKey(hashing: key), count: configuration.lookup.k, excluding: peer)
            .map { KademliaMessage.Peer($0) }
    }
}
