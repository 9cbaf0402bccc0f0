import Federation
import Ledger
import Logging
import Market
import Primitives

/// What the tidying of a node's objects reads and does.
protocol TidyingSource: StateReader {
    /// The ledger's jobs and tasks at this moment.
    func survey() async throws -> LedgerSurvey
    func events(_ query: EventQuery) async throws(ServiceError) -> EventPage
    /// How far the events had been followed when every job that had ended by then was tidied; nil at first.
    func tidied() async throws -> EventCursor?
    func setTidied(_ cursor: EventCursor) async throws
    /// A stored object; nil where it is not here.
    func stored(_ id: CID) async -> [UInt8]?
    func remove(_ ids: Set<CID>) async
    func waitForBlock(after height: UInt64) async throws
}

/// The jobs and tasks of a state.
struct LedgerSurvey: Sendable {
    var jobs: [Digest] = []
    /// Those of `jobs` that have not ended.
    var openJobs: [Digest] = []
    /// What jobs began with and are measured on.
    var foundations: Set<CID> = []
    var openTasks: [Digest] = []
    /// The last event that the state knows of.
    var last = EventCursor.start
}

/// Removes from a node's store what settled rounds have left behind and nothing needs any more, so that a job of many
/// rounds takes no more disk than one of few.
///
/// Follows the ledger's events and holds nothing that could not be read again: a removal that a crash has cut off is
/// done by the next start. Other jobs and open tasks may name a model of a round as what they begin with: such a model
/// stays.
actor ObjectTidying {
    private let source: any TidyingSource
    private let keepRounds: UInt32
    private let logger: Logger
    /// Nil before the state was read.
    private var cursors: [String: EventCursor]?
    /// Jobs of which something may be over.
    private var waiting: Set<Digest> = []
    /// The rounds of running jobs whose objects are gone.
    private var done: [Digest: UInt32] = [:]
    private var foundations: Set<CID> = []
    private var tasks: [Digest: Set<CID>] = [:]
    private var hasEndings = false

    private static let pageLimit = 500
    private static let modules = [FederationPaths.module, MarketPaths.module]

    /// - Parameter keepRounds: how many settled rounds of a running job stay whole.
    init(source: any TidyingSource, keepRounds: UInt32, logger: Logger) {
        self.source = source
        self.keepRounds = keepRounds
        self.logger = logger
    }

    /// Works until the task is cancelled.
    func run() async {
        var troubles = RetryBook<Int>()
        troubles.longest = .seconds(30)
        while !Task.isCancelled {
            do {
                let height = try await source.head().height
                let acted = try await turn()
                troubles.passed(0)
                if !acted { try await source.waitForBlock(after: height) }
            } catch is CancellationError {
                return
            } catch {
                if troubles.failed(0, "\(error)") { logger.warning("objects of settled rounds: \(error)") }
                if let next = troubles.next { try? await Task.sleep(until: next, clock: .continuous) }
            }
        }
    }

    /// Removes what is over at this moment; false when there was nothing.
    func turn() async throws -> Bool {
        do {
            try await follow()
        } catch let error as ServiceError where error.code == .pruned {
            // The node was away from its own events for longer than it keeps them.
            cursors = nil
            try await follow()
        }
        var acted = false
        for job in waiting {
            while try await tidy(job) { acted = true }
            waiting.remove(job)
        }
        if hasEndings, let cursor = cursors?[FederationPaths.module] {
            try await source.setTidied(cursor)
            hasEndings = false
        }
        return acted
    }

    private func tidy(_ job: Digest) async throws -> Bool {
        guard let reader = try await JobReader(job: job, state: source) else { return false }
        let rounds = RoundObjects(job: reader, keepRounds: keepRounds)
        guard let leftovers = try await rounds.leftovers(after: done[job] ?? 0) else {
            if try await reader.record()?.status.hasEnded == true { done[job] = nil }
            return false
        }
        let removed = leftovers.objects.subtracting(foundations).subtracting(tasks.values.joined())
        await source.remove(removed)
        done[job] = leftovers.through
        logger.debug("removed \(removed.count) objects of job \(job.hex.prefix(12)) up to round \(leftovers.through)")
        return true
    }

    // MARK: Following the ledger

    private func follow() async throws {
        if cursors == nil { try await begin() }
        for module in Self.modules {
            while var cursor = cursors?[module] {
                let page = try await source.events(
                    EventQuery(after: cursor, filter: EventFilter(module: module), limit: Self.pageLimit))
                for event in page.events { try await note(event) }
                cursor = max(page.next, page.events.last?.cursor ?? cursor)
                cursors?[module] = cursor
                if page.events.count < Self.pageLimit { break }
            }
        }
    }

    private func begin() async throws {
        let survey = try await source.survey()
        foundations = survey.foundations
        tasks = [:]
        for task in survey.openTasks { try await pin(task) }
        waiting.formUnion(survey.openJobs)
        waiting.formUnion(try await endedSince(try await source.tidied(), survey))
        hasEndings = true
        cursors = Dictionary(uniqueKeysWithValues: Self.modules.map { ($0, survey.last) })
    }

    /// Jobs that may have ended since all were tidied: all jobs where that is not known.
    private func endedSince(_ tidied: EventCursor?, _ survey: LedgerSurvey) async throws -> [Digest] {
        guard let tidied else { return survey.jobs }
        do {
            return try await ended(after: tidied)
        } catch let error as ServiceError where error.code == .pruned {
            return survey.jobs
        }
    }

    private func ended(after start: EventCursor) async throws -> [Digest] {
        let filter = EventFilter(module: FederationPaths.module, kind: FederationEvent.jobEnded.rawValue)
        var cursor = start
        var ended: [Digest] = []
        while true {
            let page = try await source.events(EventQuery(after: cursor, filter: filter, limit: Self.pageLimit))
            ended += page.events.compactMap(KnownJobs.job(of:))
            cursor = max(page.next, page.events.last?.cursor ?? cursor)
            if page.events.count < Self.pageLimit { return ended }
        }
    }

    private func note(_ event: EventRecord) async throws {
        guard let subject = KnownJobs.job(of: event) else { return }
        switch event.module {
        case FederationPaths.module:
            switch FederationEvent(rawValue: event.kind) {
            case .jobSubmitted:
                let terms = try await source.record(JobTerms.self, at: FederationPaths.terms(subject).bytes)
                if let terms { foundations.formUnion([terms.initialModel, terms.holdout]) }
            case .roundSettled: waiting.insert(subject)
            case .jobEnded:
                waiting.insert(subject)
                hasEndings = true
            default: break
            }
        default:
            switch MarketEvent(rawValue: event.kind) {
            case .taskSubmitted: try await pin(subject)
            case .taskDone, .taskCancelled: tasks[subject] = nil
            default: break
            }
        }
    }

    /// What an open task works on stays until the task is over. Where its input comes later, its files are not known.
    private func pin(_ task: Digest) async throws {
        guard let terms = try await source.record(TaskTerms.self, at: MarketPaths.terms(task).bytes) else { return }
        var objects: Set = [terms.input]
        if let bytes = await source.stored(terms.input), let input = try? TaskInput.decode(bytes) {
            objects.formUnion(input.files.map(\.id))
        }
        tasks[task] = objects
    }
}
