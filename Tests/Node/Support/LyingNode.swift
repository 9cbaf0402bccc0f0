import Node
import Primitives
import Synchronization

/// A node between a client and the truth: it answers what its test tells it to.
final class LyingNode: NodeService {
    struct Lies: Sendable {
        var state: (@Sendable ([UInt8], ProvenValue) async -> ProvenValue)?
        var values: (@Sendable (ProvenValues) -> ProvenValues)?
        var events: (@Sendable (EventQuery, EventPage) async -> EventPage)?
        var object: (@Sendable (CID, [UInt8]) -> [UInt8])?
        var submission: (@Sendable (SubmissionOutcome) -> SubmissionOutcome)?
        var receipt: (@Sendable (TransactionReceipt?) -> TransactionReceipt?)?
        var eventFailure: (@Sendable (EventQuery) -> ServiceError?)?
        var listing: (@Sendable (ProvenListing) -> ProvenListing)?
        var handovers: (@Sendable ([CertifiedHeader]) -> [CertifiedHeader])?
        /// Thrown by every call.
        var failure: ServiceError?
    }

    private let truth: any NodeService
    private let lies = Mutex(Lies())
    private let calls = Mutex<[String: Int]>([:])

    init(_ truth: any NodeService) { self.truth = truth }

    func lie(_ change: (inout Lies) -> Void) { lies.withLock { change(&$0) } }
    func tellTheTruth() { lies.withLock { $0 = Lies() } }
    func count(of call: String) -> Int { calls.withLock { $0[call] ?? 0 } }

    func turnAway() { calls.withLock { $0["turnAway", default: 0] += 1 } }

    private func begin(_ call: String) throws(ServiceError) -> Lies {
        calls.withLock { $0[call, default: 0] += 1 }
        let lies = lies.withLock { $0 }
        if let failure = lies.failure { throw failure }
        return lies
    }

    func status() async throws(ServiceError) -> NodeStatus { try await truth.status() }
    func health() async throws(ServiceError) -> NodeHealth { try await truth.health() }
    func metrics() async throws(ServiceError) -> [MetricSample] { try await truth.metrics() }
    func networkStatus() async throws(ServiceError) -> NetworkStatus { try await truth.networkStatus() }
    func genesis() async throws(ServiceError) -> [UInt8] { try await truth.genesis() }

    func submit(_ envelope: [UInt8], waitingAtMost wait: Duration) async throws(ServiceError) -> SubmissionOutcome {
        let lies = try begin("submit")
        let outcome = try await truth.submit(envelope, waitingAtMost: wait)
        return lies.submission?(outcome) ?? outcome
    }

    func receipt(of id: Digest, waitingAtMost timeout: Duration) async throws(ServiceError) -> TransactionReceipt? {
        let lies = try begin("receipt")
        let receipt = try await truth.receipt(of: id, waitingAtMost: timeout)
        return lies.receipt.map { $0(receipt) } ?? receipt
    }

    func transaction(_ reference: TransactionReference) async throws(ServiceError) -> ProvenTransaction {
        try await truth.transaction(reference)
    }

    func account(_ id: AccountID) async throws(ServiceError) -> AccountView { try await truth.account(id) }

    func state(at path: [UInt8]) async throws(ServiceError) -> ProvenValue {
        let lies = try begin("state")
        let answer = try await truth.state(at: path)
        guard let lie = lies.state else { return answer }
        return await lie(path, answer)
    }

    func values(at paths: [[UInt8]]) async throws(ServiceError) -> ProvenValues {
        let lies = try begin("values")
        let answer = try await truth.values(at: paths)
        return lies.values?(answer) ?? answer
    }

    func list(prefix: [UInt8], after start: [UInt8]?, limit: Int) async throws(ServiceError) -> ProvenListing {
        let lies = try begin("list")
        let listing = try await truth.list(prefix: prefix, after: start, limit: limit)
        return lies.listing?(listing) ?? listing
    }

    func headers(from height: UInt64, limit: Int) async throws(ServiceError) -> [CertifiedHeader] {
        try await truth.headers(from: height, limit: limit)
    }

    func handovers(from height: UInt64, limit: Int) async throws(ServiceError) -> [CertifiedHeader] {
        let lies = try begin("handovers")
        let handovers = try await truth.handovers(from: height, limit: limit)
        return lies.handovers?(handovers) ?? handovers
    }

    func events(_ query: EventQuery) async throws(ServiceError) -> EventPage {
        let lies = try begin("events")
        if let failure = lies.eventFailure?(query) { throw failure }
        let page = try await truth.events(query)
        guard let lie = lies.events else { return page }
        return await lie(query, page)
    }

    func namedCursor(_ name: String) async throws(ServiceError) -> EventCursor? { try await truth.namedCursor(name) }

    func setNamedCursor(_ name: String, to cursor: EventCursor) async throws(ServiceError) {
        try await truth.setNamedCursor(name, to: cursor)
    }

    func getObject(_ id: CID, into sink: any ObjectSink) async throws(ServiceError) -> UInt64 {
        let lies = try begin("object")
        let bytes = try await truth.object(id)
        let told = lies.object?(id, bytes) ?? bytes
        for start in stride(from: 0, to: told.count, by: 1024) {
            try await sink.write(Array(told[start..<min(told.count, start + 1024)]))
        }
        return UInt64(told.count)
    }

    func putObject(_ id: CID, from source: any ObjectSource) async throws(ServiceError) -> ObjectReceipt {
        _ = try begin("put")
        return try await truth.putObject(id, from: source)
    }

    func objectSize(_ id: CID) async throws(ServiceError) -> UInt64? { try await truth.objectSize(id) }
}
