/// What a topic is to its owner: the place of its messages in queues, and how peers are judged by them.
public struct GossipTopicSettings: Equatable, Sendable {
    public var priority: GossipPriority
    public var score: GossipTopicScoreParameters

    public init(
        priority: GossipPriority = .other, score: GossipTopicScoreParameters = GossipTopicScoreParameters()
    ) {
        self.priority = priority
        self.score = score
    }
}

/// All parameters of a router. The defaults are those of the specification where it names any.
public struct GossipConfiguration: Sendable {
    // MARK: Mesh

    /// D: the neighbours in a topic's mesh that a router aims at.
    public var degree = 6
    /// D_low: fewer, and it looks for more.
    public var lowDegree = 5
    /// D_high: more, and it lets some go.
    public var highDegree = 12
    /// D_score: how many of those that stay then are the best by score, and not drawn.
    public var scoreDegree = 4
    /// D_out: how many neighbours are peers that we dialled, who cannot have chosen us.
    public var outboundDegree = 2
    /// The time between two inputs of `heartbeat`.
    public var heartbeatInterval: Duration = .seconds(1)
    /// How long neither side of a PRUNE grafts the other.
    public var pruneBackoff: Duration = .seconds(60)
    /// The same, after the topic was left.
    public var unsubscribeBackoff: Duration = .seconds(10)
    /// The longest back-off that a peer can ask for.
    public var longestBackoff: Duration = .seconds(3600)
    /// A GRAFT so soon after the PRUNE is two breaches.
    public var graftFloodThreshold: Duration = .seconds(10)
    public var opportunisticGraftHeartbeats = 60
    public var opportunisticGraftPeers = 2
    /// Whether a PRUNE names other peers of the topic, and how many at most; also what is taken from one.
    public var exchangesPeers = true
    public var exchangedPeers = 16

    // MARK: Gossip

    /// D_lazy: to how many peers outside the mesh IHAVE goes at least.
    public var lazyDegree = 6
    /// To which part of them it goes, where that is more.
    public var gossipFactor = 0.25
    /// For how many heartbeats a message can be asked for, and for how many it is announced.
    public var historyLength = 5
    public var historyGossip = 3
    /// What the messages that can be asked for take at most.
    public var historyByteCount = 64 << 20
    /// Own messages go to every peer of the topic that is not below the publish threshold.
    public var floodPublish = true
    /// How long the peers of a topic that we publish to without being in it are kept.
    public var fanoutLifetime: Duration = .seconds(60)
    /// What one peer's IHAVE may make us do between two heartbeats.
    public var haveMessagesPerHeartbeat = 10
    public var haveIDsPerHeartbeat = 5_000
    /// How often one message goes to one peer that asks for it.
    public var retransmissions = 3
    /// What one peer's IWANT may make us do between two heartbeats.
    public var wantIDsPerHeartbeat = 10_000
    public var wantByteCountPerHeartbeat = 16 << 20
    /// How long a peer has to send what it announced and we asked for.
    public var followUpTime: Duration = .seconds(3)
    /// How many messages one peer's IDONTWANT is remembered for.
    public var unwantedIDs = 1_024

    // MARK: Messages

    /// How long a message's id is known, so that it is not taken for new.
    public var seenLifetime: Duration = .seconds(120)
    public var seenCount = 131_072
    public var seenByteCount = 32 << 20
    /// Messages that wait for validation, of all peers together and of one. Topics of the lowest priority may use half
    /// of it, blocks three quarters.
    public var waitingCount = 2_048
    public var waitingByteCount = 64 << 20
    public var waitingCountPerPeer = 256
    /// A message that nobody has judged by then is forgotten.
    public var validationTime: Duration = .seconds(60)
    public var signing: GossipSigning = .strictNoSign
    public var identification: GossipIdentification = .content
    public var limits = GossipLimits()

    // MARK: Peers and topics

    public var peerCount = 1_024
    /// Peers that are gone, whose score or back-off is remembered.
    public var retainedPeerCount = 4_096
    /// Topics that one peer may be in.
    public var topicsPerPeer = 128
    /// Topics that we may be in or publish to.
    public var topicCount = 128
    /// Peers that the operator has chosen: always served, never judged, in no mesh.
    public var directPeers: Set<PeerID> = []
    public var directConnectHeartbeats = 300
    /// How often what we are in is told again after a change, after 1, 2, 4, 8 … heartbeats.
    public var announcementRepeats = 8
    public var topics: [String: GossipTopicSettings] = [:]
    /// For topics that `topics` does not name.
    public var otherTopics = GossipTopicSettings()
    public var score = GossipScoreParameters()

    public init() {}

    func settings(_ topic: String) -> GossipTopicSettings { topics[topic] ?? otherTopics }
}

extension GossipConfiguration {
    /// Refuses what contradicts the specification or itself, and names the parameter.
    public func validate() throws(GossipError) {
        try validateDegrees()
        try validateTimes()
        try validateBounds()
        if case .author = identification, case .strictNoSign = signing {
            throw GossipError(
                .invalidParameter, "ids by author need messages with authors, which strictSign makes",
                at: "identification")
        }
        try score.validate()
        try otherTopics.score.validate()
        for settings in topics.values { try settings.score.validate() }
    }

    private func validateDegrees() throws(GossipError) {
        try GossipError.check(lowDegree >= 0 && lowDegree <= degree, "lowDegree", "is between 0 and degree")
        try GossipError.check(highDegree >= degree && highDegree <= 1_024, "highDegree", "is between degree and 1024")
        try GossipError.check(scoreDegree >= 0 && scoreDegree <= degree, "scoreDegree", "is between 0 and degree")
        try GossipError.check(
            outboundDegree >= 0 && (degree == 0 || outboundDegree < lowDegree) && outboundDegree <= degree / 2,
            "outboundDegree", "is below lowDegree, and half of degree at most")
        try GossipError.check(lazyDegree >= 0, "lazyDegree", "is not negative")
        try GossipError.check(gossipFactor >= 0 && gossipFactor <= 1, "gossipFactor", "is between 0 and 1")
        try GossipError.check(historyLength >= 1 && historyLength <= 1_024, "historyLength", "is between 1 and 1024")
        try GossipError.check(
            historyGossip >= 0 && historyGossip <= historyLength, "historyGossip", "is between 0 and historyLength")
        try GossipError.check(opportunisticGraftHeartbeats >= 1, "opportunisticGraftHeartbeats", "is one or more")
        try GossipError.check(directConnectHeartbeats >= 1, "directConnectHeartbeats", "is one or more")
        try GossipError.check(
            (0...32).contains(announcementRepeats), "announcementRepeats", "is between 0 and 32")
    }

    private func validateTimes() throws(GossipError) {
        let times: [(String, Duration)] = [
            ("heartbeatInterval", heartbeatInterval), ("pruneBackoff", pruneBackoff),
            ("unsubscribeBackoff", unsubscribeBackoff), ("fanoutLifetime", fanoutLifetime),
            ("followUpTime", followUpTime), ("seenLifetime", seenLifetime), ("validationTime", validationTime),
        ]
        for (name, time) in times {
            try GossipError.check(time > .zero && time <= .seconds(86_400), name, "is above 0, and a day at most")
        }
        try GossipError.check(
            graftFloodThreshold >= .zero && graftFloodThreshold <= pruneBackoff, "graftFloodThreshold",
            "is between 0 and pruneBackoff")
        try GossipError.check(
            longestBackoff >= pruneBackoff && longestBackoff <= .seconds(86_400), "longestBackoff",
            "is not below pruneBackoff, and a day at most")
        try GossipError.check(
            seenLifetime >= heartbeatInterval * historyLength, "seenLifetime",
            "covers historyLength heartbeats, or messages that are announced would be taken for new")
    }

    private func validateBounds() throws(GossipError) {
        let bounds: [(String, Int)] = [
            ("historyByteCount", historyByteCount), ("haveMessagesPerHeartbeat", haveMessagesPerHeartbeat),
            ("haveIDsPerHeartbeat", haveIDsPerHeartbeat), ("retransmissions", retransmissions),
            ("wantIDsPerHeartbeat", wantIDsPerHeartbeat), ("wantByteCountPerHeartbeat", wantByteCountPerHeartbeat),
            ("unwantedIDs", unwantedIDs), ("seenCount", seenCount), ("seenByteCount", seenByteCount),
            ("waitingCount", waitingCount), ("waitingByteCount", waitingByteCount),
            ("waitingCountPerPeer", waitingCountPerPeer), ("peerCount", peerCount), ("topicsPerPeer", topicsPerPeer),
            ("topicCount", topicCount), ("opportunisticGraftPeers", opportunisticGraftPeers),
        ]
        for (name, bound) in bounds { try GossipError.check(bound >= 1, name, "is one or more") }
        try GossipError.check(exchangedPeers >= 0, "exchangedPeers", "is not negative")
        try GossipError.check(retainedPeerCount >= 0, "retainedPeerCount", "is not negative")
        let overhead = 4 * limits.keyByteCount
        try GossipError.check(
            limits.dataByteCount >= 1 && limits.rpcByteCount <= 1 << 30
                && limits.dataByteCount <= limits.rpcByteCount - overhead,
            "limits.dataByteCount", "leaves room for a message's other fields in an RPC")
    }
}
