import Federation
import Ledger
import Market
import Primitives
import Storage

/// The node's own ledger and store, for the tidying of its objects.
struct LocalTidying: TidyingSource {
    let runtime: NodeRuntime

    /// Stands in the ledger's table of cursors beside those of subscribers, whose names have no such sign.
    private static let cursorName = "node/objects-tidied"

    func value(at path: [UInt8]) async throws -> [UInt8]? {
        try await runtime.kernel.perform { host in
            try host.checkDurable()
            return host.state().store.get(path)
        }
    }

    func values(at paths: [[UInt8]]) async throws -> [[UInt8]?] {
        try await runtime.kernel.perform { host in
            try host.checkDurable()
            let store = host.state().store
            return paths.map { store.get($0) }
        }
    }

    func head() async throws -> (height: UInt64, timeMilliseconds: UInt64) {
        try await runtime.kernel.perform { ($0.kernel.head.height, $0.kernel.head.timeMilliseconds) }
    }

    func survey() async throws -> LedgerSurvey {
        try await runtime.kernel.perform { host in
            try host.checkDurable()
            let store = host.state().store
            var survey = LedgerSurvey(last: EventCursor(sequence: try host.archive.database.lastSequence()))
            for entry in store.scan(prefix: Array("m/federation/j/".utf8), from: [], limit: .max) {
                guard let job = Digest(bytes: entry.path.suffix(Digest.byteCount)) else { continue }
                survey.jobs.append(job)
                if try !JobRecord.decode(entry.value).status.hasEnded { survey.openJobs.append(job) }
                guard let bytes = store.get(FederationPaths.terms(job).bytes) else { continue }
                let terms = try JobTerms.decode(bytes)
                survey.foundations.formUnion([terms.initialModel, terms.holdout])
            }
            for entry in store.scan(prefix: Array("m/market/j/".utf8), from: [], limit: .max) {
                guard let task = Digest(bytes: entry.path.suffix(Digest.byteCount)),
                    try TaskRecord.decode(entry.value).status.rawValue < TaskStatus.done.rawValue
                else { continue }
                survey.openTasks.append(task)
            }
            return survey
        }
    }

    func events(_ query: EventQuery) async throws(ServiceError) -> EventPage { try await runtime.events(query) }

    func tidied() async throws -> EventCursor? { try await runtime.namedCursor(Self.cursorName) }

    func setTidied(_ cursor: EventCursor) async throws { try await runtime.setNamedCursor(Self.cursorName, to: cursor) }

    func stored(_ id: CID) async -> [UInt8]? {
        let objects = runtime.objects
        return await FileWork.run { try? objects.get(id) }
    }

    func remove(_ ids: Set<CID>) async {
        let objects = runtime.objects
        await FileWork.run { for id in ids { objects.remove(id) } }
    }

    func waitForBlock(after height: UInt64) async throws {
        await runtime.signal.wait(above: height, atMost: .seconds(60))
        try Task.checkCancellation()
    }
}
