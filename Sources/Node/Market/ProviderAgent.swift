import Ledger
import Logging
import Market
import PluginHost
import Primitives

/// Lends this machine: keeps an offer on the ledger, computes what is assigned to it, and judges when it is drawn.
///
/// What to do next is read from the ledger each time. A result and its salt are on disk before the commitment leaves,
/// so a process that dies goes on where it was.
public actor ProviderAgent {
    private let gateway: LightClient
    private let sender: SignedSender
    private let work: PublicWork
    private let verifier: PluginLane<VerifierInstance>
    private let offers: ProviderOffers
    private let answers: ProviderAnswers
    private let logger: Logger
    /// Troubles of tasks: when to try again, and what was said.
    private var troubles = RetryBook<Digest>()

    /// - Parameter verifier: an instance of `verify-benchmark`, which compares what was revealed with what an auditor
    ///   computed itself.
    public init(
        gateway: LightClient, sender: SignedSender, work: PublicWork, verifier: PluginLane<VerifierInstance>,
        offers: ProviderOffers, answers: ProviderAnswers, logger: Logger
    ) {
        self.gateway = gateway
        self.sender = sender
        self.work = work
        self.verifier = verifier
        self.offers = offers
        self.answers = answers
        self.logger = logger
    }

    /// Works until the task is cancelled. Troubles are logged once each and tried again after longer and longer waits.
    public func run() async throws {
        var node = RetryBook<Int>()
        node.longest = .seconds(30)
        while !Task.isCancelled {
            do {
                let height = try await gateway.head().height
                let offering = await keepOffer()
                let acted = try await turn()
                if let offering { throw offering }
                node.passed(0)
                if !acted { try await gateway.waitForBlock(after: height) }
            } catch is CancellationError {
                return
            } catch {
                if node.failed(0, "\(error)") { logger.warning("market: \(error)") }
                if let next = node.next { try await Task.sleep(until: next, clock: .continuous) }
            }
        }
    }

    /// An offer that cannot be made is no reason to leave tasks undone.
    private func keepOffer() async -> (any Error)? {
        do {
            try await offers.keep(gateway, sender, logger)
            return nil
        } catch {
            return error
        }
    }

    /// Does all that waits; false when there was nothing.
    ///
    /// - Throws: what concerns the node, and so every task. A trouble of one task holds up no other.
    @discardableResult
    public func turn() async throws -> Bool {
        var acted = false
        for task in try await gateway.tasks() where troubles.isDue(task) {
            do {
                guard try await attend(to: task) else { continue }
                troubles.passed(task)
                acted = true
            } catch let error where SiteAgent.concernsTheNode(error) {
                throw error
            } catch {
                if troubles.failed(task, "\(error)") { logger.warning("market: task \(short(task)): \(error)") }
            }
        }
        return acted
    }

    /// Does what one task waits for; false when that is nothing.
    private func attend(to task: Digest) async throws -> Bool {
        guard let record = try await gateway.record(TaskRecord.self, at: MarketPaths.task(task).bytes) else {
            // An offer, or an id that the node has made up.
            await forget(task)
            return false
        }
        if record.status == .done || record.status == .cancelled {
            await forget(task)
            answers.remove(task)
            return false
        }
        let duty = ProviderDuty.next(record, sender.account, now: WallClock.milliseconds())
        guard duty != .wait,
            let terms = try await gateway.record(TaskTerms.self, at: MarketPaths.terms(task).bytes)
        else { return false }
        try await perform(duty, task, terms, record)
        return true
    }

    private func forget(_ task: Digest) async {
        troubles.passed(task)
        await gateway.forget(task)
    }

    private func perform(
        _ duty: ProviderDuty, _ task: Digest, _ terms: TaskTerms, _ record: TaskRecord
    ) async throws {
        switch duty {
        case .wait: return
        case .commit:
            // Silence until the deadline gives the replica to somebody else; the score pays for the offer.
            guard work.runs(terms.program) else { return await decline(task) }
            let answer = try await answer(task, terms)
            let commitment = TaskCommitment.result(
                chain: gateway.chain, task: task, provider: sender.account, salt: answer.salt, result: answer.result)
            try await send("commit", TaskCommitBody(task: task, commitment: commitment), task)
        case .reveal:
            guard let answer = try answers.read(task) else {
                await forget(task)
                return logger.error("market: the answer of task \(short(task)) is lost, its commitment stays closed")
            }
            try await send("reveal", TaskRevealBody(task: task, result: answer.result, salt: answer.salt), task)
        case .judge:
            guard work.runs(terms.program) else { return await decline(task) }
            let outcomes = try await judge(task, terms, record)
            try await send("verdict", TaskVerdictBody(task: task, outcomes: outcomes), task)
        case .advance:
            try await send("advance", TaskBody(task: task), task)
        }
    }

    /// Other bytes would be run than the task names: whatever came out would be no answer to it.
    private func decline(_ task: Digest) async {
        await forget(task)
        logger.warning("market: task \(short(task)) names a program that does not run here")
    }

    // MARK: Computing and judging

    /// Computed once: an earlier life's answer is taken.
    private func answer(_ task: Digest, _ terms: TaskTerms) async throws -> ProviderAnswers.Answer {
        if let known = try answers.read(task) { return known }
        let bytes = try await work.result(of: task, terms, objects: GatewayObjects(gateway: gateway))
        let answer = ProviderAnswers.Answer(
            result: CID.of(raw: bytes), salt: Digest.blake2b256(SecureRandom.bytes(count: 32)))
        try await gateway.store(object: bytes, as: answer.result)
        try answers.write(answer, for: task)
        logger.info("market: task \(short(task)) computed, \(bytes.count) bytes")
        return answer
    }

    /// The verifier plugin compares what was revealed with what this auditor computes itself.
    private func judge(_ task: Digest, _ terms: TaskTerms, _ record: TaskRecord) async throws -> [ReplicaOutcome] {
        let own = CID.of(raw: try await work.result(of: task, terms, objects: GatewayObjects(gateway: gateway)))
        let open = record.replicas.enumerated().filter { $0.element.outcome == .open && $0.element.result != nil }
        let question = VerifierJob(
            job: task, round: 1, members: UInt32(record.replicas.count), tasks: 1, isPrivate: false,
            settings: ["answer.0": own.digest.hex])
        let commitments = open.map { index, replica in
            VerifierCommitment(
                member: UInt32(index), isOpened: true, commitment: replica.commitment ?? .zero,
                update: replica.result?.digest ?? .zero, sizeBytes: 0)
        }
        let results = open.flatMap { index, replica in
            [
                VerifierResult(
                    member: UInt32(index), measure: .knownAnswer, value: 0, evidence: replica.result?.digest ?? .zero),
                // Times are no part of the terms: within the execution deadline every answer is in time.
                VerifierResult(member: UInt32(index), measure: .durationMilliseconds, value: 0),
            ]
        }
        let verdicts = try await verifier.call { (plugin) throws(PluginError) in
            try plugin.judge(question, commitments: commitments, results: results)
        }
        var outcomes = record.replicas.map { _ in ReplicaOutcome.open }
        for verdict in verdicts where outcomes.indices.contains(Int(verdict.member)) {
            outcomes[Int(verdict.member)] = verdict.outcome == .accepted ? .accepted : .rejected
        }
        logger.info("market: task \(short(task)) judged: \(outcomes.map { "\($0)" }.joined(separator: ", "))")
        return outcomes
    }

    // MARK: Sending

    private func send(_ action: String, _ body: some CBORCodable, _ task: Digest) async throws {
        let code = try await sender.send(
            module: MarketPaths.module, action: action, body: body.encoded(), payer: nil)
        guard code != .ok else { return }
        // The task went on while the transaction was on its way: the next look at it says what is wanted now.
        let overtaken: [MarketCode] = [.wrongStatus, .tooEarly, .alreadyAnswered, .notAssigned]
        if overtaken.contains(where: { $0.rawValue == code.rawValue }) { return }
        throw ActionRefused(module: MarketPaths.module, action: action, code: code)
    }

    private func short(_ task: Digest) -> Substring { task.hex.prefix(12) }
}
