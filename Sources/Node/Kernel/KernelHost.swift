import Ledger
import Logging
import Primitives
import Storage

/// What the kernel's thread owns: the kernel, the disk, the key, the timers. Takes events, applies effects in the order
/// that the kernel gives them: synced, then signed, then told to others.
struct KernelHost: SerialThreadState {
    var kernel: Kernel
    let archive: LedgerArchive
    private let key: SecretKey?
    private let signal: CommitSignal
    let logger: Logger
    /// To and from other validators; nil for a node without a network.
    private let outbox: ConsensusOutbox?
    private let keepBlocks: UInt64
    /// The block that the operator trusts: a chain without it is not followed.
    private let checkpoint: Checkpoint?
    /// After a restore nothing is signed before a block that is later than this is final.
    private(set) var signingHold: UInt64?
    /// Milliseconds since 1970 at which an engine's timer is due.
    var timers: [UInt64: UInt64] = [:]
    /// A decided block that the disk did not take; nothing goes on before it is stored.
    private var stalled: CommittedBlock?
    private var retryAt: ContinuousClock.Instant?
    var revival: EngineRevival?
    /// Makes engines; nil where the kernel's engine stays for good.
    let engines: EngineRoom?
    /// The engine that was made last.
    var engineStatus: NodeStatus.PluginStatus?
    /// When the engine, whose process has ended, is started again.
    var reviveAt: ContinuousClock.Instant?
    private var clock: KernelClock
    /// Why transactions left the mempool without a block, newest last.
    private var refusals: [Digest: Refusal] = [:]
    private var refusalOrder: [Digest] = []
    /// Events that wait until the disk has taken the block before them.
    var waiting: [KernelEvent] = []
    /// The engine's newest state, where the disk did not take it: nothing is signed before it does.
    var unsavedEngineState: EngineState?
    /// Blocks that lie on disk with the engine's state.
    private var keptBlocks: Set<Digest> = []
    private var storeTrouble: String?
    private var voteTrouble: String?
    /// The engine's process has ended, and is not there again yet.
    var engineTrouble: String?
    private var fault: String?
    /// What is planned to take charge, and why this node could not make it.
    var planned: EngineActivation?
    var plannedTrouble: String?
    /// Why the last block of another node was not taken.
    private var refusedBlock: TrustError?
    /// The kernel has ended its work, and only a restart makes another one.
    private var isStopped = false
    /// What keeps the node from working, for its operator; nil when all is well.
    var trouble: String? {
        storeTrouble ?? voteTrouble ?? engineTrouble ?? fault ?? plannedTrouble ?? revival?.complaint()
    }
    private(set) var transactionCount: UInt64

    private static let refusalLimit = 10_000
    private static let blocksBetweenPrunings: UInt64 = 16
    private static let diskRetry: Duration = .seconds(1)

    /// - Parameters:
    ///   - keepBlocks: how many blocks are kept in full; 0 keeps all.
    ///   - revival: for an engine whose process may end without the node's.
    ///   - engines: for a kernel that has no engine yet, or may come to need another.
    ///   - outbox: takes what the engine sends to other validators.
    init(
        kernel: Kernel, archive: LedgerArchive, key: SecretKey?, signal: CommitSignal, logger: Logger,
        keepBlocks: UInt64 = 0, revival: EngineRevival? = nil, clock: KernelClock = KernelClock(),
        checkpoint: Checkpoint? = nil, outbox: ConsensusOutbox? = nil, engines: EngineRoom? = nil
    ) {
        self.engines = engines
        self.outbox = outbox
        self.clock = clock
        self.checkpoint = checkpoint
        self.keepBlocks = keepBlocks
        self.revival = revival
        self.kernel = kernel
        self.archive = archive
        self.key = key
        self.signal = signal
        self.logger = logger
        transactionCount = kernel.history.size
    }

    // MARK: Events

    /// The kernel has its engine.
    mutating func start() {
        goLive()
        handle(.start(seed: Self.freshSeed(), timeMilliseconds: now()))
    }

    /// Makes the engine that is in charge, and starts it.
    mutating func startWithEngine() throws {
        goLive()
        handle(try makeEngine())
        considerPlan()
    }

    private mutating func goLive() {
        signal.committed(kernel.head.height)
        tellValidators()
        signingHold = try? archive.database.signingHold()
        restoreBlocks()
    }

    static func freshSeed() -> Digest { Digest.blake2b256(SecureRandom.bytes(count: 32)) }

    private mutating func restoreBlocks() {
        do throws(StorageError) {
            for block in try EngineState.savedBlocks(archive) {
                keptBlocks.insert(block.header.id)
                kernel.keep(block)
            }
        } catch {
            // Other validators have them too.
            logger.warning("blocks of the engine's earlier life cannot be read: \(error)")
        }
    }

    /// - Throws: `unavailable` while a block waits for the disk, since a transaction that is taken now would wait
    ///   unseen, and after the kernel has stopped.
    mutating func admit(_ transactions: [VerifiedTransaction]) throws(ServiceError) {
        try checkDurable()
        guard !isStopped else {
            throw ServiceError(.unavailable, trouble ?? "the kernel stopped", hint: "see the log, and restart the node")
        }
        // What was refused before may be taken now.
        for transaction in transactions { forgetRefusal(of: transaction.id) }
        handle(.transactions(transactions, timeMilliseconds: now()))
    }

    /// Throws unless everything that the kernel has decided is on disk. What is not must not be shown: after a crash it
    /// would be gone.
    func checkDurable() throws(ServiceError) {
        guard stalled == nil else {
            throw ServiceError(.unavailable, trouble ?? "a block waits for the disk", hint: "free disk space")
        }
    }

    /// Takes a final block of another node; those that are here already are passed over.
    /// - Throws: `TrustError` for a block that does not hold, `ServiceError` while nothing can be stored.
    mutating func follow(_ block: ExportedBlock) throws {
        try checkDurable()
        guard !isStopped else { throw ServiceError(.unavailable, trouble ?? "the kernel stopped") }
        refusedBlock = nil
        try checkpoint?.check(block.certified.header)
        handle(.finalBlock(block, timeMilliseconds: now()))
        try checkDurable()
        if let refusedBlock { throw refusedBlock }
        if isStopped { throw ServiceError(.unavailable, trouble ?? "the kernel stopped") }
    }

    /// Takes a message of another validator, whose votes were checked. Dropped while nothing can be stored: whoever
    /// sent it sends again what it has no answer to.
    mutating func receive(_ message: ConsensusMessage, from sender: PublicKey) {
        guard stalled == nil else { return }
        handle(.message(sender: sender, message, timeMilliseconds: now()))
    }

    private func tellValidators() {
        outbox?.setValidators(Set(kernel.head.validators.validators.map(\.key)), height: kernel.head.height)
    }

    /// Why a transaction was not taken, if it was not.
    func refusal(of id: Digest) -> Refusal? { refusals[id] }

    mutating func handle(_ first: KernelEvent) {
        guard !isStopped else { return }
        waiting.append(first)
        goOn()
    }

    mutating func goOn() {
        while stalled == nil, !isStopped, !waiting.isEmpty {
            let effects = kernel.step(waiting.removeFirst())
            for (index, effect) in effects.enumerated() {
                apply(effect)
                // A vote that follows at once takes the engine's state along, in one sync.
                if case .persistEngine = effect {
                    if index + 1 < effects.count, case .sign = effects[index + 1] { continue }
                    saveEngine()
                }
            }
        }
    }

    private mutating func apply(_ effect: KernelEffect) {
        switch effect {
        case .persistEngine(let state, let blocks): persistEngine(state, blocks)
        case .persist(let block): store(block)
        case .sign(let vote): waiting.append(sign(vote))
        case .setTimer(let id, let time): timers[id] = time
        case .cancelTimer(let id): timers[id] = nil
        case .committed(let block): committed(block)
        // The same transaction again is not refused: it waits.
        case .rejected(let id, let refusal): if refusal.code != .duplicate { remember(refusal, of: id) }
        case .evidence(let evidence): report(evidence)
        case .engineWanted(let activation): changeEngine(to: activation)
        case .engineFailed(let fault):
            logger.error("\(fault)")
            guard revival?.isGone() == true else {
                self.fault = fault.description
                break
            }
            engineTrouble = fault.description
            if reviveAt == nil { reviveAt = .now }
        case .blockRefused(_, let error): refusedBlock = error
        case .stopped(let error):
            isStopped = true
            fault = "the kernel stopped: \(error)"
            logger.critical("the kernel stopped: \(error)")
        case .send(let recipient, let message, let priority):
            // Nothing leaves before what it depends on is written; the engine sends it again.
            if unsavedEngineState == nil { outbox?.send(message, to: recipient, priority) }
        }
    }

    // MARK: Disk

    private mutating func store(_ block: CommittedBlock) {
        do throws(LedgerArchiveError) {
            try archive.append(block)
            stalled = nil
            retryAt = nil
            storeTrouble = nil
            // Ahead of what has come in while the block waited.
            waiting.insert(.persisted(height: block.header.height, timeMilliseconds: now()), at: 0)
        } catch {
            // The block is decided and must not be lost or made twice: it waits here until the disk takes it.
            stalled = block
            retryAt = .now + Self.diskRetry
            let reason = "block \(block.header.height) cannot be stored: \(error)"
            if storeTrouble != reason { logger.error("\(reason)") }
            storeTrouble = reason
        }
    }

    /// The newest state of the engine is written with the vote that it belongs to, in one sync.
    private mutating func persistEngine(_ state: [UInt8], _ blocks: [Block]) {
        unsavedEngineState = EngineState(activation: kernel.engineInCharge, state: state, blocks: blocks)
    }

    /// Writes what the engine asked to keep before anything of the same step leaves the node.
    private mutating func saveEngine() {
        guard let state = unsavedEngineState else { return }
        do throws(StorageError) {
            try archive.database.write(state.records(kept: keptBlocks), in: EngineState.namespace)
            keptBlocks = state.ids
            unsavedEngineState = nil
        } catch {
            say("the engine's state cannot be stored: \(error)")
        }
    }

    /// Sends what proves a contradiction to the ledger, where it costs the offender's stake.
    private mutating func report(_ evidence: Evidence) {
        logger.error("validator \(evidence.offender) signed two votes at height \(evidence.first.height)")
        guard let key else { return }
        do {
            let transaction = try EvidenceReport.transaction(evidence, key: key, &kernel)
            waiting.append(.transactions([transaction], timeMilliseconds: now()))
        } catch {
            // The votes travel between validators: one that can report them will.
            logger.warning("not reported: \(error)", metadata: ["evidence": "\(Hex.encode(evidence.encoded()))"])
        }
    }

    private mutating func committed(_ block: CommittedBlock) {
        transactionCount = block.header.historySize
        liftSigningHold(block.header)
        tellValidators()
        signal.committed(block.header.height)
        considerPlan()
        takeSnapshotIfDue(block)
        pruneIfDue(block)
    }

    /// Heights after a block that was made after the restore are ones for which this key has signed nothing before.
    private mutating func liftSigningHold(_ header: Header) {
        guard let hold = signingHold, header.timeMilliseconds > hold else { return }
        do throws(StorageError) {
            try archive.database.liftSigningHold()
            signingHold = nil
            voteTrouble = nil
            logger.notice("block \(header.height) was made after the restore: this node votes again")
        } catch {
            say("votes are held back: \(error)")
        }
    }

    private mutating func pruneIfDue(_ block: CommittedBlock) {
        guard keepBlocks > 0, block.header.height.isMultiple(of: Self.blocksBetweenPrunings) else { return }
        do throws(LedgerArchiveError) {
            try archive.prune(keeping: keepBlocks, head: block.header.height)
        } catch {
            logger.warning("old blocks are not deleted: \(error)")
        }
    }

    private mutating func takeSnapshotIfDue(_ block: CommittedBlock) {
        // Asked first: to see the committed state, the next candidate is taken out of it, and put in again later.
        guard archive.mayWantSnapshot else { return }
        let state = kernel.committedState()
        guard archive.wantsSnapshot(stateByteCount: state.store.contentByteCount) else { return }
        do throws(LedgerArchiveError) {
            try archive.takeSnapshot(of: state.store, height: block.header.height)
        } catch {
            // The log alone is enough to restart from; the next block tries again.
            logger.warning("no snapshot at height \(block.header.height): \(error)")
        }
    }

    /// Asks the disk for leave before the signature exists.
    private mutating func sign(_ vote: Vote) -> KernelEvent {
        guard let key else { return .voteSigned(vote, nil, timeMilliseconds: now()) }
        let message = vote.message
        do throws(StorageError) {
            let records = unsavedEngineState?.records(kept: keptBlocks) ?? []
            try archive.database.grantVote(
                SignedVote(
                    height: vote.height, round: vote.round, step: UInt8(clamping: vote.step.rawValue),
                    digest: Digest.blake2b256(message).bytes), signer: key.publicKey.bytes,
                with: records, in: EngineState.namespace)
            if let saved = unsavedEngineState { keptBlocks = saved.ids }
            unsavedEngineState = nil
            voteTrouble = nil
            return .voteSigned(vote, key.sign(message), timeMilliseconds: now())
        } catch {
            say("no vote for height \(vote.height): \(error)")
            if case .wouldEquivocate = error { return .voteSigned(vote, nil, timeMilliseconds: now()) }
            return .voteUnavailable(vote, timeMilliseconds: now())
        }
    }

    /// What keeps the node from voting; logged once, because the engine asks again and again.
    private mutating func say(_ trouble: String) {
        if voteTrouble != trouble { logger.error("\(trouble)") }
        voteTrouble = trouble
    }

    private mutating func remember(_ refusal: Refusal, of id: Digest) {
        if refusals.updateValue(refusal, forKey: id) == nil { refusalOrder.append(id) }
        if refusalOrder.count > Self.refusalLimit { refusals[refusalOrder.removeFirst()] = nil }
    }

    private mutating func forgetRefusal(of id: Digest) {
        if refusals.removeValue(forKey: id) != nil { refusalOrder.removeAll { $0 == id } }
    }

    // MARK: Queries

    mutating func prove(_ path: [UInt8]) -> CertifiedStateProof? { kernel.prove(path) }
    mutating func prove(prefix: [UInt8]) -> CertifiedStateProof? { kernel.prove(prefix: prefix) }
    mutating func state() -> LedgerState { kernel.committedState() }

    // MARK: Time

    mutating func now() -> UInt64 { clock.now() }

    var nextDeadline: ContinuousClock.Instant? {
        // Timers that are due wait for the disk too.
        if stalled != nil { return retryAt }
        if isStopped { return nil }
        if revival?.mayHaveWake() == true { return .now }
        let timer = timers.values.min().map { ContinuousClock.now + clock.duration(until: $0) }
        return [timer, retryAt, reviveAt].compactMap { $0 }.min()
    }

    /// An engine with threads of its own wants to be heard.
    var watchedDescriptor: Int32? { stalled != nil || isStopped ? nil : revival?.attentionDescriptor() }

    mutating func settle() {
        if let block = stalled, let retryAt, .now >= retryAt {
            store(block)
            goOn()
        }
        guard stalled == nil, !isStopped else { return }
        reviveEngine()
        let time = now()
        let due = timers.filter { $0.value <= time }.sorted { ($0.value, $0.key) < ($1.value, $1.key) }
        for (id, _) in due where timers.removeValue(forKey: id) != nil {
            handle(.timer(id: id, timeMilliseconds: time))
        }
        // As often as the engine asks: each step may be answered by another wake, which the next round takes.
        if stalled == nil, !isStopped, revival?.takeWake() == true { handle(.timePassed(timeMilliseconds: now())) }
    }
}
