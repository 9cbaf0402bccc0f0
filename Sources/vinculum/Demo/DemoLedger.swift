import Federation
import Ledger
import Node
import NodeAPI
import Primitives
import Privacy

/// The demo's questions to its node, over the node's socket. Waits while the node restarts.
struct DemoLedger: Sendable {
    let service: any NodeService

    init(folder: DemoFolder) {
        service = NodeClient(.unixSocket(path: folder.nodeSocket))
    }

    /// Something that the demo wrote and that the ledger does not know.
    struct Missing: Error, CustomStringConvertible {
        let description: String
    }

    /// Asks until the node answers; troubles that do not pass within the time are thrown.
    func asking<Answer: Sendable>(
        atMost limit: Duration = .seconds(30), _ body: () async throws -> Answer
    ) async throws -> Answer {
        let deadline = ContinuousClock.now + limit
        while true {
            do {
                return try await body()
            } catch let error as ServiceError {
                let passes = [.unreachable, .unavailable, .timeout, .busy].contains(error.code)
                guard passes, ContinuousClock.now < deadline else { throw error }
                try await Task.sleep(for: .milliseconds(20))
            }
        }
    }

    func record<Record: CBORCodable>(_ type: Record.Type, at path: RecordPath) async throws -> Record? {
        guard let bytes = try await asking({ try await service.state(at: path.bytes).value }) else { return nil }
        return try Record.decode(bytes)
    }

    func needed<Record: CBORCodable>(_ type: Record.Type, at path: RecordPath) async throws -> Record {
        guard let record = try await record(type, at: path) else {
            throw Missing(description: "the ledger has no \(type) where one should be")
        }
        return record
    }

    /// All records below a path, with what follows the path in each.
    func records<Record: CBORCodable>(
        _ type: Record.Type, below path: RecordPath
    ) async throws -> [(suffix: [UInt8], record: Record)] {
        var found: [(suffix: [UInt8], record: Record)] = []
        var start: [UInt8]?
        while true {
            let from = start
            let page = try await asking { try await service.list(prefix: path.bytes, after: from, limit: 200) }
            for entry in page.entries {
                found.append((Array(entry.path.dropFirst(path.bytes.count)), try Record.decode(entry.value)))
            }
            guard page.hasMore, let last = page.entries.last else { return found }
            start = last.path
        }
    }

    /// The job that the requester has submitted, if it has.
    func job(of requester: AccountID) async throws -> Digest? {
        var cursor = EventCursor.start
        while true {
            let after = cursor
            let page = try await asking {
                try await service.events(
                    EventQuery(
                        after: after,
                        filter: EventFilter(
                            module: FederationPaths.module, kind: FederationEvent.jobSubmitted.rawValue,
                            account: requester),
                        limit: 10))
            }
            if let event = page.events.first { return try FederationNews(event)?.job }
            if page.next == cursor || page.events.isEmpty { return nil }
            cursor = page.next
        }
    }

    func object(_ id: CID) async throws -> [UInt8] { try await asking { try await service.object(id) } }

    func put(_ bytes: [UInt8]) async throws {
        try await asking { _ = try await service.putObject(CID.of(raw: bytes), from: BytesSource(bytes)) }
    }
}
