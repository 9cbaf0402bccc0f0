import Federation
import Ledger
import Logging
import Primitives
import Privacy

/// A data owner's process: answers invitations by its own policy, makes a protected update each round, and audits when
/// it is drawn.
///
/// What to do next is read from the ledger each time, and what must not happen twice is in the spending log, so the
/// process may die at any instruction and go on from there. While it trains for one job it audits, answers and reveals
/// for others, and for the same one where the ledger asks for it.
public actor SiteAgent {
    private let gateway: any SiteGateway
    private let sender: any TransactionSender
    private let member: SiteMember
    private let auditor: SiteAuditor
    private let logger: Logger
    private let settings: Settings
    /// Troubles of duties: when to try again.
    private var troubles = RetryBook<SiteDuty>()
    /// The trouble with the node that was said last.
    private var nodeTrouble: String?
    private var ended: Set<Digest> = []
    /// What was done, as the node says: what comes back although it was done is a trouble.
    private var done: Set<SiteDuty> = []
    /// What is known of a job from the last time: its terms, which never change, and its round, which is a guess.
    private var memories: [Digest: (terms: JobTerms, round: UInt32)] = [:]
    private var lanes = SiteLanes()
    private var works: [SiteLanes.Lane: Task<Void, Never>] = [:]
    /// Jobs whose duty found its lane busy: the lane looks at them itself, since no event comes for them again.
    private var turnedAway: [SiteLanes.Lane: Set<Digest>] = [:]
    /// A work has ended while the ledger was read: what was read is to be read again.
    private var isBehind = false

    public init(
        gateway: any SiteGateway, sender: any TransactionSender, policy: any SiteJudgement, work: any RoundWork,
        audit: any AuditWork, objects: ObjectStore, log: consuming SpendingLog, dataset: Digest, logger: Logger,
        introduction: (any SiteIntroduction)? = nil, settings: Settings = Settings()
    ) {
        self.gateway = gateway
        self.sender = sender
        self.logger = logger
        self.settings = settings
        member = SiteMember(
            gateway: gateway, sender: sender, policy: policy, work: work, objects: objects, log: log, dataset: dataset,
            logger: logger, introduction: introduction, settings: settings)
        auditor = SiteAuditor(gateway: gateway, sender: sender, audit: audit)
    }

    /// Works until the task is cancelled. Passing troubles (a node that restarts) are logged once each and tried again;
    /// the first retry comes at once, later ones after longer and longer waits.
    public func run() async throws {
        do { try await loop() } catch is CancellationError {}
        for work in works.values { work.cancel() }
        for work in works.values { await work.value }
        works = [:]
    }

    private func loop() async throws {
        var node = RetryBook<Int>()
        node.longest = .seconds(5)
        while !Task.isCancelled {
            do {
                let height = try await gateway.head().height
                isBehind = false
                _ = try await turn(inLanes: true)
                node.passed(0)
                nodeTrouble = nil
                if isBehind { continue }
                // Also after something was done: what the ledger asks for next comes with an event.
                if let next = troubles.next, next < .now + .seconds(1) {
                    try await Task.sleep(until: next, clock: .continuous)
                } else {
                    try await gateway.waitForBlock(after: height)
                }
            } catch is CancellationError {
                return
            } catch {
                _ = node.failed(0, "\(error)")
                sayOfNode(error)
                if let next = node.next { try await Task.sleep(until: next, clock: .continuous) }
            }
        }
    }

    private func sayOfNode(_ error: any Error) {
        if nodeTrouble != "\(error)" { logger.warning("\(error)") }
        nodeTrouble = "\(error)"
    }

    /// Does everything that the ledger waits for right now, one thing after the other; false when there was nothing.
    ///
    /// - Throws: what concerns the node, and so every job. A trouble of one job holds up no other.
    @discardableResult
    public func turn() async throws -> Bool { try await turn(inLanes: false) }

    private func turn(inLanes: Bool) async throws -> Bool {
        var acted = false
        for job in try await gateway.jobs(concerning: sender.account) {
            if ended.contains(job) {
                await gateway.forget(job)
            } else if try await attempt(.job(job), { try await act(on: job, inLanes: inLanes) }) {
                acted = true
            }
        }
        return acted
    }

    /// Does one thing for a job, as its state was just read; false when there was nothing. That a deadline has passed
    /// is said last: a site that comes late does its own part first, as long as the ledger takes it.
    private func act(on job: Digest, inLanes: Bool) async throws -> Bool {
        let moment = inLanes ? lanes.now : nil
        guard let reader = try await reader(of: job) else { return false }
        if try await reader.record()?.status.hasEnded == true {
            await close(job)
            return false
        }
        let audit = try await AuditorDuty.next(reader, sender.account)
        let auditor = auditor
        if try await take(.auditor(job, audit), moment, { _ in try await auditor.perform(audit, reader) }) {
            return true
        }
        if reader.terms.members.contains(sender.account) {
            let duty = try await MemberDuty.next(reader, sender.account)
            let member = member
            let isDone = try await take(.member(job, duty), moment) { attempt in
                try await member.perform(duty, reader, attempt: attempt)
            }
            if isDone { return true }
        }
        if lanes.isWorking(on: job) { return false }
        return try await attempt(.advance(job)) { try await advance(reader) }
    }

    /// Does a duty, or has it done in its lane, where it has one and `moment` says since when that has to be free.
    private func take(
        _ duty: SiteDuty, _ moment: SiteLanes.Moment?, _ body: @escaping @Sendable (_ attempt: Int) async throws -> Bool
    ) async throws -> Bool {
        let attempt = troubles.attempts(duty) + 1
        guard let moment, let lane = duty.lane, !duty.isIdle else {
            return try await self.attempt(duty) { try await body(attempt) }
        }
        guard troubles.isDue(duty) else { return false }
        guard lanes.isFree(lane, since: moment) else {
            if lanes.isBusy(lane) { turnedAway[lane, default: []].insert(duty.job) } else { isBehind = true }
            return false
        }
        lanes.begin(lane, duty.job)
        works[lane] = Task {
            await self.work(on: duty) { try await body(attempt) }
            while !Task.isCancelled, let job = turnedAway[lane]?.popFirst() { await goOn(lane, job) }
            lanes.end(lane)
        }
        return true
    }

    /// Does a duty in its lane. A trouble with the node is said and the duty tried again, as everything is.
    private func work(on duty: SiteDuty, _ body: () async throws -> Bool) async {
        do {
            _ = try await attempt(duty, body)
        } catch is CancellationError {
            // The process ends; the ledger and the log say where it stood.
        } catch {
            _ = troubles.failed(duty, "\(error)")
            sayOfNode(error)
        }
    }

    /// Does what a job asks of a lane by now, in that lane.
    private func goOn(_ lane: SiteLanes.Lane, _ job: Digest) async {
        lanes.begin(lane, job)
        do {
            guard !ended.contains(job), let reader = try await reader(of: job) else { return }
            switch lane {
            case .auditing:
                let duty = try await AuditorDuty.next(reader, sender.account)
                await work(on: .auditor(job, duty)) { try await auditor.perform(duty, reader) }
            case .training:
                let duty = try await MemberDuty.next(reader, sender.account)
                guard case .commit = duty else { return }
                let attempt = troubles.attempts(.member(job, duty)) + 1
                await work(on: .member(job, duty)) { try await member.perform(duty, reader, attempt: attempt) }
            }
        } catch {
            // The next turn reads it again.
        }
    }

    private func close(_ job: Digest) async {
        // What is being made for it belongs to the job until it is there.
        guard !lanes.isWorking(on: job) else { return }
        ended.insert(job)
        memories[job] = nil
        done = done.filter { $0.job != job }
        await member.finish(job)
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
    private func attempt(_ duty: SiteDuty, _ body: () async throws -> Bool) async throws -> Bool {
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
            if troubles.failed(duty, "\(error)", wait: wait) {
                logger.warning("job \(duty.job.hex.prefix(12)): \(error)")
            }
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

    /// Says that a deadline has passed, where the aggregator has not: anybody may, and a job whose aggregator is gone
    /// would stand still for ever. Members speak one after the other, so that one is enough.
    private func advance(_ job: JobReader) async throws -> Bool {
        guard job.terms.members.contains(sender.account),
            try await job.member(sender.account)?.status == .active,
            let deadline = try await job.deadlineMilliseconds(),
            let place = job.terms.members.firstIndex(of: sender.account)
        else { return false }
        let grace = UInt64(max(0, settings.deadlineGrace / .milliseconds(1)))
        guard settings.now() > deadline &+ grace &+ UInt64(place) &* 1_000 else { return false }
        logger.info("job \(job.job.hex.prefix(12)): a deadline has passed and the aggregator is silent; going on")
        try await sender.sendFederation("advance", job: job.job, JobBody(job: job.job))
        return true
    }
}

/// The node has said that something is done, and shows a state in which it is not.
struct DoneBefore: Error, CustomStringConvertible {
    var description: String { "the node took it before, and shows a state without it" }
}
