import Primitives

/// Who is there, and in which topics.
extension GossipRouter {
    /// Address ranges of one peer that count.
    private static let rangeLimit = 4
    /// What an application can say for or against a peer, either way.
    private static let applicationScoreLimit = 1e6

    mutating func connect(_ info: GossipPeerInfo) {
        guard info.peer != peer else { return }
        let index = numbers[info.peer] ?? addPeer(info.peer)
        if peers[index]?.session != nil {
            // The same peer again, over another connection: a dial of ours makes it outbound.
            if info.direction == .outbound { peers[index]?.session?.info.direction = .outbound }
            return
        }
        guard connected.count < configuration.peerCount || peers[index]?.isDirect == true else {
            log(index, .tooManyPeers)
            forget(index)
            return effects.append(.cut(info.peer, .tooManyPeers))
        }
        var info = info
        info.addressRanges = Array(Set(info.addressRanges).sorted().prefix(GossipRouter.rangeLimit))
        for range in info.addressRanges { ranges[range, default: 0] += 1 }
        peers[index]?.session = GossipSession(info: info)
        connected.insert(index)
        announce(to: index)
    }

    private mutating func addPeer(_ id: PeerID) -> PeerIndex {
        let index = takeNumber()
        numbers[id] = index
        peers[index] = GossipPeer(id: id, isDirect: configuration.directPeers.contains(id))
        return index
    }

    /// Nothing at all is known of the peer from here on.
    private mutating func forget(_ index: PeerIndex) {
        guard let peer = peers[index], peer.session == nil, peer.expiry == .zero else { return }
        peers[index] = nil
        numbers[peer.id] = nil
    }

    mutating func disconnect(_ id: PeerID, now: Duration) {
        guard let index = numbers[id], let session = peers[index]?.session else { return }
        for topic in session.topics.sorted() { drop(index, from: topic) }
        for topic in joined { topics[topic]?.mesh?.remove(index) }
        for range in session.info.addressRanges {
            let count = ranges[range, default: 0]
            ranges[range] = count > 1 ? count - 1 : nil
        }
        connected.remove(index)
        peers[index]?.session = nil
        peers[index]?.counters.disconnect(configuration)
        retain(index, now: now)
    }

    /// What stands against a peer is remembered, and what holds between us.
    private mutating func retain(_ index: PeerIndex, now: Duration) {
        guard var peer = peers[index] else { return }
        let slack = backoffSlack
        peer.backoffs = peer.backoffs.filter { $0.value + slack > now }
        var expiry = peer.backoffs.values.max().map { $0 + slack } ?? now
        let isGood = peer.counters.behaviour == 0 && peer.counters.topics.isEmpty && peer.counters.application == 0
        if !isGood { expiry = max(expiry, now + configuration.score.retention) }
        peer.expiry = expiry
        peers[index] = peer
        guard expiry > now else {
            peers[index] = nil
            numbers[peer.id] = nil
            return
        }
        while peers.count - connected.count > configuration.retainedPeerCount, forgetSoonest() {}
    }

    private mutating func forgetSoonest() -> Bool {
        let gone = peers.lazy.filter { $0.value.session == nil }
        guard let soonest = gone.min(by: { ($0.value.expiry, $0.key) < ($1.value.expiry, $1.key) }) else {
            return false
        }
        numbers[soonest.value.id] = nil
        peers[soonest.key] = nil
        return true
    }

    /// With the heartbeat: peers that have been gone for long enough.
    mutating func forgetExpired(now: Duration) {
        guard peers.count > connected.count else { return }
        for (index, peer) in peers where peer.session == nil && peer.expiry <= now {
            peers[index] = nil
            numbers[peer.id] = nil
        }
    }

    mutating func setApplicationScore(_ score: Double, of id: PeerID) {
        guard let index = numbers[id], score.isFinite else { return }
        let limit = GossipRouter.applicationScoreLimit
        peers[index]?.counters.application = min(max(score, -limit), limit)
    }

    mutating func setRecord(_ record: [UInt8], of id: PeerID) {
        guard let index = numbers[id], record.count <= configuration.limits.recordByteCount else { return }
        peers[index]?.session?.record = record
    }

    // MARK: Topics

    /// Takes us into a topic: its messages come out as `deliver` from here on. Doing it twice does nothing.
    public mutating func subscribe(to topic: String, now: Duration) throws(GossipError) -> [GossipEffect] {
        try checkTopic(topic)
        guard topics[topic]?.mesh == nil else { return [] }
        var mesh = PeerSet()
        let fanout = topics[topic]?.fanout ?? PeerSet()
        topics[topic, default: GossipTopic()].fanout = PeerSet()
        topics[topic, default: GossipTopic()].fanoutTime = nil
        topics[topic, default: GossipTopic()].mesh = PeerSet()
        joined.append(topic)
        joined.sort()
        left[topic] = nil
        tellTopics(GossipRPC.Subscription(topic: topic, isSubscribed: true))
        // Peers that we published to are known to serve; the rest is drawn.
        for index in fanout where mesh.count < configuration.degree && canGraft(index, topic, now: now) {
            mesh.insert(index)
        }
        let missing = configuration.degree - mesh.count
        let eligible = subscribers(of: topic) { !mesh.contains($0) && canGraft($0, topic, now: now) }
        for index in draw(missing, from: eligible) { mesh.insert(index) }
        for index in mesh {
            addToMesh(index, topic, now: now)
            var rpc = GossipRPC()
            rpc.grafts = [topic]
            send(rpc, to: index, .control, configuration.settings(topic).priority)
        }
        return takeEffects()
    }

    private func checkTopic(_ topic: String) throws(GossipError) {
        guard topic.utf8.count <= configuration.limits.topicByteCount, !topic.isEmpty else {
            throw GossipError(
                .topicTooLong, "a name has 1 to \(configuration.limits.topicByteCount) bytes", at: "topic")
        }
        guard joined.count < configuration.topicCount || joined.contains(topic) else {
            throw GossipError(.tooManyTopics, "in \(joined.count) topics already", at: topic)
        }
    }

    mutating func leave(_ topic: String, now: Duration) {
        guard let mesh = topics[topic]?.mesh else { return }
        tellTopics(GossipRPC.Subscription(topic: topic, isSubscribed: false))
        for index in mesh {
            let prune = prune(topic, for: index, exchange: configuration.exchangesPeers, isLeaving: true)
            removeFromMesh(index, topic, backoff: configuration.unsubscribeBackoff, now: now)
            var rpc = GossipRPC()
            rpc.prunes = [prune]
            send(rpc, to: index, .control, configuration.settings(topic).priority)
        }
        topics[topic]?.mesh = nil
        joined.removeAll { $0 == topic }
        if left.count < configuration.topicCount { left[topic] = 0 }
        clean(topic)
    }

    private mutating func tellTopics(_ subscription: GossipRPC.Subscription) {
        var rpc = GossipRPC()
        rpc.subscriptions = [subscription]
        for index in connected {
            peers[index]?.session?.announcementAge = 0
            send(rpc, to: index, .control, .consensus)
        }
    }

    /// All topics that we are in, and those that we have left of late.
    mutating func announce(to index: PeerIndex) {
        var rpc = GossipRPC()
        rpc.subscriptions = joined.map { GossipRPC.Subscription(topic: $0, isSubscribed: true) }
        rpc.subscriptions += left.keys.sorted().map { GossipRPC.Subscription(topic: $0, isSubscribed: false) }
        if !rpc.isEmpty { send(rpc, to: index, .control, .consensus) }
    }

    mutating func hear(_ subscription: GossipRPC.Subscription, from index: PeerIndex) {
        guard subscription.isSubscribed else {
            topics[subscription.topic]?.mesh?.remove(index)
            topics[subscription.topic]?.fanout.remove(index)
            leaveCounters(index, subscription.topic)
            return drop(index, from: subscription.topic)
        }
        guard let session = peers[index]?.session, !session.topics.contains(subscription.topic) else { return }
        guard session.topics.count < configuration.topicsPerPeer else { return log(index, .tooManyTopics) }
        peers[index]?.session?.topics.insert(subscription.topic)
        topics[subscription.topic, default: GossipTopic()].subscribers.insert(index)
    }

    private mutating func drop(_ index: PeerIndex, from topic: String) {
        peers[index]?.session?.topics.remove(topic)
        topics[topic]?.subscribers.remove(index)
        topics[topic]?.fanout.remove(index)
        clean(topic)
    }

    mutating func clean(_ topic: String) {
        if topics[topic]?.isIdle == true { topics[topic] = nil }
    }
}
