import Federation
import Ledger
import Logging
import Market
import PluginHost
import Primitives
import Privacy
import TaskRunner
import Training

/// A data owner's site at work: opens what its policy file names, says what it has to say on the ledger, and serves
/// jobs.
public struct SiteRuntime: Sendable {
    public let account: AccountID
    private let agent: SiteAgent
    private let work: any RoundWork
    private let provider: ProviderAgent?

    /// - Parameters:
    ///   - service: a node, over whatever transport; nothing that it says is believed without proof.
    ///   - trainer: the trainer's program; the policy lists its digest.
    ///   - wrap: what stands in for honest work, in demonstrations of misbehaviour; the identity otherwise.
    public init(
        policy: SitePolicy, service: any NodeService, plugins: any PluginSource, trainer: String, logger: Logger,
        wrap: @Sendable (any RoundWork) -> any RoundWork = { $0 }
    ) async throws {
        let key = try SecretKey.load(from: policy.keyFile)
        let genesis = try Genesis.decode(try DurableFile.read(policy.genesisFile, limitBytes: 16 << 20))
        account = AccountID(key.publicKey)
        try DurableFile.makeFolder(policy.dataFolder, mode: 0o711)
        // Opened first: it is locked, so that a second process of the same site ends here.
        let log = try SpendingLog(path: "\(policy.dataFolder)/spending.journal")
        // A process that was killed in a task could not.
        let tasks = Self.taskFolder(policy, account)
        DurableFile.removeTree(tasks)
        let gateway = LightClient(
            service: service, genesis: genesis, account: account,
            acknowledgements: FederationEvent.acknowledgements,
            memory: try HeadMemory(path: "\(policy.dataFolder)/head.dagcbor", chain: genesis.chain))
        let sender = SignedSender(key: key, lane: 0, gateway: gateway, feeLimit: TransactionFees.agentLimit)
        let verifierID = policy.rules.verifiers.first ?? Self.defaultVerifier
        let setup = SiteSetup(
            policy: policy, key: key, state: gateway, sender: sender,
            verifiers: [try PluginReference(plugins.manifest(verifierID))])
        if try await setup.canPay() {
            try await setup.introduce(payer: nil)
        } else {
            logger.info("no tokens of its own: the first job that is accepted pays for registering data and verifiers")
        }
        let mechanism = policy.privacyPlugin
        var rules = policy.rules
        rules.held = try PluginReference(plugins.manifest(mechanism))
        // What the ledger keeps counts: a band that was changed in the file since is none that others would take.
        let registered = try await gateway.record(DatasetRecord.self, at: PrivacyPaths.dataset(setup.datasetID).bytes)
        let honest = SandboxedWork(
            settings: .init(
                trainer: trainer, data: policy.datasetPath, scratch: "\(tasks)/jobs",
                limits: policy.taskLimits),
            runner: TaskRunner(lane: try plugins.runtime(Self.defaultRuntime)),
            privacy: try plugins.privacy(mechanism), key: key.publicKey,
            band: registered.map { Int($0.sizeBand) } ?? policy.sizeBand)
        work = wrap(honest)
        provider = try Self.provider(policy, key, genesis, service, plugins, trainer: trainer, logger)
        var settings = SiteAgent.Settings()
        settings.commitStep = policy.commitStep
        agent = SiteAgent(
            gateway: gateway, sender: sender, policy: rules, work: work,
            audit: UpdateAuditor(verifier: try plugins.verifier(verifierID)),
            objects: try ObjectStore(folder: "\(policy.dataFolder)/objects"), log: log,
            dataset: setup.datasetID, logger: logger, introduction: setup, settings: settings)
    }

    /// Serves until the task is cancelled.
    public func run() async throws {
        do { try await serve() } catch {
            await work.stop()
            throw error
        }
        await work.stop()
    }

    private func serve() async throws {
        guard let provider else { return try await agent.run() }
        let agent = agent
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await agent.run() }
            group.addTask { try await provider.run() }
            try await group.next()
            group.cancelAll()
        }
    }

    /// What lends the machine, with a light client, a lane and a sandbox of its own: training never waits for it.
    private static func provider(
        _ policy: SitePolicy, _ key: SecretKey, _ genesis: Genesis, _ service: any NodeService,
        _ plugins: any PluginSource, trainer: String, _ logger: Logger
    ) throws -> ProviderAgent? {
        guard let offer = policy.compute else { return nil }
        let folder = "\(policy.dataFolder)/market"
        try DurableFile.makeFolder(folder, mode: 0o711)
        var limits = policy.taskLimits
        limits.memoryBytes = UInt64(offer.hardware.memoryMebibytes) << 20
        let gateway = LightClient(
            service: service, genesis: genesis, account: AccountID(key.publicKey), module: MarketPaths.module,
            memory: try HeadMemory(path: "\(folder)/head.dagcbor", chain: genesis.chain))
        return ProviderAgent(
            gateway: gateway,
            sender: SignedSender(key: key, lane: 1, gateway: gateway, feeLimit: TransactionFees.agentLimit),
            work: try PublicWork(
                program: trainer, scratch: "\(taskFolder(policy, AccountID(key.publicKey)))/market", limits: limits,
                runner: TaskRunner(lane: try plugins.runtime(defaultRuntime))),
            verifier: try plugins.verifier(defaultAnswerVerifier),
            offers: ProviderOffers(settings: offer, path: "\(folder)/offer.id"),
            answers: try ProviderAnswers(folder: "\(folder)/answers"), logger: logger)
    }

    /// The site's own below the policy's: it is emptied when the site starts, and others may share the one above.
    private static func taskFolder(_ policy: SitePolicy, _ account: AccountID) -> String {
        "\(policy.taskFolder)/\(account.text.suffix(16))"
    }

    private static let defaultVerifier = "org.vinculum.verify-spotcheck"
    /// What compares revealed results of the market with what an auditor has computed.
    private static let defaultAnswerVerifier = "org.vinculum.verify-benchmark"
    private static let defaultRuntime = "org.vinculum.runtime-process"
}
