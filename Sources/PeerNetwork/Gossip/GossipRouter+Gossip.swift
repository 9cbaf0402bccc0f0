import Primitives

/// IHAVE and IWANT: what repairs the gaps of a mesh.
extension GossipRouter {
    /// Asking for more than allowed between two heartbeats counts as this many breaches of the protocol.
    private static let wantFloodPenalty = 2

    // MARK: Receiving

    mutating func handleHaves(_ haves: [GossipRPC.Have], from index: PeerIndex, now: Duration) {
        guard !haves.isEmpty, let session = peers[index]?.session else { return }
        guard score(index) >= configuration.score.gossipThreshold else { return log(index, .lowScoreGossip) }
        peers[index]?.session?.haveMessages += 1
        guard session.haveMessages < configuration.haveMessagesPerHeartbeat,
            session.askedIDs < configuration.haveIDsPerHeartbeat
        else { return log(index, .haveFlood) }
        var known: Set<GossipMessageID> = []
        var wants: [GossipMessageID] = []
        var priority = GossipPriority.other
        for have in haves where topics[have.topic]?.mesh != nil {
            for id in have.ids where seen[id] == nil && known.insert(id).inserted {
                wants.append(id)
                priority = max(priority, configuration.settings(have.topic).priority)
            }
        }
        guard !wants.isEmpty else { return }
        wants.shuffle(using: &random)
        var rpc = GossipRPC()
        rpc.wants = Array(wants.prefix(configuration.haveIDsPerHeartbeat - session.askedIDs))
        if rpc.wants.count < wants.count { log(index, .haveFlood) }
        peers[index]?.session?.askedIDs += rpc.wants.count
        // One of them stands for all: the peer cannot know which.
        promises.add(rpc.wants[0], index, until: now + configuration.followUpTime)
        send(rpc, to: index, .gossip, priority)
    }

    mutating func handleWants(_ wants: [GossipMessageID], from index: PeerIndex) {
        guard !wants.isEmpty, let session = peers[index]?.session else { return }
        let room = max(0, configuration.wantIDsPerHeartbeat - session.wantedIDs)
        peers[index]?.session?.wantedIDs += min(wants.count, room)
        if wants.count > room {
            penalise(index, GossipRouter.wantFloodPenalty)
            log(index, .wantFlood)
        }
        guard score(index) >= configuration.score.gossipThreshold else { return log(index, .lowScoreGossip) }
        for id in wants.prefix(room) where session.unwanted[id] == nil { answer(id, to: index) }
    }

    private mutating func answer(_ id: GossipMessageID, to index: PeerIndex) {
        guard let (message, times) = history.fetch(id, for: index) else { return }
        guard times <= configuration.retransmissions else { return log(index, .wantRepeated) }
        let cost = message.encodedByteCount
        let spent = peers[index]?.session?.wantedBytes ?? 0
        guard spent + cost <= configuration.wantByteCountPerHeartbeat else { return log(index, .wantFlood) }
        peers[index]?.session?.wantedBytes = spent + cost
        var rpc = GossipRPC()
        rpc.messages = [message]
        send(rpc, to: index, .forwarded, configuration.settings(message.topic).priority)
    }

    // MARK: Sending

    /// Tells peers of a topic what can be asked for. `pushed` are those to whom messages go anyway.
    mutating func emitGossip(_ topic: String, besides pushed: PeerSet) {
        let ids = history.announced(topic)
        guard !ids.isEmpty, let state = topics[topic] else { return }
        var others: [PeerIndex] = []
        var neighbours: [PeerIndex] = []
        for index in state.subscribers {
            guard let peer = peers[index], peer.session?.hasMesh == true, !peer.isDirect,
                score(index) >= configuration.score.gossipThreshold
            else { continue }
            if pushed.contains(index) { neighbours.append(index) } else { others.append(index) }
        }
        others.shuffle(using: &random)
        let part = Int(configuration.gossipFactor * Double(others.count))
        var chosen = others.prefix(max(configuration.lazyDegree, part))
        if chosen.count < configuration.lazyDegree {
            // In a small network everybody is a neighbour, and a message that was lost would never be found.
            neighbours.shuffle(using: &random)
            chosen += neighbours.prefix(configuration.lazyDegree - chosen.count)
        }
        for index in chosen { announce(ids, topic, to: index) }
    }

    /// A different part of the ids to each peer, where there are more than one IHAVE may name.
    private mutating func announce(_ ids: [GossipMessageID], _ topic: String, to index: PeerIndex) {
        var named = ids
        if named.count > configuration.haveIDsPerHeartbeat {
            named.shuffle(using: &random)
            named = Array(named.prefix(configuration.haveIDsPerHeartbeat))
        }
        var rpc = GossipRPC()
        rpc.haves = [GossipRPC.Have(topic: topic, ids: named)]
        send(rpc, to: index, .gossip, configuration.settings(topic).priority)
    }

    // MARK: Fanout

    /// Chooses the peers for a topic that we publish to without being in it.
    mutating func keepFanout(_ topic: String, now: Duration) {
        topics[topic, default: GossipTopic()].fanoutTime = now
        fillFanout(topic)
    }

    private mutating func fillFanout(_ topic: String) {
        guard let fanout = topics[topic]?.fanout else { return }
        let threshold = configuration.score.publishThreshold
        let missing = configuration.degree - fanout.count
        let eligible = subscribers(of: topic) { index in
            !fanout.contains(index) && peers[index]?.isDirect == false && score(index) >= threshold
        }
        for index in draw(missing, from: eligible) { topics[topic]?.fanout.insert(index) }
    }

    /// With the heartbeat.
    mutating func maintainFanout(now: Duration) {
        let published = topics.filter { $0.value.fanoutTime != nil }.keys.sorted()
        for topic in published {
            guard let time = topics[topic]?.fanoutTime, now - time <= configuration.fanoutLifetime else {
                topics[topic]?.fanoutTime = nil
                topics[topic]?.fanout = PeerSet()
                clean(topic)
                continue
            }
            for index in topics[topic]?.fanout ?? PeerSet()
            where score(index) < configuration.score.publishThreshold {
                topics[topic]?.fanout.remove(index)
            }
            fillFanout(topic)
            emitGossip(topic, besides: topics[topic]?.fanout ?? PeerSet())
        }
    }
}
