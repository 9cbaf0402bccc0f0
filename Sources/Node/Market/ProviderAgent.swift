import Ledger
import Logging
import Market
import PluginHost
import Primitives

/// Lends this machine: keeps an offer on the ledger, computes what is assigned to it, and judges when it is drawn.
///
/// What to do next is read from the ledger each time. A result and its salt are on disk before the commitment leaves, so
/// a process that dies goes on where it was.
public actor ProviderAgent {
    private let gateway: LightClient
    private let sender: SignedSender
    private let work: PublicWork
    private let verifier: PluginLane<VerifierInstance>
    private let offers: ProviderOffers
    private let answers: ProviderAnswers
    private let logger: Logger

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

    /// Works until the task is cancelled; troubles are logged and tried again after longer and longer waits.
    public func run() async throws {
        var failures = 0
        while !Task.isCancelled {
            do {
                let height = try await gateway.head().height
                try await offers.keep(gateway, sender, logger)
                let acted = try await turn()
                failures = 0
                if !acted { try await gateway.waitForBlock(after: height) }
            } catch is CancellationError {
                return
            } catch {
                failures += 1
                logger.warning("market: \(error)")
                try await Task.sleep(for: .milliseconds(min(30_000, 50 << min(failures, 10))))
            }
        }
    }

    /// Does all that waits; false when there was nothing.
    @discardableResult
    public func turn() async throws -> Bool {
        var acted = false
        for task in try await gateway.tasks() {
            guard let record = try await gateway.record(TaskRecord.self, at: MarketPaths.task(task).bytes) else {
                // An offer, or an id that the node has made up.
                await gateway.forget(task: task)
                continue
            }
            if record.status == .done || record.status == .cancelled {
                await gateway.forget(task: task)
                answers.remove(task)
                continue
            }
            let duty = ProviderDuty.next(record, sender.account, now: WallClock.milliseconds())
            guard duty != .wait else { continue }
            guard let terms = try await gateway.record(TaskTerms.self, at: MarketPaths.terms(task).bytes) else {
                continue
            }
            try await perform(duty, task, terms, record)
            acted = true
        }
        return acted
    }

    private func perform(
        _ duty: ProviderDuty, _ task: Digest, _ terms: TaskTerms, _ record: TaskRecord
    ) async throws {
        switch duty {
        case .wait: return
        case .commit:
            guard work.runs(terms.program) else {
                // Silence until the deadline gives the replica to somebody else; the score pays for the offer.
                await gateway.forget(task: task)
                return logger.warning("market: task \(short(task)) names a program that does not run here")
            }
            let answer = try await answer(task, terms)
            let commitment = TaskCommitment.result(
                chain: gateway.chain, task: task, provider: sender.account, salt: answer.salt, result: answer.result)
            try await send("commit", TaskCommitBody(task: task, commitment: commitment), task)
        case .reveal:
            guard let answer = try answers.read(task) else {
                await gateway.forget(task: task)
                return logger.error("market: the answer of task \(short(task)) is lost, its commitment stays closed")
            }
            try await send("reveal", TaskRevealBody(task: task, result: answer.result, salt: answer.salt), task)
        case .judge:
            let outcomes = try await judge(task, terms, record)
            try await send("verdict", TaskVerdictBody(task: task, outcomes: outcomes), task)
        case .advance:
            try await send("advance", TaskBody(task: task), task)
        }
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
