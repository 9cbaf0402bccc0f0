/// One search for the peers nearest to a key, as a state machine: the caller asks whom `Effect.ask` names and reports
/// what came of it.
///
/// Paths are disjoint against routers that lie (Baumgart, Mies 2007, "S/Kademlia"): `disjointPaths` times `alpha` paths
/// run side by side, each with one request under way, its own candidates and its own seeds; no peer is asked by two. A
/// peer that lies spoils the path that asked it and no other. A path ends when the `beta` nearest of its candidates
/// have answered; then the paths are joined and the nearest `k` of all are asked, so that the answer is complete.
/// Whatever one peer names is bounded in number and by address range. One owner at a time.
public struct KademliaLookup: Sendable {
    public struct Configuration: Hashable, Sendable {
        public var k = 20
        public var alpha = 3
        public var beta = 3
        public var disjointPaths = 2
        /// Requests of the whole search; half of them are for the paths, the rest for the joined end.
        public var requestLimit = 120
        /// Peers that one path keeps in mind.
        public var candidatesPerPath = 64
        /// Peers of one address range in one answer, and in the result.
        public var peersPerRange = 3
        public var ranges = RangeRules()
        public var providerLimit = 64
        public var providersPerAnswer = 8

        public init() {}
    }

    public enum Goal: Hashable, Sendable {
        /// Ends as soon as the peer itself has answered.
        case peer(PeerID)
        /// The peers nearest to a key.
        case closest([UInt8])
        /// Ends as soon as so many providers were named.
        case providers([UInt8], enough: Int)

        var key: [UInt8] {
            switch self {
            case .peer(let peer): peer.bytes
            case .closest(let key), .providers(let key, _): key
            }
        }
    }

    public enum Effect: Hashable, Sendable {
        case ask(KademliaContact)
        case finished(Outcome)
    }

    public enum End: String, Hashable, Sendable {
        case found, complete, requestLimit, expired, noSeeds
    }

    public struct Outcome: Hashable, Sendable {
        public let end: End
        /// The peer sought, once it answered itself.
        public let target: KademliaContact?
        /// Peers that answered, nearest first, `k` at most.
        public let closest: [KademliaContact]
        public let providers: [KademliaContact]
        public let requests: Int
        public let failures: Int
    }

    public let goal: Goal
    public let target: KademliaKey
    let configuration: Configuration
    let owner: PeerID
    var known: [PeerID: LookupPeer] = [:]
    var paths: [LookupPath]
    var isJoined = false
    var underWay = 0
    var requests = 0
    var failures = 0
    var providers: [KademliaContact] = []
    public private(set) var outcome: Outcome?

    /// - Parameter seeds: members of the routing table near the key, the most promising first.
    public init(goal: Goal, owner: PeerID, seeds: [KademliaContact], configuration: Configuration = Configuration()) {
        self.goal = goal
        self.owner = owner
        self.configuration = configuration
        target = KademliaKey(hashing: goal.key)
        let width = max(1, configuration.disjointPaths) * max(1, configuration.alpha)
        paths = Array(repeating: LookupPath(), count: width)
        for (index, seed) in seeds.prefix(max(configuration.k, width)).enumerated() {
            learn(seed, on: index % width)
        }
    }

    /// Begins the search. Call once.
    public mutating func start() -> [Effect] { known.isEmpty ? finish(.noSeeds) : advance() }

    /// A peer answered: with peers nearer to the key, and with providers where those were asked for.
    public mutating func answered(
        _ peer: PeerID, closer: [KademliaContact], providers named: [KademliaContact] = []
    ) -> [Effect] {
        guard outcome == nil, case .asked(let path) = known[peer]?.state else { return [] }
        known[peer]?.state = .answered
        underWay -= 1
        if let path { paths[path].isBusy = false }
        if case .peer(peer) = goal { return finish(.found) }
        take(named)
        if case .providers(_, let enough) = goal, providers.count >= enough { return finish(.found) }
        for contact in diverse(closer.prefix(KademliaMessage.Limits.peers), limit: configuration.k) {
            // Joined paths stay apart in what they have learnt, so that a late liar fills one list of candidates.
            learn(contact, on: path ?? known[peer]?.path ?? 0)
        }
        return advance()
    }

    /// A peer did not answer in time, could not be reached or broke the protocol.
    public mutating func failed(_ peer: PeerID) -> [Effect] {
        guard outcome == nil, case .asked(let path) = known[peer]?.state else { return [] }
        known[peer]?.state = .failed
        underWay -= 1
        failures += 1
        if let path { paths[path].isBusy = false }
        return advance()
    }

    /// The time for the search is over: what was found so far is the result.
    public mutating func expire() -> [Effect] { outcome == nil ? finish(.expired) : [] }

    // MARK: Whom to ask

    private mutating func advance() -> [Effect] {
        var effects: [Effect] = []
        if !isJoined {
            let share = max(configuration.beta, configuration.requestLimit / 2 / paths.count)
            for index in paths.indices where !paths[index].isBusy && paths[index].requests < share {
                guard let next = nextOnPath(index) else { continue }
                paths[index].isBusy = true
                paths[index].requests += 1
                effects.append(ask(next, path: index))
            }
            isJoined = underWay == 0
        }
        guard isJoined else { return effects }
        let wanted = joined()
        for peer in wanted where underWay < paths.count && requests < configuration.requestLimit {
            if case .unasked = known[peer]?.state { effects.append(ask(peer, path: nil)) }
        }
        if underWay > 0 { return effects }
        return finish(requests < configuration.requestLimit ? .complete : .requestLimit)
    }

    private mutating func ask(_ peer: PeerID, path: Int?) -> Effect {
        known[peer]?.state = .asked(path: path)
        known[peer]?.attempts += 1
        if let path { known[peer]?.path = path }
        underWay += 1
        requests += 1
        return .ask(known[peer]?.contact ?? KademliaContact(id: peer))
    }

    /// The nearest of a path's candidates that nobody has asked, if it is among the `beta` nearest that may answer.
    private func nextOnPath(_ index: Int) -> PeerID? {
        var rank = 0
        for candidate in paths[index].candidates {
            guard let peer = known[candidate.peer], peer.state != .failed else { continue }
            if peer.state == .unasked { return candidate.peer }
            rank += 1
            if rank >= configuration.beta { return nil }
        }
        return nil
    }

    /// The nearest `k` of all paths that have not failed, few of a range.
    private func joined() -> [PeerID] {
        let alive = known.values.filter { $0.state != .failed }.sorted { $0.distance < $1.distance }
        return diverse(alive.map(\.contact), limit: configuration.k).map(\.id)
    }

    private mutating func finish(_ end: End) -> [Effect] {
        let answered = known.values.filter { $0.state == .answered }.sorted { $0.distance < $1.distance }
        var found: KademliaContact?
        if case .peer(let peer) = goal { found = answered.first { $0.contact.id == peer }?.contact }
        let outcome = Outcome(
            end: end, target: found, closest: diverse(answered.map(\.contact), limit: configuration.k),
            providers: providers, requests: requests, failures: failures)
        self.outcome = outcome
        return [.finished(outcome)]
    }
}
