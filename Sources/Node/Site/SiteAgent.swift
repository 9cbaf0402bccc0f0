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
    /// Troubles of duties: when to try again, and what was said.
    private var troubles = RetryBook<Duty>()
    private var said: [Duty: String] = [:]
    private var ended: Set<Digest> = []
    /// What was done, as the node says: what comes back although it was done is a trouble.
    private var done: Set<Duty> = []
    /// What is known of a job from the last time: its terms, which never change, and its round, which is a guess.
    private var memories: [Digest: (terms: JobTerms, round: UInt32)] = [:]
    private let settings: Settings

    /// What an agent does, once: it is withheld for a while when it has failed.
    private enum Duty: Hashable {
        case member(Digest, MemberDuty)
        case auditor(Digest, AuditorDuty)
        case advance(Digest)
        case job(Digest)

        var job: Digest {
            switch self {
            case .member(let job, _), .auditor(let job, _), .advance(let job), .job(let job): job
            }
        }

        var happensOnce: Bool {
            switch self {
            case .member, .auditor: true
            case .advance, .job: false
            }
        }
    }

    public init(
        gateway: any SiteGateway, sender: any TransactionSender, policy: any SiteJudgement, work: any RoundWork,
        audit: any AuditWork, objects: ObjectStore, log: consuming SpendingLog, dataset: Digest, logger: Logger,
        introduction: (any SiteIntroduction)? = nil, settings: Settings = Settings()
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
        self.settings = settings
    }

    /// Works until the task is cancelled. Passing troubles (a node that restarts) are logged once each and tried again;
    /// the first retry comes at once, later ones after longer and longer waits.
    public func run() async throws {
        var node = RetryBook<Int>()
        node.longest = .seconds(5)
        while !Task.isCancelled {
            do {
                let height = try await gateway.head().height
                let acted = try await turn()
                node.passed(0)
                if acted { continue }
                if let next = troubles.next, next < .now + .seconds(1) {
                    try await Task.sleep(until: next, clock: .continuous)
                } else {
                    try await gateway.waitForBlock(after: height)
                }
            } catch is CancellationError {
                return
            } catch {
                if node.failed(0, "\(error)") { logger.warning("\(error)") }
                if let next = node.next { try await Task.sleep(until: next, clock: .continuous) }
            }
        }
    }

    /// Does everything that the ledger waits for right now; false when there was nothing.
    ///
    /// - Throws: what concerns the node, and so every job. A trouble of one job holds up no other.
    @discardableResult
    public func turn() async throws -> Bool {
        var acted = false
        for job in try await gateway.jobs(concerning: sender.account) {
            if ended.contains(job) {
                await gateway.forget(job)
            } else if try await attempt(.job(job), { try await act(on: job) }) {
                acted = true
            }
        }
        return acted
    }

    /// Does one thing for a job, as its state was just read; false when there was nothing. That a deadline has passed is
    /// said last: a site that comes late does its own part first, as long as the ledger takes it.
    private func act(on job: Digest) async throws -> Bool {
        guard let reader = try await reader(of: job) else { return false }
        if try await reader.record()?.status.hasEnded == true {
            await close(job)
            return false
        }
        if try await actAsAuditor(reader) { return true }
        if try await actAsMember(reader) { return true }
        return try await attempt(.advance(job)) { try await advance(reader) }
    }

    private func close(_ job: Digest) async {
        ended.insert(job)
        memories[job] = nil
        done = done.filter { $0.job != job }
        forgetUpdates(of: job, before: .max)
        troubles.keep { $0.job != job }
        await gateway.forget(job)
    }

    /// A job with all that a turn asks for, read at once; if a round has ended since, its successor is read too.
    private func reader(of job: Digest) async throws -> JobReader? {
        guard let memory = memories[job] else {
            let reader = try await JobReader(job: job, state: gateway)
            if let reader { memories[job] = (reader.terms, try await reader.record()?.round ?? 0) }
            return reader
        }
        let account = sender.account
        var paths = [FederationPaths.job(job).bytes, FederationPaths.member(job, account).bytes]
        for round in [memory.round, memory.round &+ 1] {
            paths.append(FederationPaths.round(job, round).bytes)
            paths.append(FederationPaths.submission(job, round, account).bytes)
            paths.append(FederationPaths.verdict(job, round, account).bytes)
        }
        let reader = try await JobReader(job: job, terms: memory.terms, state: gateway).readingAhead(paths)
        memories[job]?.round = try await reader.record()?.round ?? 0
        return reader
    }

    /// Does something unless it has failed a moment ago; false when it failed or there was nothing to do.
    private func attempt(_ duty: Duty, _ body: () async throws -> Bool) async throws -> Bool {
        guard troubles.isDue(duty) else { return false }
        do {
            let acted = try await body()
            guard acted else { return false }
            if duty.happensOnce, !done.insert(duty).inserted { throw DoneBefore() }
            troubles.passed(duty)
            return true
        } catch let error where Self.concernsTheNode(error) {
            throw error
        } catch {
            let wait = OwnTrouble(error) != nil || error is DoneBefore ? settings.firstWait : nil
            if troubles.failed(duty, "\(error)", wait: wait) { logger.warning("job \(short(duty.job)): \(error)") }
            return false
        }
    }

    /// Whether an error says nothing of the duty: the node was not there, or lied.
    static func concernsTheNode(_ error: any Error) -> Bool {
        switch error {
        case is CancellationError: true
        case let error as LightClientError: !error.concernsOneObject
        case let error as ServiceError:
            switch error.code {
            case .busy, .timeout, .unreachable, .unavailable, .badAnswer, .unauthorised, .internal: true
            default: false
            }
        default: false
        }
    }

    // MARK: Member

    private func actAsMember(_ job: JobReader) async throws -> Bool {
        guard job.terms.members.contains(sender.account) else { return false }
        let duty = try await MemberDuty.next(job, sender.account)
        return try await attempt(.member(job.job, duty)) {
            switch duty {
            case .wait, .done: return false
            case .answer: return try await answer(job)
            case .commit(let round, let model): return try await commit(job, round: round, model: model)
            case .reveal(let round): return try await reveal(job, round: round)
            }
        }
    }

    /// Says that a deadline has passed, where the aggregator has not: anybody may, and a job whose aggregator is gone
    /// would stand still for ever. Members speak one after the other, so that one is enough.
    private func advance(_ job: JobReader) async throws -> Bool {
        guard try await job.member(sender.account)?.status == .active,
            let deadline = try await job.deadlineMilliseconds(),
            let place = job.terms.members.firstIndex(of: sender.account)
        else { return false }
        let grace = UInt64(max(0, settings.deadlineGrace / .milliseconds(1)))
        guard settings.now() > deadline &+ grace &+ UInt64(place) &* 1_000 else { return false }
        logger.info("job \(short(job.job)): a deadline has passed and the aggregator is silent; going on")
        try await sender.sendFederation("advance", job: job.job, JobBody(job: job.job))
        return true
    }

    /// Does what the site has to do by itself. What it cannot do is declined with a reason that others may know: at
    /// once if trying again cannot help, else after some attempts.
    private func ownWork<Result>(
        _ job: JobReader, round: UInt32, _ duty: MemberDuty, _ body: () async throws -> Result
    ) async throws -> Result? {
        do {
            return try await body()
        } catch let error where Self.concernsTheNode(error) {
            throw error
        } catch {
            guard let trouble = OwnTrouble(error) else { throw error }
            let attempts = troubles.attempts(.member(job.job, duty)) + 1
            guard trouble.isPermanent || attempts >= settings.attempts else { throw error }
            logger.error("job \(short(job.job)), round \(round): declined, \(trouble.reason): \(error)")
            try await refuse(job, round: round, trouble.reason)
            return nil
        }
    }

    private func answer(_ job: JobReader) async throws -> Bool {
        let record = try await job.record()
        let known = try await gateway.record(DatasetRecord.self, at: PrivacyPaths.dataset(dataset).bytes)
        let data = known ?? introduction?.dataset
        guard let cost = try await ownWork(job, round: 0, .answer, { try await work.cost(of: job.terms) }) else {
            return true
        }
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
        return true
    }

    private func refuse(_ job: JobReader, round: UInt32, _ reason: SiteReason) async throws {
        // A task that has failed has run for some time too.
        if round > 0 { try await waitForStep() }
        try await sender.sendFederation(
            "refuse", job: job.job, RefuseBody(job: job.job, round: round, reason: reason.rawValue))
    }

    private func commit(_ job: JobReader, round: UInt32, model: CID) async throws -> Bool {
        let duty = MemberDuty.commit(round: round, model: model)
        let entry: SpendingEntry
        if let prepared = log.entry(job: job.job, round: round) {
            // An earlier life of this process made it: the same bytes go out, nothing is released twice.
            guard objects.contains(prepared.update) else {
                logger.error("job \(short(job.job)), round \(round): declined, the prepared update is lost")
                try await refuse(job, round: round, .resourcesUnavailable)
                return true
            }
            entry = prepared
        } else {
            let body = { try await self.makeUpdate(job, round: round, model: model) }
            guard let made = try await ownWork(job, round: round, duty, body) else { return true }
            switch made {
            case .refused(let reason):
                logger.info("job \(short(job.job)), round \(round): refused, \(reason)")
                try await refuse(job, round: round, reason)
                return true
            case .prepared(let prepared): entry = prepared
            }
        }
        forgetUpdates(of: job.job, before: round)
        let commitment = commitment(entry)
        try await waitForStep()
        do {
            try await sender.sendFederation(
                "commit", job: job.job,
                CommitBody(job: job.job, round: round, commitment: commitment, cost: entry.cost))
        } catch let error as ActionRefused where error.code == PrivacyCode.budgetExceeded.code {
            // The code is the node's word; what the site signs rests on what is proven.
            guard try await !ledgerAdmits(entry.cost, job) else { throw error }
            // Another job was faster, or the books differ: the ledger's are the stricter ones.
            logger.info("job \(short(job.job)), round \(round): refused, \(error)")
            try await refuse(job, round: round, .budgetExhausted)
        }
        return true
    }

    /// Updates of rounds that are over are sent no more; what they cost stays in the log.
    private func forgetUpdates(of job: Digest, before round: UInt32) {
        for update in log.updates(job: job, before: round) { objects.remove(update) }
    }

    private func commitment(_ entry: SpendingEntry) -> Digest {
        Commitment.digest(
            chain: gateway.chain, job: entry.job, round: entry.round, member: sender.account, salt: entry.salt,
            update: entry.update)
    }

    /// Waits for the next multiple of the step. The time of a commitment is public, and training takes longer the more
    /// records there are.
    private func waitForStep() async throws {
        let step = UInt64(max(0, settings.commitStep / .milliseconds(1)))
        guard step > 0 else { return }
        try await Task.sleep(for: .milliseconds(Int64(step - settings.now() % step)))
    }

    /// Whether the ledger, as it is proven, would take the charge of a round.
    private func ledgerAdmits(_ cost: CostVector, _ job: JobReader) async throws -> Bool {
        guard let data = try await gateway.value(at: PrivacyPaths.dataset(dataset).bytes) else { return false }
        let reservation = PrivacyPaths.reservation(dataset: dataset, job: job.job).bytes
        return try BudgetView(dataset: data, reservation: try await gateway.value(at: reservation))
            .admitsNextRound(cost)
    }

    private enum MadeUpdate {
        case prepared(SpendingEntry)
        case refused(SiteReason)
    }

    private func makeUpdate(_ job: JobReader, round: UInt32, model: CID) async throws -> MadeUpdate {
        // The ledger charges what the terms say where the plan costs less.
        let cost = try await work.cost(of: job.terms).maximum(job.terms.costPerRound)
        if let reason = try await budgetRefusal(job, cost: cost) { return .refused(reason) }
        let assignment = RoundAssignment(
            job: job.job, terms: job.terms, round: round, account: sender.account, model: model,
            modelBytes: try await gateway.object(model))
        let prepared = try await work.prepare(assignment)
        // What was admitted before the work is what may be released after it.
        guard cost.covers(prepared.cost) else { throw CostRose(round: round) }
        let update = try objects.put(prepared.bytes)
        let salt = Digest.blake2b256(SecureRandom.bytes(count: 32))
        let entry = SpendingEntry(
            job: job.job, round: round, dataset: dataset, cost: cost, update: update, salt: salt,
            size: UInt64(prepared.bytes.count))
        try log.record(entry)
        return .prepared(entry)
    }

    /// The stricter of two counts: the ledger's reservation, and the site's own log.
    private func budgetRefusal(_ job: JobReader, cost: CostVector) async throws -> SiteReason? {
        let paths = [
            PrivacyPaths.dataset(dataset).bytes, PrivacyPaths.reservation(dataset: dataset, job: job.job).bytes,
        ]
        let state = try await ReadAhead(paths, of: gateway)
        guard let data = try await state.record(DatasetRecord.self, at: paths[0]),
            let reservation = try await state.record(ReservationRecord.self, at: paths[1])
        else { return .budgetExhausted }
        guard reservation.roundsLeft > 0 else { return .budgetExhausted }
        guard try log.admits(cost, dataset: dataset, limits: data.limits),
            try log.admits(cost, dataset: dataset, limits: policy.limits)
        else { return .localBudgetExhausted }
        return nil
    }

    private func reveal(_ job: JobReader, round: UInt32) async throws -> Bool {
        guard let entry = log.entry(job: job.job, round: round) else {
            // Committed by a life whose log is gone: without the salt there is nothing to open.
            say("round \(round): the spending log does not know the committed update", .job(job.job))
            return false
        }
        // Two updates of one round cost twice what was charged: the one that was committed leaves, or none.
        guard try await job.submission(round, sender.account)?.commitment == commitment(entry) else {
            say(
                "round \(round): the ledger holds a commitment to another update than this site's; does a copy of this "
                    + "folder run elsewhere? Nothing is revealed", .job(job.job))
            return false
        }
        let bytes: [UInt8]
        do throws(ObjectStoreError) {
            bytes = try objects.get(entry.update)
        } catch {
            say("round \(round): the committed update is lost: \(error)", .job(job.job))
            return false
        }
        try await gateway.store(object: bytes, as: entry.update)
        try await sender.sendFederation(
            "reveal", job: job.job,
            RevealBody(job: job.job, round: round, update: entry.update, salt: entry.salt, size: entry.size))
        return true
    }

    // MARK: Auditor

    private func actAsAuditor(_ job: JobReader) async throws -> Bool {
        let duty = try await AuditorDuty.next(job, sender.account)
        return try await attempt(.auditor(job.job, duty)) {
            switch duty {
            case .wait: return false
            case .judge(let round): try await judge(job, round: round)
            case .confirm(let round):
                guard let proposal = try await job.round(round)?.proposal else { return false }
                let model = try await audit.confirmed(proposal, job, round: round, objects: source)
                // Stored before it is confirmed: a model that only its aggregator holds could be lost with it.
                if let model { try await gateway.store(object: model, as: proposal.model) }
                try await sender.sendFederation(
                    "confirm", job: job.job,
                    ConfirmBody(
                        job: job.job, round: round, model: proposal.model, root: proposal.root, isEqual: model != nil))
            }
            return true
        }
    }

    private func judge(_ job: JobReader, round: UInt32) async throws {
        let finding = try await audit.judge(job, round: round, objects: source)
        try await gateway.store(object: finding.evidence, as: CID.of(raw: finding.evidence))
        try await sender.sendFederation(
            "verdict", job: job.job, VerdictBody(job: job.job, round: round, outcomes: finding.outcomes))
    }

    private nonisolated var source: any ObjectReader { GatewayObjects(gateway: gateway) }

    /// Says once what is no trouble that could pass, however often it is looked at.
    private func say(_ line: String, _ duty: Duty) {
        if said[duty] != line { logger.warning("job \(short(duty.job)): \(line)") }
        said[duty] = line
    }

    private func short(_ job: Digest) -> String { String(job.hex.prefix(12)) }
}

struct GatewayObjects: ObjectReader {
    let gateway: any SiteGateway
    func bytes(of id: CID) async throws -> [UInt8] { try await gateway.object(id) }

    func bytes(of id: CID, atMost limit: Int) async throws -> [UInt8] {
        try await gateway.object(id, atMost: limit)
    }
}

/// The node has said that something is done, and shows a state in which it is not.
struct DoneBefore: Error, CustomStringConvertible {
    var description: String { "the node took it before, and shows a state without it" }
}
