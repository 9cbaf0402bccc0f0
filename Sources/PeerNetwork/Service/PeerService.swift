import Logging
import NIOCore
import Primitives

/// A node among its peers, whole: the host, gossip, discovery and defence driven together.
///
/// The parts are values without I/O; this actor gives them what happens and does what they ask for. What travels is
/// bytes: topics and protocols are named by whoever uses the service.
public actor PeerService {
    /// Judges a message of a topic before it is passed on; runs at any time, many at once.
    public typealias Validator = @Sendable (GossipDelivery) async -> GossipVerdict

    public nonisolated let host: PeerHost
    public nonisolated let configuration: PeerServiceConfiguration
    nonisolated let gate: PeerGate
    nonisolated let clock: PeerClock
    nonisolated let logger: Logger

    var router: GossipRouter
    var validators: [String: Validator] = [:]
    var gossipLinks: [PeerID: GossipLink] = [:]
    var book: AddressBook
    var scheduler: DialScheduler
    var kademlia: KademliaNode
    var exchange: PeerExchange
    var searches: [UInt64: CheckedContinuation<KademliaLookup.Outcome?, Never>] = [:]
    var multicast: MulticastDriver?
    /// Peers that a search connected to, and since when.
    var passing: [PeerID: Duration] = [:]
    /// Where connected peers connect from.
    var remotes: [PeerID: HostAddress] = [:]
    /// Peers that dialled us.
    var inbound: Set<PeerID> = []
    var linkNumber: UInt64 = 0
    var ownHosts: Set<String> = []
    var nextAddressLook: Duration = .zero
    var nextExpiry: Duration = .seconds(3_600)
    private var tasks: [Task<Void, Never>] = []
    private var isStopped = false

    /// - Parameter saved: what an earlier life left; parts that cannot be read are begun anew, and logged.
    /// - Throws: `GossipError` for parameters of gossip that do not fit together.
    public init(
        key: SecretKey, configuration: PeerServiceConfiguration, saved: SavedPeers = SavedPeers(), logger: Logger
    ) throws(GossipError) {
        var configuration = configuration
        if configuration.isLowBandwidth { configuration.slowDown() }
        configuration.kademlia.protocolID = configuration.kademliaProtocol
        configuration.gossip.directPeers.formUnion(configuration.configured.compactMap(\.peer))
        let clock = PeerClock()
        var ledger = Restored.ledger(saved.conduct, configuration.conduct, logger)
        ledger.exempt = configuration.gossip.directPeers
        var limits = ConnectionLimits(configuration: configuration.limits)
        limits.exemptPeers = configuration.gossip.directPeers
        let gate = PeerGate(limits: limits, ledger: ledger, clock: clock, logger: logger)
        host = PeerHost(key: key, configuration: configuration.host, gate: gate, logger: logger)
        router = try GossipRouter(
            peer: host.peer, configuration: configuration.gossip,
            random: GossipRandom(seed: Digest.blake2b256(SecureRandom.bytes(count: 32))))
        book = Restored.book(saved.book, logger)
        scheduler = DialScheduler(
            configuration: configuration.dialing, anchors: Restored.anchors(saved.anchors, logger))
        scheduler.isLowBandwidth = configuration.isLowBandwidth
        kademlia = KademliaNode(owner: host.peer, configuration: configuration.kademlia)
        var exchanges = configuration.exchange
        exchanges.sharesPrivate = configuration.sharesPrivateAddresses
        exchange = PeerExchange(configuration: exchanges)
        self.configuration = configuration
        self.gate = gate
        self.clock = clock
        self.logger = logger
    }

    // MARK: Life

    /// Listens, and begins to look for peers.
    /// - Throws: `WireError` where an address cannot be listened on; nothing is left running then.
    public func start() async throws(WireError) {
        do throws(WireError) {
            try handleProtocols()
            for address in configuration.listen { _ = try await host.listen(at: address) }
        } catch {
            await host.shutdown()
            throw error
        }
        if !configuration.advertised.isEmpty { host.advertise(configuration.advertised) }
        for address in configuration.configured {
            guard let peer = address.peer else { continue }
            _ = book.add(peer, address, source: .configured, teller: nil, now: clock.wallTime)
        }
        kademlia.ownAddresses = host.addresses
        let events = host.events()
        tasks.append(Task { [weak self] in for await event in events { await self?.took(event) } })
        tasks.append(Task { [weak self] in await self?.beat() })
        let evictions = gate.evictions
        tasks.append(
            Task { [weak self] in for await peer in evictions { await self?.cut(peer, "gives way to a newcomer") } })
        await startMulticast()
    }

    /// Says goodbye, closes everything, and answers what the next life wants to know.
    public func stop() async -> SavedPeers {
        isStopped = true
        for task in tasks { task.cancel() }
        let saved = saved()
        await multicast?.stop()
        await host.shutdown()
        for search in searches.values { search.resume(returning: nil) }
        searches = [:]
        for link in gossipLinks.values { link.wake.finish() }
        gossipLinks = [:]
        return saved
    }

    /// What the next life wants to know; to be written now and then.
    public func saved() -> SavedPeers {
        var saved = SavedPeers()
        saved.book = book.encoded()
        saved.conduct = gate.encodedLedger()
        saved.anchors = Restored.encode(scheduler.anchorsToKeep(now: clock.wallTime))
        return saved
    }

    private func handleProtocols() throws(WireError) {
        for version in GossipProtocol.allCases {
            try host.handle(version.rawValue, streamsPerPeer: 2) { [weak self] stream in
                await self?.listen(to: stream)
            }
        }
        if configuration.usesKademlia {
            try host.handle(configuration.kademliaProtocol, streamsPerPeer: 8) { [weak self] stream in
                await self?.serveKademlia(stream)
            }
        }
        if configuration.exchangesPeers {
            try host.handle(configuration.peersProtocol, streamsPerPeer: 1) { [weak self] stream in
                await self?.servePeers(stream)
            }
        }
    }

    // MARK: What happens

    private func beat() async {
        while !Task.isCancelled {
            tick()
            let interval = configuration.isLowBandwidth ? configuration.slowTickInterval : configuration.tickInterval
            try? await Task.sleep(for: interval)
        }
    }

    private func tick() {
        let now = clock.now
        perform(router.handle(.heartbeat, now: now))
        dial(scheduler.tick(book: &book, now: clock.wallTime, isBlocked: blockade()))
        if configuration.usesKademlia { perform(kademlia.tick(now: now)) }
        closePassing(now)
        lookAtOwnAddresses(now)
        gate.reconcile(connected: Set(host.connectedPeers), grace: configuration.passingConnection)
        if configuration.exchangesPeers, book.peerCount < 256 { askForPeers() }
        if now >= nextExpiry {
            book.expire(now: clock.wallTime)
            nextExpiry = now + .seconds(3_600)
        }
    }

    private func took(_ event: PeerEvent) {
        switch event {
        case .connected(let peer, let remote, let isInbound):
            remotes[peer] = HostAddress(remote)
            logger.debug("connected to \(peer.short), \(isInbound ? "inbound" : "outbound")")
            if isInbound {
                inbound.insert(peer)
                scheduler.inboundConnected(peer)
            }
        case .disconnected(let peer, let error): left(peer, error)
        case .identified(let peer, let identity): identified(peer, identity)
        case .listening(let address): logger.info("peers reach this node at \(address)/p2p/\(host.peer)")
        case .addressesChanged(let addresses):
            kademlia.ownAddresses = addresses
            multicast?.addressesChanged(addresses)
        case .refused(let address, let error): logger.debug("no connection with \(address): \(error)")
        }
    }

    private func left(_ peer: PeerID, _ error: WireError) {
        logger.debug("\(peer.short) is gone: \(error)")
        blame(peer, error)
        remotes[peer] = nil
        gate.disconnected(peer)
        inbound.remove(peer)
        passing[peer] = nil
        endGossip(with: peer)
        scheduler.disconnected(peer, now: clock.wallTime)
        exchange.failed(peer)
        dial(scheduler.tick(book: &book, now: clock.wallTime, isBlocked: blockade()))
    }

    /// A connection that ended for what the peer did is an offence of its own.
    private func blame(_ peer: PeerID, _ error: WireError) {
        let offence: Misconduct? =
            switch error.code {
            case .memory: .tooMuchMemory
            case .stalled: .slow
            case .malformed, .flowControl, .tooLong, .notAuthentic: .protocolViolation
            default: nil
            }
        if let offence { report(offence, by: peer, "\(error)") }
    }

    private func identified(_ peer: PeerID, _ identity: PeerIdentity) {
        let now = clock.now
        let remote = address(of: peer)
        for address in identity.addresses.prefix(8) { learn(peer, address, source: .identify, teller: remote) }
        if let record = identity.signedRecord { perform(router.handle(.record(peer, record.envelope), now: now)) }
        if configuration.usesKademlia, identity.protocols.contains(configuration.kademliaProtocol) {
            let contact = KademliaContact(id: peer, addresses: identity.addresses)
            perform(kademlia.peerServes(contact, host: remote, now: now))
        }
        let versions = GossipProtocol.allCases.filter { identity.protocols.contains($0.rawValue) }
        if !versions.isEmpty, gossipLinks[peer] == nil { beginGossip(with: peer, versions: versions) }
    }

    // MARK: Conduct

    /// Notes that a peer did what it should not; it may be cut off or banned for it.
    public func report(_ offence: Misconduct, by peer: PeerID, _ detail: String) {
        for effect in gate.record(offence, by: peer, host: address(of: peer), detail: detail) {
            switch effect {
            case .log(let peer, let offence, let detail):
                logger.notice("peer \(peer): \(offence.word): \(detail)")
            case .cut(let peer, let offence): cut(peer, offence.word)
            case .ban(let peer, let offence, let until):
                logger.warning(
                    "peer \(peer) is banned for \((until - clock.wallTime).components.seconds) s: \(offence.word)")
                kademlia.peerLeft(peer)
                book.forget(peer)
                cut(peer, "banned: \(offence.word)")
            case .closeRange(let range, _): logger.warning("many of \(range) are banned: it is closed for a while")
            }
        }
    }

    /// Notes that a peer brought something that others had not brought before.
    public func wasUseful(_ peer: PeerID) {
        gate.wasUseful(peer)
        scheduler.wasUseful(peer, now: clock.wallTime)
    }

    /// Lifts a ban by hand.
    public func pardon(_ peer: PeerID) { gate.pardon(peer) }

    func cut(_ peer: PeerID, _ reason: String) {
        Task { [host] in await host.disconnect(peer, reason: reason) }
    }

    /// The address that a peer's connection comes from.
    func address(of peer: PeerID) -> HostAddress? { remotes[peer] }
}
