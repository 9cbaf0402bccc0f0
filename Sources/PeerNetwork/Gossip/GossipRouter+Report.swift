/// What a router says of a peer to people.
public struct GossipPeerReport: Equatable, Sendable {
    public var peer: PeerID
    public var isConnected: Bool
    public var isDirect: Bool
    /// Nil for a peer that is gone and whose score is remembered.
    public var info: GossipPeerInfo?
    public var score: GossipScore
    /// Topics that the peer is in, and those of ours in whose mesh it is; sorted.
    public var topics: [String]
    public var meshes: [String]
    /// Whether the score is below the graylist threshold.
    public var isGraylisted: Bool
}

/// How much a router holds.
public struct GossipUsage: Equatable, Sendable {
    public var peerCount: Int
    public var retainedPeerCount: Int
    public var topicCount: Int
    public var seenCount: Int
    public var seenByteCount: Int
    public var historyCount: Int
    public var historyByteCount: Int
    public var waitingCount: Int
    public var waitingByteCount: Int
}

extension GossipRouter {
    /// All peers, in order of arrival.
    public func report() -> [GossipPeerReport] {
        peers.keys.sorted().compactMap { index in peers[index].map { report(index, $0) } }
    }

    public func report(of id: PeerID) -> GossipPeerReport? {
        numbers[id].flatMap { index in peers[index].map { report(index, $0) } }
    }

    private func report(_ index: PeerIndex, _ peer: GossipPeer) -> GossipPeerReport {
        let parts = parts(of: peer)
        return GossipPeerReport(
            peer: peer.id, isConnected: peer.session != nil, isDirect: peer.isDirect, info: peer.session?.info,
            score: parts, topics: peer.session?.topics.sorted() ?? [],
            meshes: joined.filter { topics[$0]?.mesh?.contains(index) == true },
            isGraylisted: !peer.isDirect && parts.total < configuration.score.graylistThreshold)
    }

    /// The topics that we are in, sorted.
    public var joinedTopics: [String] { joined }

    /// Neighbours in a topic's mesh; empty for a topic that we are not in.
    public func mesh(of topic: String) -> [PeerID] {
        topics[topic]?.mesh?.compactMap { peers[$0]?.id } ?? []
    }

    /// Connected peers that are in a topic.
    public func subscribers(of topic: String) -> [PeerID] {
        topics[topic]?.subscribers.compactMap { peers[$0]?.id } ?? []
    }

    public var usage: GossipUsage {
        GossipUsage(
            peerCount: connected.count, retainedPeerCount: peers.count - connected.count, topicCount: topics.count,
            seenCount: seen.count, seenByteCount: seen.byteCount, historyCount: history.count,
            historyByteCount: history.byteCount, waitingCount: waiting.count, waitingByteCount: waiting.byteCount)
    }
}
