/// The upkeep of a topic's mesh (gossipsub 1.1, "Adaptive Gossip Dissemination", "Outbound Mesh Quotas", "Opportunistic
/// Grafting" and the heartbeat of 1.0).
extension GossipRouter {
    mutating func maintainMesh(_ topic: String, _ plan: inout GossipMeshPlan, now: Duration) {
        for index in topics[topic]?.mesh ?? PeerSet() where score(index) < 0 {
            log(index, .prunedLowScore, topic)
            plan.disgraced.insert(index)
            takeOut(index, topic, &plan, now: now)
        }
        let count = topics[topic]?.mesh?.count ?? 0
        if count < configuration.lowDegree {
            takeIn(configuration.degree - count, from: outsiders(topic, now: now), topic, &plan, now: now)
        } else if count > configuration.highDegree {
            shrink(topic, &plan, now: now)
        }
        keepOutbound(topic, &plan, now: now)
        if heartbeats % configuration.opportunisticGraftHeartbeats == 0 { improve(topic, &plan, now: now) }
    }

    private mutating func takeOut(_ index: PeerIndex, _ topic: String, _ plan: inout GossipMeshPlan, now: Duration) {
        removeFromMesh(index, topic, backoff: configuration.pruneBackoff, now: now)
        plan.prunes[index, default: []].append(topic)
    }

    private mutating func takeIn(
        _ count: Int, from eligible: [PeerIndex], _ topic: String, _ plan: inout GossipMeshPlan, now: Duration
    ) {
        for index in draw(count, from: eligible) {
            addToMesh(index, topic, now: now)
            plan.grafts[index, default: []].append(topic)
        }
    }

    /// Those who may be grafted.
    private func outsiders(_ topic: String, now: Duration) -> [PeerIndex] {
        let mesh = topics[topic]?.mesh ?? PeerSet()
        return subscribers(of: topic) { !mesh.contains($0) && canGraft($0, topic, now: now) }
    }

    private func isOutbound(_ index: PeerIndex) -> Bool { peers[index]?.session?.isOutbound == true }

    /// Down to D: the best by score stay, others by chance, and D_out of them outbound. Chance keeps the mesh open to
    /// newcomers; scores and outbound peers keep attackers from taking all of it.
    private mutating func shrink(_ topic: String, _ plan: inout GossipMeshPlan, now: Duration) {
        var order = topics[topic]?.mesh?.members ?? []
        order.shuffle(using: &random)
        let scores = Dictionary(uniqueKeysWithValues: order.map { ($0, score($0)) })
        order.sort { scores[$0, default: 0] > scores[$1, default: 0] }
        let degree = min(configuration.degree, order.count)
        order[min(configuration.scoreDegree, degree)...].shuffle(using: &random)
        let kept = order.prefix(degree)
        let missing = configuration.outboundDegree - kept.count(where: isOutbound)
        if missing > 0 {
            // Outbound peers from outside of the selection replace the last of it that are not outbound.
            let extra = order.dropFirst(degree).filter(isOutbound).prefix(missing)
            let replaced = Set(kept.reversed().filter { !isOutbound($0) }.prefix(extra.count))
            order =
                kept.filter { !replaced.contains($0) } + extra + order.filter { replaced.contains($0) }
                + order.dropFirst(degree).filter { !extra.contains($0) }
        }
        for index in order.dropFirst(degree) { takeOut(index, topic, &plan, now: now) }
    }

    private mutating func keepOutbound(_ topic: String, _ plan: inout GossipMeshPlan, now: Duration) {
        guard let mesh = topics[topic]?.mesh, mesh.count >= configuration.lowDegree else { return }
        let missing = configuration.outboundDegree - mesh.members.count(where: isOutbound)
        guard missing > 0 else { return }
        takeIn(missing, from: outsiders(topic, now: now).filter(isOutbound), topic, &plan, now: now)
    }

    /// A mesh of poor peers takes in some that are better than its median.
    private mutating func improve(_ topic: String, _ plan: inout GossipMeshPlan, now: Duration) {
        let scores = (topics[topic]?.mesh?.members ?? []).map { score($0) }.sorted()
        guard scores.count > 1 else { return }
        let median = scores[scores.count / 2]
        guard median < configuration.score.opportunisticGraftThreshold else { return }
        let better = outsiders(topic, now: now).filter { score($0) > median }
        takeIn(configuration.opportunisticGraftPeers, from: better, topic, &plan, now: now)
    }

    /// One RPC a peer, with what was lost before and still holds.
    mutating func carryOut(_ plan: inout GossipMeshPlan) {
        for index in connected { addLost(index, &plan) }
        for index in Set(plan.grafts.keys).union(plan.prunes.keys).sorted() {
            var rpc = GossipRPC()
            rpc.grafts = plan.grafts[index] ?? []
            for topic in plan.prunes[index] ?? [] {
                let exchange = configuration.exchangesPeers && !plan.disgraced.contains(index)
                rpc.prunes.append(prune(topic, for: index, exchange: exchange, isLeaving: false))
            }
            let named = rpc.grafts + rpc.prunes.map { $0.topic }
            let priority = named.map { configuration.settings($0).priority }.max() ?? .other
            send(rpc, to: index, .control, priority)
        }
    }

    private mutating func addLost(_ index: PeerIndex, _ plan: inout GossipMeshPlan) {
        guard let session = peers[index]?.session, !(session.lostGrafts.isEmpty && session.lostPrunes.isEmpty) else {
            return
        }
        peers[index]?.session?.lostGrafts = []
        peers[index]?.session?.lostPrunes = []
        for topic in session.lostGrafts.sorted()
        where topics[topic]?.mesh?.contains(index) == true && plan.grafts[index]?.contains(topic) != true {
            plan.grafts[index, default: []].append(topic)
        }
        for topic in session.lostPrunes.sorted()
        where topics[topic]?.mesh?.contains(index) != true && plan.prunes[index]?.contains(topic) != true {
            plan.prunes[index, default: []].append(topic)
        }
    }
}
