import CCurl
import Node

/// Where a node listens.
public enum NodeAddress: Sendable, Hashable, CustomStringConvertible {
    case unixSocket(path: String)
    case http(host: String, port: Int)

    /// `unix:PATH` or `http://HOST:PORT`.
    public init(_ text: String) throws(ServiceError) {
        if text.hasPrefix("unix:") {
            let path = String(text.dropFirst(5))
            guard !path.isEmpty, path.utf8.count <= 107 else {
                throw ServiceError(.malformed, "a socket's path has 1 to 107 bytes", field: "node")
            }
            self = .unixSocket(path: path)
            return
        }
        let rest = text.dropFirst(7)
        guard text.hasPrefix("http://"), let colon = rest.lastIndex(of: ":"),
            let port = Int(rest[rest.index(after: colon)...].filter { $0 != "/" }), (1...65_535).contains(port),
            rest[..<colon].utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f && $0 != 0x2f && $0 != 0x40 && $0 != 0x3f })
        else {
            throw ServiceError(
                .malformed, "'\(text)' is not a node's address", hint: "use unix:PATH or http://HOST:PORT",
                field: "node")
        }
        self = .http(host: String(rest[..<colon]), port: port)
    }

    public var description: String {
        switch self {
        case .unixSocket(let path): "unix:\(path)"
        case .http(let host, let port): "http://\(host):\(port)"
        }
    }

    var origin: String {
        switch self {
        case .unixSocket: "http://localhost"
        case .http(let host, let port):
            "http://\(host.contains(":") && !host.hasPrefix("[") ? "[\(host)]" : host):\(port)"
        }
    }
}

/// One request and its answer over libcurl. Made, run and dropped on one thread of the pool.
final class HTTPTransfer {
    struct Request: Sendable {
        var method: String
        /// Path and query, percent-encoded.
        var target: String
        var headers: [String] = []
        var body: [UInt8]?
        var source: (any ObjectSource)?
        /// Takes the body of a successful answer.
        var sink: (any ObjectSink)?
        var timeout: Duration
    }

    struct Answer: Sendable {
        var status: Int
        var body: [UInt8]
        var byteCount: UInt64
        /// The size that the answer's header gives, for HEAD.
        var contentLength: UInt64?
    }

    /// Answers that are not streamed stay below this, so that a broken node cannot fill the memory.
    static let answerLimit = 64 << 20
    /// What the sink gets at once, and libcurl reads and sends at once: each time costs two changes of threads.
    private static let pieceByteCount = 256 << 10

    private let request: Request
    private var answer = Answer(status: 0, body: [], byteCount: 0)
    private var pending: ArraySlice<UInt8> = []
    /// What has come for the sink and was not handed over yet.
    private var gathered: [UInt8] = []
    private var failure: ServiceError?
    private let handle: UnsafeMutableRawPointer

    init(_ request: Request, handle: UnsafeMutableRawPointer) {
        self.request = request
        self.handle = handle
    }

    /// - Throws: `.unreachable` when nothing was sent, `.timeout`, `.badAnswer`, or the sink's or source's own error.
    func perform(_ address: NodeAddress) throws(TransferFailure) -> Answer {
        curl_easy_reset(handle)
        var list: UnsafeMutablePointer<curl_slist>?
        // Without this libcurl waits a second for leave to send a body.
        for header in request.headers + ["Expect:"] { list = curl_slist_append(list, header) }
        defer { curl_slist_free_all(list) }
        configure(address, list)
        let code = curl_easy_perform(handle)
        // The pointers given to libcurl die with this object.
        curl_easy_setopt_reset()
        var status = 0
        _ = vin_curl_get_long(handle, CURLINFO_RESPONSE_CODE, &status)
        answer.status = status
        if code == CURLE_OK { handOver() }
        if let failure { throw TransferFailure(error: failure, nothingWasSent: false) }
        guard code == CURLE_OK else { throw describe(code, address) }
        return answer
    }

    private func curl_easy_setopt_reset() {
        _ = vin_curl_set_pointer(handle, CURLOPT_WRITEDATA, nil)
        _ = vin_curl_set_pointer(handle, CURLOPT_READDATA, nil)
        _ = vin_curl_set_pointer(handle, CURLOPT_HEADERDATA, nil)
        _ = vin_curl_set_list(handle, CURLOPT_HTTPHEADER, nil)
    }

    private func configure(_ address: NodeAddress, _ headers: UnsafeMutablePointer<curl_slist>?) {
        _ = vin_curl_only_http(handle)
        _ = vin_curl_set_long(handle, CURLOPT_NOSIGNAL, 1)
        _ = vin_curl_set_long(handle, CURLOPT_BUFFERSIZE, Self.pieceByteCount)
        _ = vin_curl_set_long(handle, CURLOPT_UPLOAD_BUFFERSIZE, Self.pieceByteCount)
        _ = vin_curl_set_text(handle, CURLOPT_URL, address.origin + request.target)
        _ = vin_curl_set_text(handle, CURLOPT_NOPROXY, "*")
        if case .unixSocket(let path) = address { _ = vin_curl_set_text(handle, CURLOPT_UNIX_SOCKET_PATH, path) }
        _ = vin_curl_set_long(handle, CURLOPT_CONNECTTIMEOUT_MS, 5_000)
        let milliseconds = max(1, Int(request.timeout / .milliseconds(1)))
        if request.source == nil && request.sink == nil {
            _ = vin_curl_set_long(handle, CURLOPT_TIMEOUT_MS, milliseconds)
        } else {
            // A large object may take long; what is bounded is silence.
            _ = vin_curl_set_long(handle, CURLOPT_LOW_SPEED_LIMIT, 1)
            _ = vin_curl_set_long(handle, CURLOPT_LOW_SPEED_TIME, max(1, milliseconds / 1000))
        }
        _ = vin_curl_set_list(handle, CURLOPT_HTTPHEADER, headers)
        // Unretained is right: `self` outlives `perform`, and libcurl keeps the pointer only for that long.
        let own = Unmanaged.passUnretained(self).toOpaque()
        _ = vin_curl_set_pointer(handle, CURLOPT_WRITEDATA, own)
        _ = vin_curl_set_transfer(handle, CURLOPT_WRITEFUNCTION) { bytes, size, count, context in
            HTTPTransfer.from(context)?.received(UnsafeRawBufferPointer(start: bytes, count: size * count)) ?? 0
        }
        _ = vin_curl_set_pointer(handle, CURLOPT_HEADERDATA, own)
        _ = vin_curl_set_transfer(handle, CURLOPT_HEADERFUNCTION) { bytes, size, count, context in
            HTTPTransfer.from(context)?.header(UnsafeRawBufferPointer(start: bytes, count: size * count)) ?? 0
        }
        if request.method == "HEAD" { _ = vin_curl_set_long(handle, CURLOPT_NOBODY, 1) }
        if request.body != nil || request.source != nil {
            _ = vin_curl_set_long(handle, CURLOPT_UPLOAD, 1)
            let known = request.body.map { UInt64($0.count) } ?? request.source?.byteCount
            if let known { _ = vin_curl_set_offset(handle, CURLOPT_INFILESIZE_LARGE, curl_off_t(clamping: known)) }
            pending = request.body?[...] ?? []
            _ = vin_curl_set_pointer(handle, CURLOPT_READDATA, own)
            _ = vin_curl_set_transfer(handle, CURLOPT_READFUNCTION) { bytes, size, count, context in
                let space = UnsafeMutableRawBufferPointer(start: bytes, count: size * count)
                return HTTPTransfer.from(context)?.send(space) ?? Int(CURL_READFUNC_ABORT)
            }
        }
        _ = vin_curl_set_text(handle, CURLOPT_CUSTOMREQUEST, request.method == "HEAD" ? nil : request.method)
    }

    private static func from(_ context: UnsafeMutableRawPointer?) -> HTTPTransfer? {
        context.map { Unmanaged<HTTPTransfer>.fromOpaque($0).takeUnretainedValue() }
    }

    /// A number other than the size given makes libcurl stop.
    private func received(_ bytes: UnsafeRawBufferPointer) -> Int {
        answer.byteCount += UInt64(bytes.count)
        var status = 0
        _ = vin_curl_get_long(handle, CURLINFO_RESPONSE_CODE, &status)
        if request.sink != nil, status == 200 {
            gathered.append(contentsOf: bytes)
            if gathered.count >= Self.pieceByteCount { handOver() }
            return failure == nil ? bytes.count : bytes.count == 0 ? 1 : 0
        }
        guard answer.body.count + bytes.count <= Self.answerLimit else {
            failure = ServiceError(.badAnswer, "the answer is over \(Self.answerLimit) bytes")
            return 0
        }
        answer.body.append(contentsOf: bytes)
        return bytes.count
    }

    private func handOver() {
        guard failure == nil, !gathered.isEmpty, let sink = request.sink else { return }
        let piece = gathered
        gathered = []
        guard case .failure(let error) = blocking({ () async throws(ServiceError) in try await sink.write(piece) })
        else { return }
        failure = error
    }

    private func header(_ bytes: UnsafeRawBufferPointer) -> Int {
        let line = String(decoding: bytes, as: UTF8.self).lowercased()
        if line.hasPrefix("content-length:") {
            answer.contentLength = UInt64(line.dropFirst(15).filter { !$0.isWhitespace })
        }
        return bytes.count
    }

    private func send(_ space: UnsafeMutableRawBufferPointer) -> Int {
        if pending.isEmpty, let source = request.source {
            switch blocking({ () async throws(ServiceError) in try await source.next() }) {
            case .success(let piece): pending = piece?[...] ?? []
            case .failure(let error):
                failure = error
                return Int(CURL_READFUNC_ABORT)
            }
        }
        let count = min(space.count, pending.count)
        space.copyBytes(from: pending.prefix(count))
        pending = pending.dropFirst(count)
        return count
    }

    private func describe(_ code: CURLcode, _ address: NodeAddress) -> TransferFailure {
        let words = String(cString: curl_easy_strerror(code))
        switch code {
        case CURLE_COULDNT_CONNECT, CURLE_COULDNT_RESOLVE_HOST:
            return TransferFailure(
                error: ServiceError(
                    .unreachable, "no node answers at \(address)", hint: "is it running? start it with `vinculum run`"),
                nothingWasSent: true)
        case CURLE_OPERATION_TIMEDOUT:
            return TransferFailure(
                error: ServiceError(.timeout, "\(address) did not answer in \(request.timeout)"), nothingWasSent: false)
        case CURLE_PARTIAL_FILE:
            return TransferFailure(
                error: ServiceError(.badAnswer, "\(address) cut its answer short"), nothingWasSent: false)
        default:
            return TransferFailure(
                error: ServiceError(.unreachable, "the connection to \(address) broke: \(words)"), nothingWasSent: false
            )
        }
    }
}

/// A transfer that failed, and whether the node can have seen it.
struct TransferFailure: Error {
    var error: ServiceError
    var nothingWasSent: Bool
}
