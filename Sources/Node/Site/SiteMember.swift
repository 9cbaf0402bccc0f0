import Federation
import Ledger
import Logging
import Primitives
import Privacy

/// A site as a member of jobs: answers invitations by its own policy, makes and commits the update of a round, and
/// opens it. The one place that spends: every update is in the spending log before anything of it is committed.
actor SiteMember {
    private let gateway: any SiteGateway
    private let sender: any TransactionSender
    private let policy: any SiteJudgement
    private let work: any RoundWork
    private let objects: ObjectStore
    private var log: SpendingLog
    private let logger: Logger
    private let dataset: Digest
    private let introduction: (any SiteIntroduction)?
    private let settings: SiteAgent.Settings
    private var said: [Digest: String] = [:]
    /// An update is being made: what it may cost was decided, and is not yet in the log.
    private var isPreparing = false

    init(
        gateway: any SiteGateway, sender: any TransactionSender, policy: any SiteJudgement, work: any RoundWork,
        objects: ObjectStore, log: consuming SpendingLog, dataset: Digest, logger: Logger,
        introduction: (any SiteIntroduction)?, settings: SiteAgent.Settings
    ) {
        self.gateway = gateway
        self.sender = sender
        self.policy = policy
        self.work = work
        self.objects = objects
        self.log = log
        self.dataset = dataset
        self.logger = logger
        self.introduction = introduction
        self.settings = settings
    }

    /// Does a duty; false where there is nothing to do after all.
    ///
    /// - Parameter attempt: how often it has been tried, with this time.
    func perform(_ duty: MemberDuty, _ job: JobReader, attempt: Int) async throws -> Bool {
        switch duty {
        case .wait, .done: return false
        case .answer: return try await answer(job, attempt: attempt)
        case .commit(let round, let model): return try await commit(job, round: round, model: model, attempt: attempt)
        case .reveal(let round): return try await reveal(job, round: round)
        }
    }

    /// Does what the site has to do by itself. What it cannot do is declined with a reason that others may know: at
    /// once if trying again cannot help, else after some attempts.
    private func ownWork<Result>(
        _ job: JobReader, round: UInt32, attempt: Int, _ body: () async throws -> Result
    ) async throws -> Result? {
        do {
            return try await body()
        } catch let error where SiteAgent.concernsTheNode(error) {
            throw error
        } catch {
            guard let trouble = OwnTrouble(error) else { throw error }
            guard trouble.isPermanent || attempt >= settings.attempts else { throw error }
            logger.error("job \(short(job.job)), round \(round): declined, \(trouble.reason): \(error)")
            try await refuse(job, round: round, trouble.reason)
            return nil
        }
    }

    private func answer(_ job: JobReader, attempt: Int) async throws -> Bool {
        let record = try await job.record()
        let known = try await gateway.record(DatasetRecord.self, at: PrivacyPaths.dataset(dataset).bytes)
        let data = known ?? introduction?.dataset
        let body = { try await self.work.cost(of: job.terms) }
        guard let cost = try await ownWork(job, round: 0, attempt: attempt, body) else { return true }
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

    private func commit(_ job: JobReader, round: UInt32, model: CID, attempt: Int) async throws -> Bool {
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
            guard let made = try await ownWork(job, round: round, attempt: attempt, body) else { return true }
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

    /// The job has ended.
    func finish(_ job: Digest) async {
        forgetUpdates(of: job, before: .max)
        await work.finish(job)
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
        // Two at once would each find the budget that only one of them may spend.
        guard !isPreparing else { throw PreparingAlready() }
        isPreparing = true
        defer { isPreparing = false }
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
            say("round \(round): the spending log does not know the committed update", job.job)
            return false
        }
        // Two updates of one round cost twice what was charged: the one that was committed leaves, or none.
        guard try await job.submission(round, sender.account)?.commitment == commitment(entry) else {
            say(
                "round \(round): the ledger holds a commitment to another update than this site's; does a copy of this "
                    + "folder run elsewhere? Nothing is revealed", job.job)
            return false
        }
        let bytes: [UInt8]
        do throws(ObjectStoreError) {
            bytes = try objects.get(entry.update)
        } catch {
            say("round \(round): the committed update is lost: \(error)", job.job)
            return false
        }
        try await gateway.store(object: bytes, as: entry.update)
        try await sender.sendFederation(
            "reveal", job: job.job,
            RevealBody(job: job.job, round: round, update: entry.update, salt: entry.salt, size: entry.size))
        return true
    }

    /// Says once what is no trouble that could pass, however often it is looked at.
    private func say(_ line: String, _ job: Digest) {
        if said[job] != line { logger.warning("job \(short(job)): \(line)") }
        said[job] = line
    }

    private func short(_ job: Digest) -> String { String(job.hex.prefix(12)) }
}

/// An update is being made, and another one was asked for.
struct PreparingAlready: Error, CustomStringConvertible {
    var description: String { "another update is being made; one at a time" }
}
