/// A node of the Kademlia network: routing table, searches, providers and the schedule that keeps them fresh, as one
/// value that asks for what it needs. One owner at a time; time is monotonic and the caller's.
///
/// The driver opens a stream of `configuration.protocolID` for each `ask`, writes the message with its length in front
/// and reports the answer or the failure; `tick` comes when `nextTick` says.
public struct KademliaNode: Sendable {
    public struct Configuration: Hashable, Sendable {
        public var protocolID = KademliaMessage.protocolID
        public var table = RoutingTable.Configuration()
        public var lookup = KademliaLookup.Configuration()
        public var providers = ProviderStore.Configuration()
        public var requestTimeout: Duration = .seconds(10)
        public var lookupTimeout: Duration = .seconds(60)
        /// Buckets that no search touched for so long are searched again.
        public var refreshAfter: Duration = .seconds(600)
        /// Longer prefixes are not refreshed by a drawn key: one would be searched for too long. The search for our own
        /// key fills them.
        public var refreshedPrefixLimit = 12
        public var republishAfter: Duration = .seconds(22 * 3600)
        public var providedKeyLimit = 4_096
        public var lookupLimit = 16
        public var checkLimit = 8
        /// Requests that one peer may send.
        public var requestRate = TokenBucket.Rate(burst: 64, perSecond: 8)

        public init() {}
    }

    public enum Effect: Hashable, Sendable {
        /// Send the message and report `answered` or `failed` under this number.
        case ask(request: UInt64, KademliaContact, KademliaMessage, timeout: Duration)
        /// Send the message; no answer comes.
        case tell(KademliaContact, KademliaMessage)
        case finished(lookup: UInt64, KademliaLookup.Outcome)
        /// Peers that another one named: hearsay, for the address book.
        case learned([KademliaContact], from: PeerID)
    }

    enum Purpose: Sendable {
        case lookup(UInt64)
        case check
    }

    enum LookupUse: Hashable, Sendable {
        case asked
        case refresh
        case provide([UInt8])
    }

    struct Running: Sendable {
        var lookup: KademliaLookup
        let use: LookupUse
        let deadline: Duration
    }

    public var configuration: Configuration
    public internal(set) var table: RoutingTable
    public internal(set) var providers: ProviderStore
    public let owner: PeerID
    /// Where others reach this node, as announcements say it. The driver keeps it up to date.
    public var ownAddresses: [Multiaddr] = []
    var random: PeerRandom
    var requests: [UInt64: (peer: PeerID, purpose: Purpose)] = [:]
    var lookups: [UInt64: Running] = [:]
    var lastNumber: UInt64 = 0
    var schedule = KademliaSchedule()
    var limiter: KeyedRateLimiter<PeerID>

    private static let ratedPeers = 4_096

    public init(owner: PeerID, configuration: Configuration = Configuration(), random: PeerRandom = PeerRandom()) {
        self.owner = owner
        self.configuration = configuration
        self.random = random
        table = RoutingTable(owner: owner, configuration: configuration.table)
        providers = ProviderStore(owner: owner, configuration: configuration.providers)
        limiter = KeyedRateLimiter(configuration.requestRate, keyLimit: KademliaNode.ratedPeers)
    }

    /// Searches that are under way.
    public var runningLookups: Int { lookups.count }

    // MARK: Peers come and go

    /// A peer that we are connected to says in identify that it serves the protocol, or answered a request.
    public mutating func peerServes(
        _ contact: KademliaContact, host: HostAddress?, roundTrip: Duration? = nil, now: Duration
    ) -> [Effect] {
        let bounded = KademliaContact(
            id: contact.id, addresses: Array(contact.addresses.prefix(KademliaMessage.Limits.keptAddresses)))
        let wasEmpty = table.count == 0
        let insertion = table.observe(bounded, host: host, roundTrip: roundTrip, now: now)
        if wasEmpty, table.count > 0 { schedule.bootstrapAt = now }
        guard case .waits(let silent?) = insertion, checksUnderWay < configuration.checkLimit,
            !requests.values.contains(where: { $0.peer == silent.id })
        else { return [] }
        return [ask(silent, KademliaMessage(.findNode, key: owner.bytes), for: .check)]
    }

    /// A peer is banned, or says that it serves the protocol no longer.
    public mutating func peerLeft(_ peer: PeerID) { table.remove(peer) }

    // MARK: Searches

    /// Begins a search; nil when as many are under way as may be.
    public mutating func search(for goal: KademliaLookup.Goal, now: Duration) -> (lookup: UInt64, effects: [Effect])? {
        begin(goal, for: .asked, now: now)
    }

    /// Announces an object under a key, now and as often as needed from now on.
    /// - Returns: nil when as many keys are announced as may be.
    public mutating func provide(_ key: [UInt8], now: Duration) -> [Effect]? {
        guard !key.isEmpty, key.count <= KademliaMessage.Limits.key,
            schedule.republishAt[key] != nil || schedule.republishAt.count < configuration.providedKeyLimit
        else { return nil }
        schedule.republishAt[key] = now
        return tick(now: now)
    }

    public mutating func stopProviding(_ key: [UInt8]) { schedule.republishAt[key] = nil }

    /// A request was answered, from this host.
    public mutating func answered(
        _ request: UInt64, _ message: KademliaMessage, host: HostAddress?, roundTrip: Duration, now: Duration
    ) -> [Effect] {
        guard let (peer, purpose) = requests.removeValue(forKey: request) else { return [] }
        var effects: [Effect] = []
        let closer = message.closer.map(\.contact).filter { $0.id != owner }
        guard case .lookup(let number) = purpose, var running = lookups[number] else {
            table.succeeded(peer, roundTrip: roundTrip, now: now)
            return effects
        }
        let addresses = running.lookup.known[peer]?.contact.addresses ?? []
        let contact = KademliaContact(id: peer, addresses: addresses)
        effects += peerServes(contact, host: host, roundTrip: roundTrip, now: now)
        let bounded = Array(closer.prefix(configuration.lookup.k))
        if !bounded.isEmpty { effects.append(.learned(bounded, from: peer)) }
        let steps = running.lookup.answered(peer, closer: bounded, providers: message.providers.map(\.contact))
        lookups[number] = running
        return effects + carryOut(steps, of: number, now: now)
    }

    /// A request got no answer in its time, no connection, or an answer that is none.
    public mutating func failed(_ request: UInt64, now: Duration) -> [Effect] {
        guard let (peer, purpose) = requests.removeValue(forKey: request) else { return [] }
        table.failed(peer)
        guard case .lookup(let number) = purpose, var running = lookups[number] else { return [] }
        let steps = running.lookup.failed(peer)
        lookups[number] = running
        return carryOut(steps, of: number, now: now)
    }
}
