import Federation
import Ledger
import Logging
import Primitives
import Privacy

/// A data owner's process: answers invitations by its own policy, makes a protected update each round, and audits when
/// it is drawn.
///
/// What to do next is read from the ledger each time, and what must not happen twice is in the spending log, so the
/// process may die at any instruction and go on from there.
public actor SiteAgent {
    private let gateway: any SiteGateway
    private let sender: any TransactionSender
    private let policy: any SiteJudgement
    private let work: any RoundWork
    private let audit: any AuditWork
    private let objects: ObjectStore
    private var log: SpendingLog
    private let logger: Logger
    private let dataset: Digest
    private let introduction: (any SiteIntroduction)?
    /// What happened to a round is said once in the owner's log, however often it is looked at.
    private var said: Set<String> = []

    public init(
        gateway: any SiteGateway, sender: any TransactionSender, policy: any SiteJudgement, work: any RoundWork,
        audit: any AuditWork, objects: ObjectStore, log: consuming SpendingLog, dataset: Digest, logger: Logger,
        introduction: (any SiteIntroduction)? = nil
    ) {
        self.introduction = introduction
        self.gateway = gateway
        self.sender = sender
        self.policy = policy
        self.work = work
        self.audit = audit
        self.objects = objects
        self.log = log
        self.dataset = dataset
        self.logger = logger
    }

    /// Works until the task is cancelled. Passing troubles (a node that restarts) are logged and tried again; the
    /// first retry comes at once, later ones after longer and longer waits.
    public func run() async throws {
        var failures = 0
        while !Task.isCancelled {
            do {
                let height = try await gateway.head().height
                let acted = try await turn()
                failures = 0
                if !acted { try await gateway.waitForBlock(after: height) }
            } catch is CancellationError {
                return
            } catch {
                failures += 1
                logger.warning("\(error)")
                try await Task.sleep(for: .milliseconds(min(5_000, 20 << min(failures, 8))))
            }
        }
    }

    /// Does everything that the ledger waits for right now; false when there was nothing.
    @discardableResult
    public func turn() async throws -> Bool {
        var acted = false
        for job in try await gateway.jobs(concerning: sender.account) {
            guard let reader = try await JobReader(job: job, state: gateway) else { continue }
            if try await actAsMember(reader) { acted = true }
            if try await actAsAuditor(reader) { acted = true }
        }
        return acted
    }

    // MARK: Member

    private func actAsMember(_ job: JobReader) async throws -> Bool {
        guard job.terms.members.contains(sender.account) else { return false }
        switch try await MemberDuty.next(job, sender.account) {
        case .wait, .done: return false
        case .answer: try await answer(job)
        case .commit(let round, let model): try await commit(job, round: round, model: model)
        case .reveal(let round): try await reveal(job, round: round)
        }
        return true
    }

    private func answer(_ job: JobReader) async throws {
        let record = try await job.record()
        let known = try await gateway.record(DatasetRecord.self, at: PrivacyPaths.dataset(dataset).bytes)
        let data = try known ?? introduction?.dataset
        let cost = try await work.cost(of: job.terms)
        let decision = try policy.judge(
            job.terms, requester: record?.requester, dataset: data, cost: cost, spent: try log.spent(dataset: dataset))
        switch decision {
        case .accept(let rounds):
            logger.info("job \(short(job.job)): accepted, budget reserved for \(rounds) rounds")
            // A site without tokens is introduced at the job's cost.
            try await introduction?.introduce(payer: JobRecord.escrow(of: job.job))
            try await sender.sendFederation(
                "accept", job: job.job,
                AcceptBody(job: job.job, dataset: dataset, policy: policy.digest, rounds: rounds))
        case .refuse(let reason, let detail):
            logger.info("job \(short(job.job)): refused, \(reason): \(detail)")
            try await refuse(job, round: 0, reason)
        }
    }

    private func refuse(_ job: JobReader, round: UInt32, _ reason: SiteReason) async throws {
        try await sender.sendFederation(
            "refuse", job: job.job, RefuseBody(job: job.job, round: round, reason: reason.rawValue))
    }

    private func commit(_ job: JobReader, round: UInt32, model: CID) async throws {
        let entry: SpendingEntry
        if let prepared = log.entry(job: job.job, round: round) {
            // An earlier life of this process made it: the same bytes go out, nothing is released twice.
            entry = prepared
        } else {
            let cost = try await work.cost(of: job.terms)
            if let reason = try await budgetRefusal(job, cost: cost) {
                logger.info("job \(short(job.job)), round \(round): refused, \(reason)")
                return try await refuse(job, round: round, reason)
            }
            entry = try await prepare(job, round: round, model: model)
        }
        let commitment = Commitment.digest(
            chain: gateway.chain, job: job.job, round: round, member: sender.account, salt: entry.salt,
            update: entry.update)
        try await sender.sendFederation(
            "commit", job: job.job,
            CommitBody(job: job.job, round: round, commitment: commitment, cost: entry.cost))
    }

    /// The stricter of two counts: the ledger's reservation, and the site's own log.
    private func budgetRefusal(_ job: JobReader, cost: CostVector) async throws -> SiteReason? {
        guard let data = try await gateway.record(DatasetRecord.self, at: PrivacyPaths.dataset(dataset).bytes),
            let reservation = try await gateway.record(
                ReservationRecord.self, at: PrivacyPaths.reservation(dataset: dataset, job: job.job).bytes)
        else { return .budgetExhausted }
        guard reservation.roundsLeft > 0 else { return .budgetExhausted }
        return try log.admits(cost, dataset: dataset, limits: data.limits) ? nil : .localBudgetExhausted
    }

    private func prepare(_ job: JobReader, round: UInt32, model: CID) async throws -> SpendingEntry {
        let assignment = RoundAssignment(
            job: job.job, terms: job.terms, round: round, account: sender.account, model: model,
            modelBytes: try await gateway.object(model))
        let prepared = try await work.prepare(assignment)
        let update = try objects.put(prepared.bytes)
        let salt = Digest.blake2b256(SecureRandom.bytes(count: 32))
        let entry = SpendingEntry(
            job: job.job, round: round, dataset: dataset, cost: prepared.cost, update: update, salt: salt,
            size: UInt64(prepared.bytes.count))
        try log.record(entry)
        return entry
    }

    private func reveal(_ job: JobReader, round: UInt32) async throws {
        guard let entry = log.entry(job: job.job, round: round) else {
            // Committed by a life whose log is gone: without the salt there is nothing to open.
            return say("job \(short(job.job)), round \(round): the spending log does not know the committed update")
        }
        try await gateway.store(object: try objects.get(entry.update), as: entry.update)
        try await sender.sendFederation(
            "reveal", job: job.job,
            RevealBody(job: job.job, round: round, update: entry.update, salt: entry.salt, size: entry.size))
    }

    // MARK: Auditor

    private func actAsAuditor(_ job: JobReader) async throws -> Bool {
        switch try await AuditorDuty.next(job, sender.account) {
        case .wait: return false
        case .judge(let round):
            let finding = try await audit.judge(job, round: round, objects: source)
            try await gateway.store(object: finding.evidence, as: CID.of(raw: finding.evidence))
            try await sender.sendFederation(
                "verdict", job: job.job, VerdictBody(job: job.job, round: round, outcomes: finding.outcomes))
        case .confirm(let round):
            guard let proposal = try await job.round(round)?.proposal else { return false }
            let equal = try await audit.confirms(proposal, job, round: round, objects: source)
            try await sender.sendFederation(
                "confirm", job: job.job,
                ConfirmBody(
                    job: job.job, round: round, model: proposal.model, root: proposal.root, isEqual: equal))
        }
        return true
    }

    private nonisolated var source: any ObjectReader { GatewayObjects(gateway: gateway) }

    private func say(_ line: String) {
        if said.insert(line).inserted { logger.warning("\(line)") }
    }

    private func short(_ job: Digest) -> String { String(job.hex.prefix(12)) }
}

private struct GatewayObjects: ObjectReader {
    let gateway: any SiteGateway
    func bytes(of id: CID) async throws -> [UInt8] { try await gateway.object(id) }
}

/// What a data owner's policy says of a job.
public enum SiteDecision: Hashable, Sendable {
    /// Take part in so many rounds at most: what the budget allows.
    case accept(rounds: UInt32)
    /// `detail` is for the owner's log and never leaves.
    case refuse(SiteReason, detail: String)
}

/// The owner's policy, asked before anything is computed.
public protocol SiteJudgement: Sendable {
    /// The digest of the policy file, recorded on the ledger with an acceptance.
    var digest: Digest { get }
    func judge(
        _ terms: JobTerms, requester: AccountID?, dataset: DatasetRecord?, cost: CostVector, spent: CostVector
    ) throws -> SiteDecision
}
