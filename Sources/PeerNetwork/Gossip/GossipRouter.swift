import Primitives

/// GossipSub 1.1: brings every message of a topic to all who are in the topic, through peers that may be lossy, lazy
/// or hostile. (libp2p/specs, pubsub/README.md and pubsub/gossipsub/gossipsub-v1.0.md, gossipsub-v1.1.md.)
///
/// **A value without I/O.** No socket, clock, task or random source is in it: the owner puts in what happens (`handle`,
/// `subscribe`, `publish`), with the time of a monotonic clock, and does what comes out (`GossipEffect`). Random
/// choices come from the seed, so that a run repeats. One owner, one thread at a time.
///
/// **How a message travels.** Each router keeps, for each topic that it is in, a *mesh*: some six neighbours (`degree`)
/// to which every new message goes at once, and from which it comes. Neighbours are made by GRAFT and unmade by PRUNE;
/// both ends agree, and after a PRUNE neither end tries again for a while (the back-off). Since a mesh may be cut,
/// there is *gossip* beside it: with every heartbeat, ids of recent messages go to some peers outside the mesh (IHAVE),
/// who ask for what they lack (IWANT). Own messages go to every peer of the topic (flood publish). Who publishes to a
/// topic without being in it keeps a few peers for it (the *fanout*). Where all peers are in the mesh, as in a small
/// network, gossip goes to mesh neighbours too: else a message lost on its way would stay lost.
///
/// **Nothing is passed on unjudged.** A message that is new comes out as `deliver`; the owner's validator answers with
/// `validated`. Only what is accepted goes on. An id, of the content or of author and sequence, tells new from known.
///
/// **Peers are judged by what they do** (`GossipScore`): points for time in the mesh and for bringing messages first;
/// loss for invalid messages, for delivering too little, for sitting with many others in one address range, and for
/// breaking the protocol. A negative score leaves the mesh; below thresholds a peer gets no gossip, no own messages,
/// and at last (graylist) is not heard at all and is cut. Bad scores outlive the connection. Neighbours are chosen part
/// by score and part at random, and some always among peers that we dialled, which attackers cannot arrange.
///
/// **Everything that a peer can make us keep or do has a bound** in `GossipConfiguration`: seen ids, messages to ask
/// for, messages that wait, topics, back-offs, announcements, answers, log lines.
///
/// **The heartbeat**, once a second, does the rest in this order: decays scores and counts broken promises, cuts the
/// graylisted, repairs each mesh, sends gossip, keeps the fanout, repeats announcements, and moves the history on.
///
/// The files: `+Peers` (who is there), `+Messages` (publishing, receiving, verdicts), `+Control` (what peers ask),
/// `+Gossip` (IHAVE, IWANT), `+Heartbeat` and `+Mesh` (the upkeep), `+Report` (what people see). A `GossipQueue` a peer
/// holds what `send` yields until the peer's stream takes it.
public struct GossipRouter: Sendable {
    public let peer: PeerID
    public let configuration: GossipConfiguration

    var random: GossipRandom
    var effects: [GossipEffect] = []

    // Peers by number, in order of arrival.
    var peers: [PeerIndex: GossipPeer] = [:]
    var numbers: [PeerID: PeerIndex] = [:]
    var connected = PeerSet()
    private var nextNumber = 0
    /// Connected peers of each address range.
    var ranges: [String: Int] = [:]

    var topics: [String: GossipTopic] = [:]
    /// The topics that we are in, sorted.
    var joined: [String] = []
    /// The topics that we have left, and the heartbeats since, to repeat it to those who did not hear.
    var left: [String: Int] = [:]

    var seen: GossipSeen
    var history: GossipHistory
    var promises = GossipPromises()
    var waiting: GossipWaiting
    var sequence: UInt64

    var heartbeats = 0
    var lastDecay: Duration?

    /// Throws `invalidParameter` with the parameter's name.
    public init(
        peer: PeerID, configuration: GossipConfiguration = GossipConfiguration(), random: GossipRandom
    ) throws(GossipError) {
        try configuration.validate()
        self.peer = peer
        self.configuration = configuration
        self.random = random
        seen = GossipSeen(configuration)
        history = GossipHistory(configuration)
        waiting = GossipWaiting(configuration)
        if case .strictSign(_, let first) = configuration.signing { sequence = first } else { sequence = 0 }
    }

    /// Takes what has happened, and answers with what is to be done, in this order. `now` never goes back.
    public mutating func handle(_ input: GossipInput, now: Duration) -> [GossipEffect] {
        switch input {
        case .connected(let info): connect(info)
        case .disconnected(let peer): disconnect(peer, now: now)
        case .received(let peer, let bytes): receive(bytes, from: peer, now: now)
        case .unsubscribe(let topic): leave(topic, now: now)
        case .validated(let id, let verdict): conclude(id, verdict, now: now)
        case .heartbeat: beat(now: now)
        case .applicationScore(let peer, let score): setApplicationScore(score, of: peer)
        case .record(let peer, let record): setRecord(record, of: peer)
        case .notSent(let send): remember(notSent: send)
        }
        return takeEffects()
    }

    mutating func takeEffects() -> [GossipEffect] {
        let taken = effects
        effects = []
        return taken
    }

    mutating func takeNumber() -> PeerIndex {
        nextNumber += 1
        return nextNumber
    }

    // MARK: What all parts use

    /// The score that decides, which for peers of the operator's choice is above any threshold.
    func score(_ index: PeerIndex) -> Double {
        guard let peer = peers[index] else { return 0 }
        return peer.isDirect ? .greatestFiniteMagnitude : parts(of: peer).total
    }

    func parts(of peer: GossipPeer) -> GossipScore {
        var surplus: [Int] = []
        for range in peer.session?.info.addressRanges ?? [] where ranges[range, default: 0] > colocationThreshold {
            guard !configuration.score.colocationWhitelist.contains(range) else { continue }
            surplus.append(ranges[range, default: 0] - colocationThreshold)
        }
        return GossipScore(peer.counters, rangeSurplus: surplus, configuration)
    }

    private var colocationThreshold: Int { configuration.score.colocationThreshold }

    /// P7 counts breaches of the protocol.
    mutating func penalise(_ index: PeerIndex, _ count: Int) { peers[index]?.counters.behaviour += Double(count) }

    mutating func send(_ rpc: GossipRPC, to index: PeerIndex, _ kind: GossipKind, _ priority: GossipPriority) {
        guard let peer = peers[index], peer.session != nil else { return }
        let (parts, tooLong) = rpc.split(atMost: configuration.limits.rpcByteCount)
        for part in parts {
            effects.append(.send(GossipSend(peer: peer.id, rpc: part, kind: kind, priority: priority)))
        }
        if !tooLong.isEmpty { log(index, .tooLong, "\(tooLong.count) parts") }
    }

    /// Each reason once for a peer, as long as the peer is remembered.
    mutating func log(_ index: PeerIndex, _ reason: GossipReason, _ detail: @autoclosure () -> String = "") {
        guard let peer = peers[index], let place = GossipReason.allCases.firstIndex(of: reason) else { return }
        let bit = UInt64(1) << UInt64(place)
        guard peer.logged & bit == 0 else { return }
        peers[index]?.logged |= bit
        effects.append(.log(GossipLog(peer: peer.id, reason: reason, detail: detail())))
    }
}
