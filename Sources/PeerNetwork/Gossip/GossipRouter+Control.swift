import Primitives

/// GRAFT and PRUNE as peers send them.
extension GossipRouter {
    mutating func handleControl(_ rpc: GossipRPC, from index: PeerIndex, now: Duration) {
        guard rpc.hasControl, peers[index]?.session?.hasMesh == true else { return }
        handleHaves(rpc.haves, from: index, now: now)
        handleWants(rpc.wants, from: index)
        handleGrafts(rpc.grafts, from: index, now: now)
        for prune in rpc.prunes { handle(prune, from: index, now: now) }
        handleUnwanted(rpc.unwanted, from: index)
    }

    // MARK: GRAFT

    private mutating func handleGrafts(_ grafts: [String], from index: PeerIndex, now: Duration) {
        var answer = GossipRPC()
        var priority = GossipPriority.other
        // A GRAFT for a topic that we are not in is ignored: an answer would let peers make us send.
        for topic in grafts where topics[topic]?.mesh?.contains(index) == false {
            guard let refusal = refusal(ofGraft: topic, from: index, now: now) else {
                // Only who is in a topic grafts; the announcement may have been lost.
                hear(GossipRPC.Subscription(topic: topic, isSubscribed: true), from: index)
                if topics[topic]?.subscribers.contains(index) == true { addToMesh(index, topic, now: now) }
                continue
            }
            // Where the mesh is full, others may have room.
            let exchange = configuration.exchangesPeers && refusal == .graftFull
            log(index, refusal, topic)
            answer.prunes.append(prune(topic, for: index, exchange: exchange, isLeaving: false))
            priority = max(priority, configuration.settings(topic).priority)
        }
        if !answer.isEmpty { send(answer, to: index, .control, priority) }
    }

    /// Why a GRAFT is answered with PRUNE, or nil.
    private mutating func refusal(ofGraft topic: String, from index: PeerIndex, now: Duration) -> GossipReason? {
        guard let peer = peers[index], let mesh = topics[topic]?.mesh else { return nil }
        if peer.isDirect { return .graftDirect }
        if let expiry = peer.backoffs[topic], now < expiry {
            // Far too early, which no clock or delay explains, counts twice.
            let isFlood = now < expiry - configuration.pruneBackoff + configuration.graftFloodThreshold
            penalise(index, isFlood ? 2 : 1)
            setBackoff(index, topic, configuration.pruneBackoff, now: now)
            return .graftBackoff
        }
        guard score(index) >= 0 else {
            setBackoff(index, topic, configuration.pruneBackoff, now: now)
            return .graftLowScore
        }
        // Peers that we dialled may come in above D_high, for they cannot have chosen us; and those who do better than
        // the mesh does. Without these, idle attackers who came first would keep honest peers out of every mesh for
        // ever: each side's GRAFT would meet a full mesh. The next heartbeat prunes, by score.
        if mesh.count >= configuration.highDegree, peer.session?.isOutbound != true, !outranks(index, mesh) {
            setBackoff(index, topic, configuration.pruneBackoff, now: now)
            return .graftFull
        }
        return nil
    }

    /// Whether the peer is better than half of a mesh that is not yet far too large.
    private func outranks(_ index: PeerIndex, _ mesh: PeerSet) -> Bool {
        let own = score(index)
        guard own > 0, mesh.count < 2 * configuration.highDegree else { return false }
        let better = mesh.members.count { score($0) < own }
        return 2 * better > mesh.count
    }

    // MARK: PRUNE

    private mutating func handle(_ prune: GossipRPC.Prune, from index: PeerIndex, now: Duration) {
        guard topics[prune.topic]?.mesh != nil else { return }
        let asked = Duration.seconds(Int64(clamping: min(prune.backoffSeconds ?? 0, UInt64(Int32.max))))
        let backoff = asked > .zero ? min(asked, configuration.longestBackoff) : configuration.pruneBackoff
        removeFromMesh(index, prune.topic, backoff: backoff, now: now)
        guard !prune.candidates.isEmpty, configuration.exchangesPeers else { return }
        guard score(index) >= configuration.score.acceptExchangeThreshold else {
            return log(index, .exchangeLowScore)
        }
        var candidates = prune.candidates.filter { candidate in
            guard let id = try? PeerID(multihash: candidate.peer), id != peer else { return false }
            return numbers[id].flatMap { peers[$0]?.session } == nil
        }
        candidates.shuffle(using: &random)
        let taken = Array(candidates.prefix(configuration.exchangedPeers))
        if !taken.isEmpty { effects.append(.connect(taken, teller: peers[index]?.id)) }
    }

    /// What we say to a peer that leaves our mesh, or may not come into it.
    mutating func prune(
        _ topic: String, for index: PeerIndex, exchange: Bool, isLeaving: Bool
    ) -> GossipRPC.Prune {
        guard let session = peers[index]?.session, session.info.version == .gossip11 else {
            return GossipRPC.Prune(topic: topic)
        }
        let backoff = isLeaving ? configuration.unsubscribeBackoff : configuration.pruneBackoff
        // Rounded up: a peer that comes back too early is penalised.
        let (seconds, rest) = backoff.components
        let wait = UInt64(clamping: seconds) + (rest > 0 ? 1 : 0)
        var candidates: [GossipRPC.Candidate] = []
        // Only to peers of good standing, and only peers of good standing.
        if exchange, score(index) >= 0 {
            let good = subscribers(of: topic) { $0 != index && score($0) >= 0 }
            candidates = draw(configuration.exchangedPeers, from: good)
                .compactMap { other in
                    peers[other].map { GossipRPC.Candidate(peer: $0.id.bytes, record: $0.session?.record) }
                }
        }
        return GossipRPC.Prune(topic: topic, candidates: candidates, backoffSeconds: wait)
    }

    // MARK: Mesh and back-off

    mutating func addToMesh(_ index: PeerIndex, _ topic: String, now: Duration) {
        guard topics[topic]?.mesh?.insert(index) == true else { return }
        peers[index]?.counters.update(topic) { $0.enterMesh(now: now) }
    }

    mutating func removeFromMesh(_ index: PeerIndex, _ topic: String, backoff: Duration, now: Duration) {
        topics[topic]?.mesh?.remove(index)
        leaveCounters(index, topic)
        setBackoff(index, topic, backoff, now: now)
    }

    private mutating func setBackoff(_ index: PeerIndex, _ topic: String, _ time: Duration, now: Duration) {
        let known = peers[index]?.backoffs[topic] ?? now
        // Never shortens one.
        peers[index]?.backoffs[topic] = max(known, now + time)
    }

    /// What is added to a back-off before we graft again, so that the other side's has passed for certain.
    var backoffSlack: Duration { configuration.heartbeatInterval * 2 }

    /// Whether the peer may be taken into the mesh on our initiative.
    func canGraft(_ index: PeerIndex, _ topic: String, now: Duration) -> Bool {
        guard let peer = peers[index], peer.session?.hasMesh == true, !peer.isDirect else { return false }
        if let expiry = peer.backoffs[topic], expiry + backoffSlack >= now { return false }
        return score(index) >= 0
    }

    /// The peers of a topic that have a mesh and fulfil a condition.
    func subscribers(of topic: String, where condition: (PeerIndex) -> Bool) -> [PeerIndex] {
        topics[topic]?.subscribers.filter { peers[$0]?.session?.hasMesh == true && condition($0) } ?? []
    }

    /// Some of the peers, at random.
    mutating func draw(_ count: Int, from peers: [PeerIndex]) -> ArraySlice<PeerIndex> {
        guard count > 0 else { return [] }
        return peers.shuffled(using: &random).prefix(count)
    }

    // MARK: IDONTWANT

    private mutating func handleUnwanted(_ ids: [GossipMessageID], from index: PeerIndex) {
        let room = configuration.unwantedIDs - (peers[index]?.session?.unwanted.count ?? 0)
        let heartbeats = configuration.historyGossip
        for id in ids.prefix(max(room, 0)) { peers[index]?.session?.unwanted[id] = heartbeats }
    }
}
