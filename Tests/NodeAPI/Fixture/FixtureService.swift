import Node
import NodeAPI
import Primitives
import Synchronization

/// A node in memory that answers what its test put in. Events and objects behave as the real ones do.
package final class FixtureService: NodeService {
    package struct State {
        package var receipts: [Digest: TransactionReceipt] = [:]
        package var submitted: [[UInt8]] = []
        package var values: [[UInt8]: [UInt8]] = [:]
        package var events: [EventRecord] = []
        package var cursors: [String: EventCursor] = [:]
        package var objects: [CID: [UInt8]] = [:]
        package var isHealthy = true
        /// Served in place of the real bytes, to play a node that lies.
        package var corruptObjects = false
        /// Says a height and gives no headers: another lie.
        package var withholdsHeaders = false
    }

    package let state = Mutex(State())
    package let objectLimit: UInt64

    package init(objectLimit: UInt64 = 1 << 24) { self.objectLimit = objectLimit }

    /// A transaction that is in a block already, and one that the ledger refuses.
    package static let decidedEnvelope: [UInt8] = [0x64]
    package static let refusedEnvelope: [UInt8] = [0x66]

    package static let anchor = CertifiedHeader(height: 7, header: [0x81, 0x07], certificate: [0x80])
    package static let metric = MetricDescription(
        name: "vinculum_ledger_height_blocks", kind: .gauge, unit: "blocks", help: "Height of the last block.")

    package func status() async throws(ServiceError) -> NodeStatus {
        NodeStatus(
            version: "0.1.0", role: "development", chain: "bafytest", height: 7, head: "00", stateRoot: "01",
            headTimeMilliseconds: 1_790_000_000_000, firstKeptHeight: 0, engine: "solo", rulesVersion: 1,
            validators: 1, pendingTransactions: 2, transactions: 41, uptimeMilliseconds: 65_000,
            notes: ["the operator can foresee the beacon"],
            plugins: [.init(id: "solo", kind: "consensus", version: "1", isolation: "in-process", healthy: true)])
    }

    package func health() async throws(ServiceError) -> NodeHealth {
        let isHealthy = state.withLock { $0.isHealthy }
        return NodeHealth(findings: [
            .init(check: "disk", healthy: isHealthy, detail: "1 GB free", mend: isHealthy ? nil : "free some space")
        ])
    }

    package func metrics() async throws(ServiceError) -> [MetricSample] {
        [MetricSample(Self.metric, labels: [.init("chain", "a\"b")], value: 7)]
    }

    package func networkStatus() async throws(ServiceError) -> NetworkStatus { Self.network }

    package static let network = NetworkStatus(
        isOn: true, id: "12D3KooWD3eckifWpRn9wQpMG9R9hX3sD158z7EqHWmweQAJU5SA",
        addresses: ["/ip4/127.0.0.1/tcp/4001/p2p/12D3KooWD3eckifWpRn9wQpMG9R9hX3sD158z7EqHWmweQAJU5SA"], known: 9,
        tried: 3, routing: 2, bestHeight: 41, isLowBandwidth: false, addressRanges: 1,
        peers: [
            NetworkStatus.Peer(
                id: "QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N", address: "/ip4/192.0.2.7/tcp/4001",
                isInbound: false, isConfigured: true, observed: "/ip4/203.0.113.9/tcp/40112", agent: "vinculum/0.1.0",
                receivedBytes: 12_345, sentBytes: 678, roundTripMicroseconds: 1_500, scoreThousandths: -2_500,
                meshes: 2, pointsThousandths: 12_000,
                offences: [.init(word: "timeout", count: 2)], bannedUntilMilliseconds: nil),
            NetworkStatus.Peer(
                id: "12D3KooWBtg3aaRMjxwedh83aGiUkwSxDwUZkzuJcfaqUmo7R3pq", address: nil, isInbound: false,
                isConfigured: false, agent: nil, receivedBytes: 0, sentBytes: 0, roundTripMicroseconds: nil,
                scoreThousandths: nil, meshes: 0, pointsThousandths: 150_000,
                offences: [.init(word: "invalid block", count: 1)], bannedUntilMilliseconds: 1_700_003_600_000),
        ])

    package func genesis() async throws(ServiceError) -> [UInt8] { [0xa0] }

    package func submit(_ envelope: [UInt8], waitingAtMost wait: Duration) async throws(ServiceError)
        -> SubmissionOutcome
    {
        if envelope == Self.decidedEnvelope { return .decided(Self.receipt(Digest.blake2b256(envelope))) }
        if envelope == Self.refusedEnvelope {
            throw ServiceError(.refused, "the sequence is wrong", field: "sequence", resultCode: 5)
        }
        state.withLock { $0.submitted.append(envelope) }
        return .pending(id: Digest.blake2b256(envelope))
    }

    package func receipt(of id: Digest, waitingAtMost timeout: Duration) async throws(ServiceError)
        -> TransactionReceipt?
    {
        let deadline = ContinuousClock.now.advanced(by: timeout)
        while true {
            if let receipt = state.withLock({ $0.receipts[id] }) { return receipt }
            if ContinuousClock.now >= deadline { return nil }
            try? await Task.sleep(for: .milliseconds(5))
        }
    }

    package func transaction(_ reference: TransactionReference) async throws(ServiceError) -> ProvenTransaction {
        let slot: UInt64
        switch reference {
        case .slot(let number): slot = number
        case .id(let id): slot = id == .zero ? 1 : .max
        }
        guard slot < 3 else { throw ServiceError(.notFound, "no such transaction") }
        if slot == 0 { throw ServiceError(.pruned, "blocks before height 5 are gone", firstKeptSequence: 9) }
        return ProvenTransaction(
            slot: slot, envelope: [0x01], receipt: Self.receipt(.zero), proof: [0x80], anchor: Self.anchor)
    }

    package static func receipt(_ id: Digest) -> TransactionReceipt {
        TransactionReceipt(
            id: id, slot: 3, height: 7, resultCode: 0, detail: "", fee: Amount(baseUnits: 12), encoded: [0x80])
    }

    package func account(_ id: AccountID) async throws(ServiceError) -> AccountView {
        AccountView(
            id: id, exists: true, balance: Amount(tokens: 5), nextSequences: [0: 4, 15: 1], authorisation: nil,
            height: 7)
    }

    package func state(at path: [UInt8]) async throws(ServiceError) -> ProvenValue {
        ProvenValue(path: path, value: state.withLock { $0.values[path] }, proof: [0x80], anchor: Self.anchor)
    }

    package func values(at paths: [[UInt8]]) async throws(ServiceError) -> ProvenValues {
        let values = state.withLock { $0.values }
        return ProvenValues(
            entries: paths.map { .init(path: $0, value: values[$0], proof: [0x80]) }, anchor: Self.anchor)
    }

    package func list(prefix: [UInt8], after start: [UInt8]?, limit: Int) async throws(ServiceError) -> ProvenListing {
        let all = state.withLock { $0.values }
            .filter { $0.key.starts(with: prefix) && (start.map($0.key.isAfter) ?? true) }
            .sorted { $0.key.lexicographicallyPrecedes($1.key) }
        return ProvenListing(
            prefix: prefix, entries: all.prefix(limit).map { .init(path: $0.key, value: $0.value) },
            hasMore: all.count > limit, proof: [0x80], anchor: Self.anchor)
    }

    package func headers(from height: UInt64, limit: Int) async throws(ServiceError) -> [CertifiedHeader] {
        if state.withLock({ $0.withholdsHeaders }) { return [] }
        return (0..<min(UInt64(limit), 3)).map {
            CertifiedHeader(
                height: height + $0, header: [UInt8($0)], certificate: [0xf6], newValidators: $0 == 1 ? [0x80] : nil)
        }
    }

    package func handovers(from height: UInt64, limit: Int) async throws(ServiceError) -> [CertifiedHeader] {
        [CertifiedHeader(height: height, header: [7], certificate: [0xf6], newValidators: [0x80])]
    }

    package func events(_ query: EventQuery) async throws(ServiceError) -> EventPage {
        let deadline = ContinuousClock.now.advanced(by: query.wait)
        while true {
            let all = state.withLock { $0.events }
            // By halves, since cursors ascend: a page costs what it holds, however long the log is.
            var (start, end) = (0, all.count)
            while start < end {
                let middle = (start + end) / 2
                if all[middle].cursor > query.after { end = middle } else { start = middle + 1 }
            }
            var page: [EventRecord] = []
            var place = start
            while place < all.count, page.count < query.limit {
                let event = all[place]
                if Self.passes(event, query.filter) { page.append(event) }
                place += 1
            }
            if !page.isEmpty || ContinuousClock.now >= deadline || Task.isCancelled {
                return EventPage(events: page, next: place > start ? all[place - 1].cursor : query.after)
            }
            try? await Task.sleep(for: .milliseconds(5))
        }
    }

    private static func passes(_ event: EventRecord, _ filter: EventFilter) -> Bool {
        if let module = filter.module, module != event.module { return false }
        if let kind = filter.kind, kind != event.kind { return false }
        if let account = filter.account, !event.accounts.contains(account) { return false }
        guard let prefix = filter.pathPrefix else { return true }
        return event.path?.starts(with: prefix) == true
    }

    package func namedCursor(_ name: String) async throws(ServiceError) -> EventCursor? {
        state.withLock { $0.cursors[name] }
    }

    package func setNamedCursor(_ name: String, to cursor: EventCursor) async throws(ServiceError) {
        state.withLock { $0.cursors[name] = cursor }
    }

    package func getObject(_ id: CID, into sink: any ObjectSink) async throws(ServiceError) -> UInt64 {
        guard var bytes = state.withLock({ $0.objects[id] }) else { throw ServiceError(.notFound, "no object") }
        if state.withLock({ $0.corruptObjects }), !bytes.isEmpty { bytes[0] ^= 1 }
        let source = BytesSource(bytes)
        while let piece = try await source.next() { try await sink.write(piece) }
        return UInt64(bytes.count)
    }

    package func putObject(_ id: CID, from source: any ObjectSource) async throws(ServiceError) -> ObjectReceipt {
        var bytes: [UInt8] = []
        while let piece = try await source.next() {
            bytes += piece
            guard bytes.count <= objectLimit else { throw ServiceError(.tooLarge, "too large") }
        }
        guard id.matches(bytes) else { throw ServiceError(.digestMismatch, "other bytes") }
        let whole = bytes
        let isNew = state.withLock { $0.objects.updateValue(whole, forKey: id) == nil }
        return ObjectReceipt(id: id, byteCount: UInt64(whole.count), created: isNew)
    }

    package func objectSize(_ id: CID) async throws(ServiceError) -> UInt64? {
        state.withLock { $0.objects[id].map { UInt64($0.count) } }
    }

    package func addEvent(_ sequence: UInt64, module: String = "tokens", kind: String = "transfer") {
        let record = EventRecord(
            cursor: EventCursor(sequence: sequence), height: 1, module: module, kind: kind,
            path: Array("m/\(module)/x".utf8), accounts: [], payload: [0x81, 0x01])
        state.withLock { $0.events.append(record) }
    }
}

extension [UInt8] {
    fileprivate func isAfter(_ other: [UInt8]) -> Bool { other.lexicographicallyPrecedes(self) }
}
