import HTTPTypes
import Hummingbird
import HummingbirdCore
import NIOCore
import Node
import Primitives

/// Answers requests from a `NodeService`. A value without state: as many requests at once as there are connections.
struct APIResponder: HTTPResponder {
    typealias Context = BasicRequestContext

    let service: any NodeService
    let limits: APILimits
    /// Nil where the transport itself guards the way in (the Unix socket's mode).
    let token: BearerToken?
    let streams: StreamPlaces

    init(service: any NodeService, limits: APILimits, token: BearerToken?) {
        self.service = service
        self.limits = limits
        self.token = token
        streams = StreamPlaces(limits.streams)
    }

    func respond(to request: Request, context: BasicRequestContext) async throws -> Response {
        do {
            return try await route(request)
        } catch let error as ServiceError {
            return failure(error, request)
        } catch {
            return failure(ServiceError(.internal, "the node could not answer: \(error)"), request)
        }
    }

    private func route(_ request: Request) async throws -> Response {
        let match = APIRoute.match(method: request.method.rawValue, path: request.uri.path)
        // Health is open to probes; it says nothing but that the node is well or not.
        if let token, match != .found(.health, parameter: ""),
            !token.matches(authorization: request.headers[.authorization])
        {
            throw ServiceError(
                .unauthorised, "the bearer token is missing or wrong",
                hint: "send 'Authorization: Bearer TOKEN' with the token of api.token_file")
        }
        switch match {
        case .found(let route, let parameter):
            return try await answer(route, parameter, request, try QueryParameters(request.uri.query))
        case .wrongMethod(let allowed):
            throw ServiceError(
                .methodNotAllowed, "\(request.uri.path) does not take \(request.method.rawValue)",
                hint: "use \(allowed.joined(separator: " or "))")
        case .none:
            throw ServiceError(
                .notFound, "there is no \(request.uri.path)", hint: "routes are listed in openapi.yaml")
        }
    }

    private func answer(
        _ route: APIRoute, _ parameter: String, _ request: Request, _ query: QueryParameters
    ) async throws -> Response {
        switch route {
        case .health, .metrics, .status, .network, .genesis: try query.allow()
        default: break
        }
        switch route {
        case .health:
            let health = try await service.health()
            return present(health.wire, request, status: health.healthy ? .ok : .serviceUnavailable)
        case .metrics: return try await metrics(request)
        case .status: return present(try await service.status().wire, request)
        case .network: return present(try await service.networkStatus().wire, request)
        case .genesis: return bytes(try await service.genesis(), type: WireFormat.cborType)
        case .submit, .transaction, .slot, .receipt:
            return try await transactionAnswer(route, parameter, request, query)
        case .account, .state, .values, .list, .headers: return try await stateAnswer(route, parameter, request, query)
        case .events, .getCursor, .putCursor: return try await eventAnswer(route, parameter, request, query)
        case .getObject, .headObject, .putObject: return try await objectAnswer(route, parameter, request, query)
        }
    }

    private func metrics(_ request: Request) async throws -> Response {
        let samples = try await service.metrics()
        if WireFormat(accept: request.headers[.accept]) == .cbor {
            return present(.array(samples.map(\.wire)), request)
        }
        return bytes(Array(PrometheusText.encode(samples).utf8), type: PrometheusText.contentType)
    }

    // MARK: Shaping answers

    /// CBOR for programs that ask for it, JSON else. In JSON, event payloads are opened for people to read.
    func present(_ value: CBORValue, _ request: Request, status: HTTPResponse.Status = .ok) -> Response {
        switch WireFormat(accept: request.headers[.accept]) {
        case .cbor: return bytes(value.encoded(), type: WireFormat.cborType, status: status)
        case .json:
            let text = JSONText.encode(value.opening(["payload"]), pretty: true) + "\n"
            return bytes(Array(text.utf8), type: WireFormat.jsonType, status: status)
        }
    }

    func bytes(_ body: [UInt8], type: String, status: HTTPResponse.Status = .ok) -> Response {
        var headers = HTTPFields()
        headers[.contentType] = type
        headers[.cacheControl] = "no-store"
        return Response(status: status, headers: headers, body: .init(byteBuffer: ByteBuffer(bytes: body)))
    }

    private func failure(_ error: ServiceError, _ request: Request) -> Response {
        var response = present(error.wire, request, status: HTTPResponse.Status(code: error.httpStatus))
        if error.code == .unauthorised { response.headers[.wwwAuthenticate] = "Bearer" }
        // RFC 9110, section 9.3.2: an answer to HEAD says how long the body would be, and has none.
        return request.method == .head ? response.createHeadResponse() : response
    }

    // MARK: Reading requests

    /// The whole body, within the limits of size and time.
    func body(of request: Request, type: String) async throws(ServiceError) -> [UInt8] {
        if let given = request.headers[.contentType], !given.hasPrefix(type) {
            throw ServiceError(.malformed, "the body has to be \(type), not \(given)", field: "Content-Type")
        }
        let limit = limits.bodyBytes
        if let length = request.headers[.contentLength].flatMap({ Int($0) }), length > limit {
            throw ServiceError(.tooLarge, "the body has \(length) bytes; the limit is \(limit)", field: "body")
        }
        let stream = request.body
        return try await withTimeout(limits.requestTimeout, "reading the body") {
            var bytes: [UInt8] = []
            do {
                for try await piece in stream {
                    guard bytes.count + piece.readableBytes <= limit else {
                        throw ServiceError(.tooLarge, "the body is over the limit of \(limit) bytes", field: "body")
                    }
                    bytes.append(contentsOf: piece.readableBytesView)
                }
            } catch let error as ServiceError {
                throw error
            } catch let error as CancellationError {
                throw error
            } catch {
                // What the parser refuses is the sender's mistake, such as a length that is no number in a chunk.
                throw ServiceError(.malformed, "the body cannot be read to its end: \(error)", field: "body")
            }
            return bytes
        }
    }

    func digest(_ text: String, field: String) throws(ServiceError) -> Digest {
        guard let digest = try? Digest(hex: text) else {
            throw ServiceError(.malformed, "has to be 64 hexadecimal digits", field: field)
        }
        return digest
    }

    func account(_ text: String, field: String) throws(ServiceError) -> AccountID {
        guard let account = try? AccountID(text: text) else {
            throw ServiceError(.malformed, "has to be an account, such as did:key:z…", field: field)
        }
        return account
    }

    /// A state path as UTF-8 text under `name`, or as hex under `name_hex`.
    func path(_ name: String, _ query: QueryParameters) throws(ServiceError) -> [UInt8]? {
        if let hex = query.text("\(name)_hex") {
            guard query.text(name) == nil else {
                throw ServiceError(.malformed, "give \(name) or \(name)_hex, not both", field: name)
            }
            guard let bytes = try? Hex.decode(hex), bytes.count <= 128 else {
                throw ServiceError(.malformed, "has to be at most 128 bytes in hex", field: "\(name)_hex")
            }
            return bytes
        }
        guard let text = query.text(name) else { return nil }
        guard text.utf8.count <= 128 else {
            throw ServiceError(.malformed, "has to be at most 128 bytes", field: name)
        }
        return Array(text.utf8)
    }

    /// State paths in hex, with commas between them.
    func paths(_ query: QueryParameters) throws(ServiceError) -> [[UInt8]] {
        let parts = (query.text("paths_hex") ?? "").split(separator: ",", omittingEmptySubsequences: false)
        guard parts.count <= ProvenValues.pathLimit else {
            throw ServiceError(.malformed, "has more than \(ProvenValues.pathLimit) paths", field: "paths_hex")
        }
        var paths: [[UInt8]] = []
        for part in parts {
            guard let bytes = try? Hex.decode(part), (1...128).contains(bytes.count) else {
                throw ServiceError(.malformed, "each path has to be 1 to 128 bytes in hex", field: "paths_hex")
            }
            paths.append(bytes)
        }
        return paths
    }

    func wait(_ query: QueryParameters) throws(ServiceError) -> Duration {
        let asked = try query.unsigned("wait_ms", 0...86_400_000, default: 0)
        return min(.milliseconds(Int64(asked)), limits.waitLimit)
    }
}

/// The two forms of an answer.
enum WireFormat {
    case cbor, json

    static let cborType = "application/vnd.ipld.dag-cbor"
    static let jsonType = "application/json"

    init(accept: String?) {
        // Programs of this project ask for just that: no list has to be searched.
        let isCBOR = accept == Self.cborType || accept?.contains(Self.cborType) == true
        self = isCBOR ? .cbor : .json
    }
}
