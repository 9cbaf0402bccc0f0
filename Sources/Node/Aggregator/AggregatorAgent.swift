import Federation
import Logging
import Primitives

/// Where an agent of the node itself learns of jobs, and keeps objects.
public protocol AggregatorGateway: StateReader, ObjectReader {
    /// Jobs that may want something of this aggregator.
    func jobs() async throws -> [Digest]
    func store(object: [UInt8]) async throws
    func waitForBlock(after height: UInt64) async throws
    /// The wall clock, milliseconds since 1970.
    func nowMilliseconds() -> UInt64
}

/// A job's aggregator: starts the job, proposes each round's model, and moves the job on when a deadline passes. Holds
/// no state: the next step is read from the ledger, and a model that was proposed twice has the same bytes.
public struct AggregatorAgent: Sendable {
    private let gateway: any AggregatorGateway
    private let sender: any TransactionSender
    private let logger: Logger

    public init(gateway: any AggregatorGateway, sender: any TransactionSender, logger: Logger) {
        self.gateway = gateway
        self.sender = sender
        self.logger = logger
    }

    /// Works until the task is cancelled; troubles of one job do not hold up another.
    public func run() async {
        var progress = Progress()
        var node = RetryBook<Int>()
        node.longest = .seconds(30)
        while !Task.isCancelled {
            do {
                let height = try await gateway.head().height
                let acted = try await turn(&progress)
                node.passed(0)
                if !acted { try await gateway.waitForBlock(after: height) }
            } catch is CancellationError {
                return
            } catch {
                // A full disk, for example, lasts: each trouble is said once.
                if node.failed(0, "\(error)") { logger.warning("\(error)") }
                if let next = node.next { try? await Task.sleep(until: next, clock: .continuous) }
            }
        }
    }

    /// What a run remembers of jobs: nothing that the ledger could not tell again.
    struct Progress {
        var ended: Set<Digest> = []
        var troubles = RetryBook<Digest>()
    }

    /// Does what the ledger waits for in each job; false when there was nothing.
    func turn(_ progress: inout Progress) async throws -> Bool {
        var acted = false
        for job in try await gateway.jobs()
        where !progress.ended.contains(job) && progress.troubles.isDue(job) {
            do {
                switch try await act(on: job) {
                case .acted: acted = true
                case .ended: progress.ended.insert(job)
                case .waiting: break
                }
                progress.troubles.passed(job)
            } catch is CancellationError {
                throw CancellationError()
            } catch {
                // Often the ledger has moved on between reading and writing; the next turn reads it anew.
                let isNew = progress.troubles.failed(job, "\(error)")
                logger.log(
                    level: isNew && !(error is ActionRefused) ? .warning : .debug, "job \(job.hex.prefix(12)): \(error)"
                )
            }
        }
        return acted
    }

    private enum Turn { case acted, waiting, ended }

    private func act(on job: Digest) async throws -> Turn {
        guard let reader = try await JobReader(job: job, state: gateway) else { return .waiting }
        let duty = try await AggregatorDuty.next(reader, sender.account, nowMilliseconds: gateway.nowMilliseconds())
        switch duty {
        case .wait: return .waiting
        case .done: return .ended
        case .start: try await sender.sendFederation("start", job: job, JobBody(job: job))
        case .advance: try await sender.sendFederation("advance", job: job, JobBody(job: job))
        case .propose(let round): try await propose(reader, round: round)
        }
        return .acted
    }

    private func propose(_ job: JobReader, round number: UInt32) async throws {
        guard let round = try await job.round(number) else { return }
        let included = try await job.submissions(number, of: round)
            .filter { $0.value.isAccepted }.keys.sorted()
        let next = try await RoundAggregation.next(job, round: number, included: included, objects: gateway)
        // Stored before it is named on the ledger: nobody is pointed at a model that cannot be fetched.
        try await gateway.store(object: next.bytes)
        logger.info("round \(number): proposing \(next.model.text) from \(included.count) updates")
        try await sender.sendFederation(
            "propose", job: job.job,
            ProposeBody(
                job: job.job, round: number,
                proposal: ModelProposal(model: next.model, root: next.root, included: included)))
    }
}
