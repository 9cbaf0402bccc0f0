import Consensus
import Federation
import Ledger
import Logging
import Market
import PluginHost
import Primitives
import Privacy
import Reputation
import Staking
import Storage
import Tokens

/// A node at work: the kernel on its thread, the objects, the agents. Everything that reacts to blocks reads them from
/// the log, so that a node that was killed anywhere goes on where it was.
public final class NodeRuntime: Sendable {
    public let configuration: NodeConfiguration
    let genesisBytes: [UInt8]
    let chain: CID
    let kernel: SerialThread<KernelHost>
    let signal: CommitSignal
    let objects: ObjectStore
    let logger: Logger
    let started = ContinuousClock.now
    let validatorKey: PublicKey
    /// The account that jobs name to have this node aggregate for them.
    public let aggregator: AccountID?
    private let aggregatorKey: SecretKey?
    /// Judges the work of other validators; nil where this node has no say.
    private let appraiserKey: SecretKey?
    /// Nil for a node that stays by itself.
    let network: NodeNetwork?

    /// The modules of every chain that this program executes, in the order of their rules.
    public static var modules: [any LedgerModule] {
        [
            TokensModule(), ReputationModule(), StakingModule(), ConsensusModule(), PrivacyModule(), FederationModule(),
            MarketModule(),
        ]
    }

    /// Opens everything that the configuration names; what cannot be opened is thrown, and nothing is left running.
    public static func start(
        _ configuration: NodeConfiguration, plugins source: any PluginSource, logger: Logger
    ) async throws -> NodeRuntime {
        let genesisBytes = try DurableFile.read(configuration.genesisFile, limitBytes: 16 << 20)
        let genesis = try Genesis.decode(genesisBytes)
        let key = try SecretKey.load(from: configuration.keyFile)
        let aggregatorKey = try configuration.aggregatorKeyFile.map { try SecretKey.load(from: $0) }
        let networkConfiguration = try configuration.network()
        try configuration.checkAppraisals()
        let objects = try ObjectStore(
            folder: configuration.objectFolder, limitBytes: configuration.objectLimitBytes,
            storeLimitBytes: configuration.objectStoreLimitBytes)
        let signal = CommitSignal()
        let outbox = ConsensusOutbox()
        let isFounder = genesis.validators.power(of: key.publicKey) != nil
        try checkDurability(configuration, isValidator: isFounder)
        let votingKey = mayVote(configuration, genesis, isFounder: isFounder) ? key : nil
        let path = "\(configuration.dataFolder)/ledger.sqlite"
        try DurableFile.makeFolder(configuration.dataFolder)
        try await join(networkConfiguration, genesis: genesis, path: path, logger: logger)
        let engines = EngineRoom(source, chain: genesis)
        let kernel = try await SerialThread(name: "kernel") {
            let archive = try LedgerArchive.open(
                path: path, chain: genesis.chain, durability: configuration.durability == "normal" ? .normal : .full)
            archive.snapshotPolicy.blockCount = configuration.snapshotEveryBlocks
            let kernel = try Self.kernel(genesis, archive, nil, key: votingKey, configuration)
            let isElected = kernel.head.validators.power(of: key.publicKey) != nil
            try checkDurability(configuration, isValidator: isElected)
            var host = KernelHost(
                kernel: kernel, archive: archive, key: votingKey, signal: signal, logger: logger,
                keepBlocks: configuration.keepBlocks, checkpoint: networkConfiguration.checkpoint, outbox: outbox,
                engines: engines)
            try host.startWithEngine()
            return host
        }
        let network: NodeNetwork?
        do {
            network = try await startNetwork(
                networkConfiguration,
                ChainAccess(
                    kernel: kernel, signal: signal, genesis: genesis, ownKey: key.publicKey, databasePath: path),
                objects, logger, ConsensusParty(key: key, outbox: outbox))
        } catch {
            await kernel.stop()
            throw error
        }
        return NodeRuntime(
            configuration: configuration, genesisBytes: genesisBytes, chain: genesis.chain, kernel: kernel,
            signal: signal, objects: objects, logger: logger, validatorKey: key.publicKey,
            aggregatorKey: aggregatorKey, network: network,
            appraiserKey: configuration.appraises && genesis.sections[StakingPaths.module] != nil ? votingKey : nil)
    }

    static func startNetwork(
        _ configuration: NetworkConfiguration, _ chain: ChainAccess, _ objects: ObjectStore, _ logger: Logger,
        _ consensus: ConsensusParty? = nil
    ) async throws -> NodeNetwork? {
        guard configuration.isOn else { return nil }
        let network = try NodeNetwork(
            configuration, chain: chain, objects: objects, logger: logger, consensus: consensus)
        try await network.start()
        return network
    }

    /// Whether the node's key votes where the chain's validators include it. On a chain that elects them, or may change
    /// its engine, that may come at any height, unless the disk would forget what the key has signed.
    private static func mayVote(_ configuration: NodeConfiguration, _ genesis: Genesis, isFounder: Bool) -> Bool {
        let changes = genesis.sections[StakingPaths.module] != nil || genesis.sections[ConsensusPaths.module] != nil
        return isFounder || changes && configuration.durability != "normal"
    }

    /// A validator that forgets a block after a loss of power could sign another one of that height.
    static func checkDurability(_ configuration: NodeConfiguration, isValidator: Bool) throws(ConfigurationError) {
        guard isValidator, configuration.durability == "normal" else { return }
        let key = "ledger.durability"
        var (file, origin) = ("node.toml", String?.none)
        switch configuration.resolved.origins[key] {
        case .file(let path): file = path
        case .some(let other): origin = other.description
        case nil: break
        }
        let problem = ConfigurationError.Problem(
            key: key, origin: origin, reason: "is \"normal\", and this node is a validator of its chain",
            hint: "\"full\" keeps what a validator has signed")
        throw ConfigurationError(file: file, problems: [problem])
    }

    /// A kernel for a new chain, or one that goes on where the archive ends.
    static func kernel(
        _ genesis: Genesis, _ archive: LedgerArchive, _ engine: (any ConsensusEngine)?, key: SecretKey?,
        _ configuration: NodeConfiguration
    ) throws -> Kernel {
        let rules = Rules(modules)
        var settings = Kernel.Configuration(
            genesis: genesis, rules: rules, beaconSigner: key.map { VRFBeaconSigner($0) })
        settings.mempoolLimits.pendingPerAccount = configuration.mempoolPerAccount
        settings.mempoolLimits.byteCount = configuration.mempoolLimitBytes
        guard let restored = try archive.restore(genesis: genesis, rules: rules) else {
            var kernel = try Kernel(settings, engine: engine)
            // Later lives, and later programs, go on from this first state and execute no genesis.
            try archive.takeSnapshot(of: kernel.committedState().store, height: 0)
            return kernel
        }
        return try Kernel(
            settings, engine: engine, state: restored.state, head: restored.head, history: restored.history)
    }

    init(
        configuration: NodeConfiguration, genesisBytes: [UInt8], chain: CID, kernel: SerialThread<KernelHost>,
        signal: CommitSignal, objects: ObjectStore, logger: Logger,
        validatorKey: PublicKey, aggregatorKey: SecretKey?, network: NodeNetwork? = nil, appraiserKey: SecretKey? = nil
    ) {
        self.configuration = configuration
        self.genesisBytes = genesisBytes
        self.chain = chain
        self.kernel = kernel
        self.signal = signal
        self.objects = objects
        self.logger = logger
        self.validatorKey = validatorKey
        self.aggregatorKey = aggregatorKey
        self.network = network
        self.appraiserKey = appraiserKey
        aggregator = aggregatorKey.map { AccountID($0.publicKey) }
    }

    /// Runs the node's agents until the task is cancelled, then stops the kernel.
    public func run() async {
        await withTaskGroup(of: Void.self) { group in
            if let aggregatorKey {
                let sender = LocalSender(runtime: self, key: aggregatorKey)
                let gateway = LocalGateway(
                    runtime: self, openJobs: OpenJobs(runtime: self, aggregator: sender.account))
                let agent = AggregatorAgent(gateway: gateway, sender: sender, logger: logger)
                group.addTask { await agent.run() }
            }
            if let appraiserKey { group.addTask { await self.appraise(with: appraiserKey) } }
            if configuration.removesSettledObjects {
                let tidying = ObjectTidying(
                    source: LocalTidying(runtime: self), keepRounds: configuration.keptRounds, logger: logger)
                group.addTask { await tidying.run() }
            }
        }
        await network?.stop()
        await kernel.stop()
    }

    private func appraise(with key: SecretKey) async {
        let agent = AppraisalAgent(
            reader: LocalReader(runtime: self), sender: LocalSender(runtime: self, key: key), chain: chain,
            key: key.publicKey, file: "\(configuration.dataFolder)/appraisal.dagcbor",
            chosen: configuration.appraisals, logger: logger)
        await agent.run {
            let height = signal.height
            await signal.wait(above: height, atMost: .seconds(30))
            // Epochs are long: a block in ten seconds is looked at, and not each of a thousand.
            try await Task.sleep(for: .seconds(1))
        }
    }
}
