import Node
import Primitives
import Synchronization

/// A node over HTTP: the same questions as `NodeService`, answered by another process.
///
/// Threads: calls wait on threads of a small pool (see `TransferPool`), never on the cooperative pool. At most 16 are
/// under way at once in a process; more wait in order.
/// Several nodes: the first is asked until it cannot be reached, then the next, and so on round.
/// Retries: reading is tried up to three times; sending only while the node cannot have seen the request.
public struct NodeClient: NodeService {
    private let addresses: [NodeAddress]
    private let current: Position
    private let tokens: [BearerToken?]
    private let timeout: Duration

    /// - Parameters:
    ///   - timeout: for one answer, or of silence in a streamed one; waits that a call asks for come on top.
    public init(_ address: NodeAddress, token: BearerToken? = nil, timeout: Duration = .seconds(30)) {
        self.init(preferring: [address], tokens: [token], timeout: timeout)
    }

    /// - Parameters:
    ///   - addresses: at least one, in order of preference.
    ///   - tokens: one for each address; a node is shown its own only.
    public init(preferring addresses: [NodeAddress], tokens: [BearerToken?] = [], timeout: Duration = .seconds(30)) {
        self.addresses = addresses
        current = Position()
        self.tokens = addresses.indices.map { $0 < tokens.count ? tokens[$0] : nil }
        self.timeout = timeout
    }

    /// Which of the addresses answers, shared by the copies of a client.
    private final class Position: Sendable {
        private let index = Atomic<Int>(0)

        func of(_ addresses: [NodeAddress]) -> (index: Int, address: NodeAddress) {
            let index = index.load(ordering: .relaxed)
            return (index, addresses[index % addresses.count])
        }

        /// Goes on to the next address, unless another call has done so since.
        func leave(_ seen: Int) {
            _ = index.compareExchange(expected: seen, desired: seen &+ 1, ordering: .relaxed)
        }
    }

    public func turnAway() {
        if addresses.count > 1 { current.leave(current.of(addresses).index) }
    }

    // MARK: Sending

    private func send(_ request: HTTPTransfer.Request) async throws(ServiceError) -> HTTPTransfer.Answer {
        var request = request
        request.headers.append("Accept: \(WireFormat.cborType)")
        let isReading = request.method == "GET" || request.method == "HEAD"
        let isWhole = request.sink == nil && request.source == nil
        var attempt = 0
        while true {
            attempt += 1
            if Task.isCancelled { throw ServiceError(.timeout, "the call was cancelled") }
            let (position, address) = current.of(addresses)
            var sent = request
            if let token = tokens[position % tokens.count] {
                sent.headers.append("Authorization: Bearer \(token.text)")
            }
            let result = await Self.perform(sent, address)
            switch result {
            case .success(let answer):
                if (200..<300).contains(answer.status) { return answer }
                throw Self.failure(answer)
            case .failure(let failure):
                let isSafe = failure.nothingWasSent || (isReading && isWhole && failure.error.code == .unreachable)
                if failure.error.code == .unreachable, addresses.count > 1 { current.leave(position) }
                guard isSafe, attempt < max(3, addresses.count + 1) else { throw failure.error }
                try? await Task.sleep(for: .milliseconds(50 * attempt * attempt))
            }
        }
    }

    private static func perform(
        _ request: HTTPTransfer.Request, _ address: NodeAddress
    ) async -> Result<HTTPTransfer.Answer, TransferFailure> {
        await TransferPool.shared.run { worker in
            do throws(TransferFailure) {
                return .success(try HTTPTransfer(request, handle: worker.handle).perform(address))
            } catch {
                return .failure(error)
            }
        }
    }

    private static func failure(_ answer: HTTPTransfer.Answer) -> ServiceError {
        if let value = try? CBORValue(encoded: answer.body), let error = try? ServiceError(wire: WireReader(value)) {
            return error
        }
        // HEAD has no body, and something in between may answer in another form.
        let code = ServiceError.Code.allCases.first { ServiceError($0, "").httpStatus == answer.status } ?? .badAnswer
        return ServiceError(code, "the node answered with status \(answer.status)")
    }

    private func read(_ target: String, wait: Duration = .zero) async throws(ServiceError) -> WireReader {
        try Self.decode(try await send(.init(method: "GET", target: target, timeout: timeout + wait)))
    }

    private static func decode(_ answer: HTTPTransfer.Answer) throws(ServiceError) -> WireReader {
        do throws(CBORError) {
            return WireReader(try CBORValue(encoded: answer.body))
        } catch {
            throw ServiceError(.badAnswer, "the answer is not DAG-CBOR: \(error)")
        }
    }

    private static func milliseconds(_ duration: Duration) -> Int { max(0, Int(duration / .milliseconds(1))) }

    // MARK: NodeService

    public func status() async throws(ServiceError) -> NodeStatus { try NodeStatus(wire: try await read("/v1/status")) }

    public func health() async throws(ServiceError) -> NodeHealth {
        // A sick node answers with 503 and the same body.
        let request = HTTPTransfer.Request(
            method: "GET", target: "/health", headers: ["Accept: \(WireFormat.cborType)"], timeout: timeout)
        switch await Self.perform(request, current.of(addresses).address) {
        case .success(let answer) where answer.status == 200 || answer.status == 503:
            return try NodeHealth(wire: try Self.decode(answer))
        case .success(let answer): throw Self.failure(answer)
        case .failure(let failure): throw failure.error
        }
    }

    public func metrics() async throws(ServiceError) -> [MetricSample] {
        let answer = try await read("/metrics")
        var samples: [MetricSample] = []
        for item in answer.value.array ?? [] {
            samples.append(try MetricSample(wire: WireReader(item, place: "metrics")))
        }
        return samples
    }

    public func networkStatus() async throws(ServiceError) -> NetworkStatus {
        try NetworkStatus(wire: try await read("/v1/network"))
    }

    public func genesis() async throws(ServiceError) -> [UInt8] {
        try await send(.init(method: "GET", target: "/v1/genesis", timeout: timeout)).body
    }

    public func submit(
        _ envelope: [UInt8], waitingAtMost wait: Duration
    ) async throws(ServiceError) -> SubmissionOutcome {
        let answer = try await send(
            .init(
                method: "POST", target: "/v1/transactions?wait_ms=\(Self.milliseconds(wait))",
                headers: ["Content-Type: \(WireFormat.cborType)"],
                body: envelope, timeout: timeout + wait))
        return try SubmissionOutcome(wire: try Self.decode(answer))
    }

    public func receipt(
        of id: Digest, waitingAtMost wait: Duration
    ) async throws(ServiceError) -> TransactionReceipt? {
        let deadline = ContinuousClock.now.advanced(by: wait)
        while true {
            // The node bounds a wait; a longer one is several.
            let part = min(max(.zero, deadline - ContinuousClock.now), .seconds(20))
            do throws(ServiceError) {
                let target = "/v1/receipts/\(id.hex)?wait_ms=\(Self.milliseconds(part))"
                return try TransactionReceipt(wire: try await read(target, wait: part))
            } catch {
                guard error.code == .notFound else { throw error }
                if ContinuousClock.now >= deadline { return nil }
            }
        }
    }

    public func transaction(_ reference: TransactionReference) async throws(ServiceError) -> ProvenTransaction {
        let target =
            switch reference {
            case .slot(let slot): "/v1/slots/\(slot)"
            case .id(let id): "/v1/transactions/\(id.hex)"
            }
        return try ProvenTransaction(wire: try await read(target))
    }

    public func account(_ id: AccountID) async throws(ServiceError) -> AccountView {
        try AccountView(wire: try await read("/v1/accounts/\(PercentCoding.encode(id.text))"))
    }

    public func state(at path: [UInt8]) async throws(ServiceError) -> ProvenValue {
        try ProvenValue(wire: try await read("/v1/state?path_hex=\(Hex.encode(path))"))
    }

    public func values(at paths: [[UInt8]]) async throws(ServiceError) -> ProvenValues {
        let list = paths.map { Hex.encode($0) }.joined(separator: ",")
        return try ProvenValues(wire: try await read("/v1/state/values?paths_hex=\(list)"))
    }

    public func list(
        prefix: [UInt8], after start: [UInt8]?, limit: Int
    ) async throws(ServiceError) -> ProvenListing {
        var target = "/v1/state/list?prefix_hex=\(Hex.encode(prefix))&limit=\(limit)"
        if let start { target += "&after_hex=\(Hex.encode(start))" }
        return try ProvenListing(wire: try await read(target))
    }

    public func headers(from height: UInt64, limit: Int) async throws(ServiceError) -> [CertifiedHeader] {
        try await headers("/v1/headers?from=\(height)&limit=\(limit)")
    }

    public func handovers(from height: UInt64, limit: Int) async throws(ServiceError) -> [CertifiedHeader] {
        try await headers("/v1/headers?from=\(height)&limit=\(limit)&handovers=1")
    }

    private func headers(_ target: String) async throws(ServiceError) -> [CertifiedHeader] {
        var headers: [CertifiedHeader] = []
        for item in try await read(target).items("headers") { headers.append(try CertifiedHeader(wire: item)) }
        return headers
    }

    public func events(_ query: EventQuery) async throws(ServiceError) -> EventPage {
        var target = "/v1/events?after=\(query.after)&limit=\(query.limit)&wait_ms=\(Self.milliseconds(query.wait))"
        if let module = query.filter.module { target += "&module=\(PercentCoding.encode(module))" }
        if let kind = query.filter.kind { target += "&kind=\(PercentCoding.encode(kind))" }
        if let account = query.filter.account { target += "&account=\(PercentCoding.encode(account.text))" }
        if let prefix = query.filter.pathPrefix { target += "&prefix_hex=\(Hex.encode(prefix))" }
        return try EventPage(wire: try await read(target, wait: query.wait))
    }

    public func namedCursor(_ name: String) async throws(ServiceError) -> EventCursor? {
        do throws(ServiceError) {
            return try await read("/v1/cursors/\(PercentCoding.encode(name))").cursor("cursor")
        } catch {
            if error.code == .notFound { return nil }
            throw error
        }
    }

    public func setNamedCursor(_ name: String, to cursor: EventCursor) async throws(ServiceError) {
        _ = try await send(
            .init(
                method: "PUT", target: "/v1/cursors/\(PercentCoding.encode(name))?cursor=\(cursor)", body: [],
                timeout: timeout))
    }

    public func getObject(_ id: CID, into sink: any ObjectSink) async throws(ServiceError) -> UInt64 {
        let checked = CheckingSink(sink)
        let answer = try await send(
            .init(method: "GET", target: "/v1/objects/\(id.text)", sink: checked, timeout: timeout))
        try checked.check(id)
        return answer.byteCount
    }

    public func putObject(_ id: CID, from source: any ObjectSource) async throws(ServiceError) -> ObjectReceipt {
        let answer = try await send(
            .init(method: "PUT", target: "/v1/objects/\(id.text)", source: source, timeout: timeout))
        return try ObjectReceipt(wire: try Self.decode(answer))
    }

    public func objectSize(_ id: CID) async throws(ServiceError) -> UInt64? {
        do throws(ServiceError) {
            return try await send(.init(method: "HEAD", target: "/v1/objects/\(id.text)", timeout: timeout))
                .contentLength
        } catch {
            if error.code == .notFound { return nil }
            throw error
        }
    }
}
