import Primitives

/// The upkeep, once every `heartbeatInterval`.
extension GossipRouter {
    /// Decays that are made up for at one heartbeat, after a pause of the owner.
    private static let decayLimit = 600

    mutating func beat(now: Duration) {
        heartbeats &+= 1
        decay(now: now)
        for (index, count) in promises.broken(now: now) {
            penalise(index, count)
            log(index, .brokenPromise)
        }
        expireWaiting(now: now)
        seen.expire(now: now)
        forgetExpired(now: now)
        cutGraylisted()
        resetCounts(now: now)
        var plan = GossipMeshPlan()
        for topic in joined {
            maintainMesh(topic, &plan, now: now)
            emitGossip(topic, besides: topics[topic]?.mesh ?? PeerSet())
        }
        maintainFanout(now: now)
        carryOut(&plan)
        repeatAnnouncements()
        if heartbeats % configuration.directConnectHeartbeats == 1 || configuration.directConnectHeartbeats == 1 {
            connectDirectPeers()
        }
        history.shift()
    }

    private mutating func decay(now: Duration) {
        let interval = configuration.score.decayInterval
        guard let last = lastDecay else { return lastDecay = now }
        var due = 0
        while last + interval * (due + 1) <= now, due < GossipRouter.decayLimit { due += 1 }
        guard due > 0 else { return }
        lastDecay = due == GossipRouter.decayLimit ? now : last + interval * due
        for index in connected {
            for _ in 0..<due { peers[index]?.counters.decay(configuration, now: now) }
        }
    }

    private mutating func cutGraylisted() {
        for index in connected {
            guard let peer = peers[index], peer.session?.isCut == false,
                score(index) < configuration.score.graylistThreshold
            else { continue }
            peers[index]?.session?.isCut = true
            log(index, .graylisted)
            effects.append(.cut(peer.id, .graylisted))
        }
    }

    /// What counts from one heartbeat to the next.
    private mutating func resetCounts(now: Duration) {
        for index in connected {
            guard var peer = peers[index], var session = peer.session else { continue }
            session.haveMessages = 0
            session.askedIDs = 0
            session.wantedIDs = 0
            session.wantedBytes = 0
            if !session.unwanted.isEmpty {
                session.unwanted = session.unwanted.compactMapValues { $0 > 1 ? $0 - 1 : nil }
            }
            if !peer.backoffs.isEmpty {
                let slack = backoffSlack
                peer.backoffs = peer.backoffs.filter { $0.value + slack >= now }
            }
            peer.session = session
            peers[index] = peer
        }
    }

    // MARK: Announcements

    /// A peer that missed what we are in would send us nothing: it is said again, ever more rarely, for a while.
    private mutating func repeatAnnouncements() {
        let last = configuration.announcementRepeats > 0 ? 1 << (configuration.announcementRepeats - 1) : 0
        for index in connected {
            guard let age = peers[index]?.session?.announcementAge, age < last else { continue }
            peers[index]?.session?.announcementAge = age + 1
            // 1, 2, 4, 8 …
            if (age + 1) & age == 0 { announce(to: index) }
        }
        left = left.compactMapValues { $0 < last ? $0 + 1 : nil }
    }

    /// A queue was full. What is still true is said again at the next heartbeat; messages and gossip are not, since
    /// gossip makes up for them.
    mutating func remember(notSent send: GossipSend) {
        guard let index = numbers[send.peer], peers[index]?.session != nil else { return }
        for topic in send.rpc.grafts where topics[topic]?.mesh != nil {
            peers[index]?.session?.lostGrafts.insert(topic)
        }
        for prune in send.rpc.prunes where peers[index]?.session?.lostPrunes.count ?? 0 < configuration.topicCount {
            peers[index]?.session?.lostPrunes.insert(prune.topic)
        }
        if !send.rpc.subscriptions.isEmpty { peers[index]?.session?.announcementAge = 0 }
    }

    private mutating func connectDirectPeers() {
        let missing = configuration.directPeers.filter { numbers[$0].flatMap { peers[$0]?.session } == nil }
        guard !missing.isEmpty else { return }
        effects.append(
            .connect(missing.sorted().map { GossipRPC.Candidate(peer: $0.bytes, record: nil) }, teller: nil))
    }
}

/// GRAFTs and PRUNEs of one heartbeat, so that each peer gets one RPC with all of its own.
struct GossipMeshPlan {
    var grafts: [PeerIndex: [String]] = [:]
    var prunes: [PeerIndex: [String]] = [:]
    /// Pruned for their score, and told no other peers.
    var disgraced: Set<PeerIndex> = []
}
