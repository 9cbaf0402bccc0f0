import Ledger
import Logging
import PeerNetwork
import Primitives
import Storage
import Synchronization

/// The node among other nodes of its chain: it tells them new blocks and transactions, takes theirs, and catches up.
final class NodeNetwork: Sendable {
    let service: PeerService
    let names: ChainProtocol
    let chain: ChainAccess
    let sync: BlockSync
    let logger: Logger
    private let files: PeerFiles
    private let outbox: TransactionOutbox
    /// Nil where this node has no key that could be a validator's.
    private let lane: ConsensusLane?
    /// Nil where the operator keeps objects to this node.
    let exchange: ObjectExchange?
    private let tasks = TaskBag()
    private let requests: Mutex<RateLimiter>
    /// Transactions of gossip that were checked and went to the pool, by all their bytes.
    let taken = Mutex(RecentDigests(limit: 32_768))
    private let started = ContinuousClock.now

    /// How often what is known of peers is written, and a peer asked where it stands.
    private static let saveInterval: Duration = .seconds(300)
    private static let askInterval: Duration = .seconds(15)
    private static let slowAskInterval: Duration = .seconds(120)
    /// What one peer may ask: far above what a node can execute or store, so that only a flood meets it.
    private static let statusRate = TokenBucket.Rate(burst: 16, perSecond: 2)
    private static let blockRate = TokenBucket.Rate(burst: 256, perSecond: 128)
    private static let snapshotRate = TokenBucket.Rate(burst: 512, perSecond: 128)
    private static let objectRate = TokenBucket.Rate(burst: 1_024, perSecond: 512)

    /// - Throws: `GossipError`, `FileError` for a key that cannot be read or made.
    init(
        _ configuration: NetworkConfiguration, chain: ChainAccess, objects: ObjectStore, logger: Logger,
        consensus: ConsensusParty? = nil
    ) throws {
        self.chain = chain
        self.logger = logger
        names = ChainProtocol(chain: chain.genesis.chain)
        requests = Mutex(
            RateLimiter(
                standard: Self.statusRate,
                rates: [
                    names.blocks: Self.blockRate, names.objects: Self.objectRate, names.headers: Self.blockRate,
                    names.snapshots: Self.snapshotRate,
                ]))
        files = PeerFiles(folder: configuration.folder)
        let key = try files.key(configuration.keyFile)
        var settings = configuration.service(network: names.network)
        // Consensus, new blocks and transactions go before the past and before objects.
        settings.host.bulkProtocols = [names.blocks, names.objects]
        settings.gossip.topics = [
            names.blockTopic: GossipTopicSettings(priority: .blocks),
            names.transactionTopic: GossipTopicSettings(priority: .other),
        ]
        service = try PeerService(key: key, configuration: settings, saved: files.read(logger), logger: logger)
        sync = BlockSync(chain: chain, service: service, names: names, logger: logger)
        exchange =
            configuration.sharesObjects
            ? ObjectExchange(service: service, name: names.objects, store: objects, logger: logger) : nil
        outbox = TransactionOutbox(
            service: service, topic: names.transactionTopic, isLowBandwidth: configuration.isLowBandwidth,
            logger: logger)
        lane = consensus.map { [service, sync, names] party in
            ConsensusLane(
                chain: chain, key: party.key, outbox: party.outbox, service: service, name: names.consensus,
                logger: logger
            ) { peer in await Self.exchangeStatus(with: peer, service, chain, sync, names.status, logger) }
        }
    }

    /// Listens and takes part, until `stop`.
    /// - Throws: `WireError` where an address cannot be listened on.
    func start() async throws {
        try service.host.handle(names.status, streamsPerPeer: 2) { [weak self] in await self?.answerStatus($0) }
        try service.host.handle(names.blocks, streamsPerPeer: 4) { [weak self] in await self?.answerBlocks($0) }
        if let lane {
            try service.host.handle(names.consensus, streamsPerPeer: 2) { await lane.answer($0) }
            tasks.add { await lane.run() }
        }
        if let path = chain.databasePath {
            let server = SnapshotServer(path: path, genesis: chain.genesis, service: service)
            try service.host.handle(names.headers, streamsPerPeer: 2) { [weak self] stream in
                if await self?.mayAsk(stream) == true { await server.answerHeaders(stream) }
            }
            try service.host.handle(names.snapshots, streamsPerPeer: SnapshotServer.streamsPerPeer) {
                [weak self] stream in
                if await self?.mayAsk(stream) == true { await server.answer(stream) }
            }
        }
        if let exchange {
            try service.host.handle(names.objects, streamsPerPeer: 8) { [weak self] stream in
                if await self?.mayAsk(stream) == true { await exchange.answer(stream) }
            }
        }
        let events = service.host.events()
        try await service.start()
        try await service.join(names.blockTopic) { [weak self] in await self?.judgeBlock($0) ?? .ignore }
        try await service.join(names.transactionTopic) { [weak self] in await self?.judgeBatch($0) ?? .ignore }
        tasks.add { [weak self] in for await event in events { await self?.took(event) } }
        tasks.add { [sync] in await sync.run() }
        tasks.add { [weak self] in await self?.tellBlocks() }
        tasks.add { [weak self] in await self?.ask() }
        tasks.add { [weak self] in await self?.retell() }
        tasks.add { [weak self] in await self?.saveNowAndThen() }
    }

    func stop() async {
        tasks.cancel()
        files.write(await service.stop(), logger)
    }

    /// A transaction that this node has admitted, for the others.
    func tell(_ transaction: [UInt8]) async { await outbox.add(transaction) }

    // MARK: Where peers stand

    private func took(_ event: PeerEvent) async {
        switch event {
        case .identified(let peer, let identity) where identity.protocols.contains(names.status):
            if identity.protocols.contains(names.consensus) { lane?.connected(peer) }
            await exchangeStatus(with: peer)
            if let waiting = try? await chain.waiting(atMost: ChainProtocol.batchCount) {
                for transaction in waiting { await outbox.add(transaction) }
            }
        case .disconnected(let peer, _):
            lane?.disconnected(peer)
            await sync.left(peer)
        default: break
        }
    }

    private func exchangeStatus(with peer: PeerID) async {
        await Self.exchangeStatus(with: peer, service, chain, sync, names.status, logger)
    }

    private static func exchangeStatus(
        with peer: PeerID, _ service: PeerService, _ chain: ChainAccess, _ sync: BlockSync, _ name: String,
        _ logger: Logger
    ) async {
        do {
            let stream = try await service.host.openStream(to: peer, protocols: [name])
            let deadline = stream.reset(after: ChainProtocol.timeout)
            defer { deadline.cancel() }
            try await stream.writeMessage(try await chain.status().encoded())
            let answer = try await stream.readMessage(limit: ChainProtocol.requestByteLimit)
            stream.close()
            if let answer { await sync.heard(try ChainStatus.decode(answer), from: peer) }
        } catch let error as CBORError {
            await service.report(.protocolViolation, by: peer, "status: \(error)")
        } catch {
            logger.debug("\(peer.short) does not say where it stands: \(error)")
        }
    }

    /// Whether the peer may ask this now. Whoever asks too often is refused, and loses by it.
    private func mayAsk(_ stream: PeerStream) async -> Bool {
        let now = ContinuousClock.now - started
        let allowed = requests.withLock { $0.allows(stream.peer, protocol: stream.protocolID, now: now) }
        if !allowed {
            stream.reset("too many requests")
            await service.report(.tooManyRequests, by: stream.peer, stream.protocolID)
        }
        return allowed
    }

    private func answerStatus(_ stream: PeerStream) async {
        guard await mayAsk(stream) else { return }
        let deadline = stream.reset(after: ChainProtocol.timeout)
        defer { deadline.cancel() }
        do {
            guard let theirs = try await stream.readMessage(limit: ChainProtocol.requestByteLimit) else { return }
            await sync.heard(try ChainStatus.decode(theirs), from: stream.peer)
            try await stream.writeMessage(try await chain.status().encoded())
            stream.close()
        } catch let error as CBORError {
            await service.report(.protocolViolation, by: stream.peer, "status: \(error)")
            stream.reset("malformed")
        } catch { stream.reset("\(error)") }
    }

    private func ask() async {
        let interval = service.configuration.isLowBandwidth ? Self.slowAskInterval : Self.askInterval
        while !Task.isCancelled {
            try? await Task.sleep(for: interval)
            // A sleep that was cut short is the end: nothing is begun while the host closes.
            guard !Task.isCancelled, let peer = service.host.connectedPeers.randomElement() else { continue }
            await exchangeStatus(with: peer)
        }
    }

    // MARK: Giving blocks

    private func answerBlocks(_ stream: PeerStream) async {
        guard await mayAsk(stream) else { return }
        let deadline = stream.reset(after: ChainProtocol.timeout * 2)
        defer { deadline.cancel() }
        do {
            guard let bytes = try await stream.readMessage(limit: ChainProtocol.requestByteLimit) else { return }
            let request = try RangeRequest.decode(bytes)
            var height = request.first
            var left = min(request.count, ChainProtocol.blocksPerRequest)
            var sent = 0
            while left > 0, sent < ChainProtocol.bytesPerAnswer, height > 0 {
                // A few at a time: the kernel's thread has other things to do.
                let blocks = try await chain.blocks(from: height, count: min(left, 16), byteLimit: 1 << 20)
                if blocks.isEmpty { break }
                for block in blocks {
                    try await stream.writeMessage(block)
                    sent += block.count
                }
                height += UInt64(blocks.count)
                left -= UInt64(blocks.count)
            }
            stream.close()
        } catch let error as CBORError {
            await service.report(.protocolViolation, by: stream.peer, "blocks: \(error)")
            stream.reset("malformed")
        } catch LedgerArchiveError.storage(.pruned(_, _)) {
            // No block at all says that this node has none from there on: the peer asks another.
            stream.close()
        } catch { stream.reset("\(error)") }
    }

    // MARK: Life

    private func saveNowAndThen() async {
        while !Task.isCancelled {
            try? await Task.sleep(for: Self.saveInterval)
            if !Task.isCancelled { files.write(await service.saved(), logger) }
        }
    }
}
