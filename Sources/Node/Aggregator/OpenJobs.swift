import Federation
import Ledger
import Primitives
import Storage

/// The jobs that an aggregator serves and that have not ended: read from the ledger's state once, then followed by its
/// events, so that a turn costs as much in the ten-thousandth job as in the first.
actor OpenJobs {
    private let runtime: NodeRuntime
    private let aggregator: AccountID
    private var jobs: [Digest] = []
    /// The last event that `jobs` knows of; nil before the state was read.
    private var cursor: EventCursor?

    private static let jobsPrefix = Array("m/federation/j/".utf8)
    private static let pageLimit = 500

    init(runtime: NodeRuntime, aggregator: AccountID) {
        self.runtime = runtime
        self.aggregator = aggregator
    }

    func list() async throws -> [Digest] {
        do {
            try await followEvents()
        } catch let error as ServiceError where error.code == .pruned {
            // The node was away from its own events for longer than it keeps them.
            cursor = nil
            try await followEvents()
        }
        return jobs
    }

    private func followEvents() async throws {
        var after: EventCursor
        if let cursor { after = cursor } else { after = try await readState() }
        while true {
            let page = try await runtime.events(
                EventQuery(
                    after: after, filter: EventFilter(module: FederationPaths.module, account: aggregator),
                    limit: Self.pageLimit))
            for event in page.events { note(event) }
            after = max(page.next, page.events.last?.cursor ?? after)
            cursor = after
            if page.events.count < Self.pageLimit { return }
        }
    }

    private func note(_ event: EventRecord) {
        guard let job = KnownJobs.job(of: event) else { return }
        if event.kind == FederationEvent.jobEnded.rawValue {
            jobs.removeAll { $0 == job }
        } else if !jobs.contains(job) {
            // Also one that was another aggregator's until now.
            jobs.append(job)
        }
    }

    /// - Returns: the last event of the state that was read.
    private func readState() async throws -> EventCursor {
        let aggregator = aggregator
        let (open, last) = try await runtime.kernel.perform { host in
            try host.checkDurable()
            var open: [Digest] = []
            for entry in host.state().store.scan(prefix: Self.jobsPrefix, from: [], limit: .max) {
                let record = try JobRecord.decode(entry.value)
                guard !record.status.hasEnded, record.aggregator == aggregator,
                    let job = Digest(bytes: entry.path.suffix(Digest.byteCount))
                else { continue }
                open.append(job)
            }
            return (open, EventCursor(sequence: try host.archive.database.lastSequence()))
        }
        jobs = open
        return last
    }
}
