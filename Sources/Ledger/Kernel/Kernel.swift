import Primitives

/// The node's heart: mempool, consensus engine, execution, decision, commit. A synchronous value with no actor, clock,
/// file or socket: `step` takes an event and answers effects. Node drives it from one thread, the simulator drives the
/// same type.
public struct Kernel {
    public struct Configuration {
        public var genesis: Genesis
        public var rules: Rules
        /// Versions of the rules that this binary executes.
        public var supportedRules: ClosedRange<UInt32> = 1...1
        /// Nil: the node follows, and does not propose.
        public var beaconSigner: (any BeaconSigner)?
        public var beaconVerifier: any BeaconVerifier
        public var mempoolLimits = Mempool.Limits()
        /// Milliseconds by which a proposed block's time may be ahead of this node's.
        public var clockDriftMilliseconds: UInt64 = 5_000

        public init(
            genesis: Genesis, rules: Rules, beaconSigner: (any BeaconSigner)?,
            beaconVerifier: any BeaconVerifier = VRFBeaconVerifier()
        ) {
            self.genesis = genesis
            self.rules = rules
            self.beaconSigner = beaconSigner
            self.beaconVerifier = beaconVerifier
        }
    }

    public let configuration: Configuration
    public let chain: CID
    public internal(set) var head: ChainHead
    public internal(set) var mempool: Mempool
    public internal(set) var history: TransactionHistory
    var state: LedgerState
    /// Nil until the host has made it: at first, and after the ledger has put another one in charge.
    var engine: (any ConsensusEngine)?
    /// What orders the next height.
    public internal(set) var engineInCharge: EngineActivation
    /// Blocks that may be decided, by header id.
    var candidates: [Digest: Candidate] = [:]
    /// Blocks that came with messages and were not executed yet.
    var attachments: [Digest: Block] = [:]
    /// The candidate whose changes are in the store, so that its root could be computed and a decision costs nothing
    /// more.
    var applied: (id: Digest, undo: StateUndo)?
    /// Decided, and on its way to the disk: the engine hears of it when it is durable.
    var persisting: CommittedBlock?
    /// Whether that block came with its certificate from another node, and not from this node's engine.
    var isPersistingByCertificate = false
    /// Why the kernel has stopped, if it has.
    private var failure: KernelError?

    /// Blocks that the kernel keeps for the engine at once.
    static let attachmentLimit = 64

    /// A kernel for a new chain: executes the genesis.
    public init(
        _ configuration: Configuration, engine: (any ConsensusEngine)?, store: any StateStore = MemoryStateStore()
    ) throws(KernelError) {
        let genesis = configuration.genesis
        let state: LedgerState
        do {
            state = try LedgerState.makeGenesis(genesis, rules: configuration.rules, store: store)
        } catch {
            throw KernelError(.invalidGenesis, "\(error)")
        }
        try self.init(
            configuration, engine: engine, state: state, head: ChainHead(genesis: genesis),
            history: TransactionHistory())
    }

    /// A kernel that goes on from a restored state.
    public init(
        _ configuration: Configuration, engine: (any ConsensusEngine)?, state: LedgerState, head: ChainHead,
        history: TransactionHistory
    ) throws(KernelError) {
        engineInCharge = try Kernel.engine(at: head.height + 1, in: state, configuration.genesis)
        self.configuration = configuration
        chain = configuration.genesis.chain
        self.engine = engine
        self.state = state
        self.head = head
        self.history = history
        mempool = Mempool(limits: configuration.mempoolLimits)
        try checkRules(at: head.height + 1)
    }

    private static func engine(
        at height: UInt64, in state: LedgerState, _ genesis: Genesis
    ) throws(KernelError) -> EngineActivation {
        do { return try state.engineSchedule().engine(at: height) ?? EngineActivation(genesis) } catch {
            throw KernelError(.corrupt, error.detail)
        }
    }

    /// What the ledger has decided to put in charge later.
    public mutating func plannedEngine() -> EngineActivation? {
        revertApplied()
        return try? state.engineSchedule().next(after: head.height + 1)
    }

    /// Whether the host is to make the engine in charge, and hand it over with an `engine` event.
    public var isWithoutEngine: Bool { engine == nil }

    func checkRules(at height: UInt64) throws(KernelError) {
        let version = configuration.genesis.rulesVersion(at: height)
        guard configuration.supportedRules.contains(version) else {
            throw KernelError(
                .unsupportedRules,
                "height \(height) is executed under version \(version) of the rules; this program has versions "
                    + "\(configuration.supportedRules.lowerBound) to "
                    + "\(configuration.supportedRules.upperBound): upgrade"
            )
        }
    }

    // MARK: The step

    /// Takes one event and answers effects. An engine's call that fails has no effect but `engineFailed`.
    ///
    /// Where the kernel cannot go on, the last effect is `stopped`: those before it hold, such as a block that is
    /// acknowledged. From then on nothing but `stopped` is answered.
    public mutating func step(_ event: KernelEvent) -> [KernelEffect] {
        if let failure { return [.stopped(failure)] }
        var effects: [KernelEffect] = []
        do throws(KernelError) {
            try take(event, &effects)
        } catch {
            failure = error
            effects.append(.stopped(error))
        }
        return effects
    }

    private mutating func take(_ event: KernelEvent, _ effects: inout [KernelEffect]) throws(KernelError) {
        let time = event.timeMilliseconds
        switch event {
        case .start(let seed, _): try start(seed, time, &effects)
        case .engine(let made, let seed, _):
            guard made.id == engineInCharge.engine else {
                throw KernelError(.outOfOrder, "\(made.id) came where \(engineInCharge.engine) is in charge")
            }
            engine = made
            try start(seed, time, &effects)
            // Those that wait were told to the engine before.
            if mempool.count > 0 { try tell(waitingEvent(), time, &effects) }
        case .transactions(let transactions, _):
            for transaction in transactions {
                do throws(Refusal) {
                    try admit(transaction)
                } catch {
                    effects.append(.rejected(id: transaction.id, error))
                }
            }
            try tell(waitingEvent(), time, &effects)
        case .timePassed: try tell(.timePassed, time, &effects)
        case .timer(let id, _): try tell(.timer(id: id), time, &effects)
        case .message(let sender, let message, _):
            // The block lives for this step; whoever is asked to validate it keeps it (EVT-2).
            let id = message.attachment?.header.id
            let isNew = id.map { attachments[$0] == nil && candidates[$0] == nil } ?? false
            if isNew, let id { attachments[id] = message.attachment }
            try tell(
                .message(sender: sender, attachment: id, votes: message.votes, payload: message.payload), time,
                &effects)
            if isNew, let id { attachments[id] = nil }
        case .finalBlock(let block, _): try follow(block, &effects)
        case .voteSigned(let vote, let signature, _): try tell(.voteSigned(vote, signature), time, &effects)
        case .voteUnavailable(let vote, _): try tell(.voteUnavailable(vote), time, &effects)
        case .persisted(let height, _): try persisted(height, time, &effects)
        }
    }

    private mutating func start(
        _ seed: Digest, _ time: UInt64, _ effects: inout [KernelEffect]
    ) throws(KernelError) {
        try tell(
            .start(
                .init(
                    height: head.height, chain: chain.digest, headerID: head.headerID, seed: seed,
                    ownKey: configuration.beaconSigner?.publicKey, parameters: engineInCharge.parameters,
                    validators: head.validators, blocks: (Array(candidates.keys) + attachments.keys).sorted(),
                    blockTimeMilliseconds: head.timeMilliseconds)), time, &effects)
    }

    private func waitingEvent() -> ConsensusEvent.Kind {
        .transactions(count: UInt64(mempool.count), byteCount: UInt64(mempool.byteCount))
    }

    /// The committed block is on disk: now it may be acknowledged, and the next height begins.
    private mutating func persisted(
        _ height: UInt64, _ time: UInt64, _ effects: inout [KernelEffect]
    ) throws(KernelError) {
        guard let block = persisting, block.header.height == height else {
            throw KernelError(.outOfOrder, "block \(height) was not waiting for the disk")
        }
        persisting = nil
        effects.append(.committed(block))
        try checkRules(at: height + 1)
        let inCharge = try Kernel.engine(at: height + 1, in: state, configuration.genesis)
        guard inCharge == engineInCharge else {
            // The height belongs to another one: what this one still wants is of no use to anybody.
            engineInCharge = inCharge
            engine = nil
            effects.append(.engineWanted(inCharge))
            return
        }
        try tell(
            .committed(
                height: height, headerID: block.headerID, blockTimeMilliseconds: block.header.timeMilliseconds,
                byCertificate: isPersistingByCertificate, waiting: UInt64(mempool.count),
                validators: block.newValidators), time, &effects)
    }

    // MARK: The engine

    /// Tells the engine, and does what it asks for, until it asks for no more.
    private mutating func tell(
        _ kind: ConsensusEvent.Kind, _ time: UInt64, _ effects: inout [KernelEffect]
    ) throws(KernelError) {
        var pending = [kind]
        var next = 0
        while next < pending.count {
            let answers: [ConsensusEffect]
            do throws(ConsensusFault) {
                // While the host makes one, blocks of others are followed, and transactions wait.
                answers = try engine?.step(ConsensusEvent(timeMilliseconds: time, pending[next])) ?? []
            } catch {
                effects.append(.engineFailed(error))
                return
            }
            next += 1
            // Persist and sync, then sign, then the rest (CON-3).
            for case .persist(let state, let blocks) in answers {
                effects.append(.persistEngine(state, blocks: blocks.compactMap(block)))
            }
            for case .signVote(let vote) in answers { effects.append(.sign(vote)) }
            for answer in answers { try perform(answer, time, &effects, &pending) }
        }
    }

    private mutating func perform(
        _ effect: ConsensusEffect, _ time: UInt64, _ effects: inout [KernelEffect],
        _ pending: inout [ConsensusEvent.Kind]
    ) throws(KernelError) {
        switch effect {
        case .persist, .signVote: break
        case .propose(let height, let round, let blockTime):
            let candidate = try propose(height: height, timeMilliseconds: blockTime, &effects)
            pending.append(
                .proposalBuilt(
                    height: height, round: round, headerID: candidate?.headerID,
                    transactions: UInt64(candidate?.transactions.count ?? 0)))
        case .validate(let height, let round, let headerID):
            let code = validate(headerID, height: height, timeMilliseconds: time)
            let blockTime = (candidates[headerID]?.header ?? attachments[headerID]?.header)?.timeMilliseconds ?? 0
            pending.append(
                .validated(
                    height: height, round: round, headerID: headerID, code: code, blockTimeMilliseconds: blockTime))
        case .decide(let height, let round, let headerID, let signatures):
            let certificate = Certificate(round: round, signatures: signatures)
            effects.append(.persist(try decide(height: height, headerID: headerID, certificate)))
        case .send(let recipient, let attachment, let votes, let payload, let priority):
            let message = ConsensusMessage(attachment: attachment.flatMap(block), votes: votes, payload: payload)
            effects.append(.send(recipient: recipient, message, priority))
        case .release(let id): release(id)
        case .setTimer(let id, let timerTime): effects.append(.setTimer(id: id, timeMilliseconds: timerTime))
        case .cancelTimer(let id): effects.append(.cancelTimer(id: id))
        case .evidence(let evidence):
            if evidence.isProven { effects.append(.evidence(evidence)) }
        }
    }

    private func block(_ id: Digest) -> Block? {
        if let candidate = candidates[id] {
            return Block(
                header: candidate.header, transactions: candidate.transactions.map(\.transaction.encoded))
        }
        return attachments[id]
    }

    /// Makes a block known that was persisted with the engine's state in an earlier life: before the first event.
    public mutating func keep(_ block: Block) {
        let id = block.header.id
        guard block.header.height > head.height, attachments[id] == nil, attachments.count < Kernel.attachmentLimit
        else { return }
        attachments[id] = block
    }

    private mutating func release(_ id: Digest) {
        if applied?.id == id { revertApplied() }
        candidates[id] = nil
        attachments[id] = nil
    }

    // MARK: Queries (the last committed state)

    /// The committed state; a candidate that is being voted on is taken out of it first.
    public mutating func committedState() -> LedgerState {
        revertApplied()
        return state
    }

    /// Proves what is, or is not, at `path` under the last certified header; nil before the first block.
    public mutating func prove(_ path: [UInt8]) -> CertifiedStateProof? {
        guard let certified = head.certified else { return nil }
        revertApplied()
        return CertifiedStateProof(certified: certified, proof: state.store.prove(path))
    }

    /// Proves all that is below `prefix`, or that nothing is, under the last certified header.
    public mutating func prove(prefix: [UInt8]) -> CertifiedStateProof? {
        guard let certified = head.certified else { return nil }
        revertApplied()
        return CertifiedStateProof(certified: certified, proof: state.store.prove(prefix: prefix))
    }

    /// The engine's state, for a swap of engines or a simulator.
    public func engineSnapshot() throws(ConsensusFault) -> [UInt8] { try engine?.snapshot() ?? [] }
}
