internal import CCurl

/// HTTP requests of one thread over libcurl, one for each role at a time; connections are kept and used again.
///
/// Used by one thread, except ``wake()``, which libcurl allows from any.
final class HTTPConnections {
    enum Role: CaseIterable { case authenticate, look, append, lease, clean, watch }

    enum Ending {
        case answered(status: Int, body: [UInt8])
        /// Without an answer; in libcurl's words.
        case unreachable(String)
        case untrusted(String)
        case notHTTP(String)
    }

    /// An answer is longer than anything that this client asks for.
    static let answerByteLimit = 16 << 20

    private final class Transfer {
        let role: Role
        let handle: UnsafeMutableRawPointer
        var headers: UnsafeMutablePointer<curl_slist>?
        var body: [UInt8] = []
        let words = UnsafeMutablePointer<CChar>.allocate(capacity: Int(CURL_ERROR_SIZE))

        init(_ role: Role, _ handle: UnsafeMutableRawPointer) {
            self.role = role
            self.handle = handle
            words.initialize(repeating: 0, count: Int(CURL_ERROR_SIZE))
        }

        deinit {
            curl_easy_cleanup(handle)
            curl_slist_free_all(headers)
            words.deallocate()
        }
    }

    private let settings: EtcdSettings
    private let multi: UnsafeMutableRawPointer
    private var transfers: [Transfer] = []

    /// Nil where libcurl has no memory.
    init?(_ settings: EtcdSettings) {
        curl_global_init(Int(CURL_GLOBAL_DEFAULT))
        guard let multi = curl_multi_init() else { return nil }
        self.multi = multi
        self.settings = settings
    }

    deinit {
        cancelAll()
        curl_multi_cleanup(multi)
    }

    func isBusy(_ role: Role) -> Bool { transfers.contains { $0.role == role } }

    func cancel(_ role: Role) {
        for transfer in transfers where transfer.role == role { curl_multi_remove_handle(multi, transfer.handle) }
        transfers.removeAll { $0.role == role }
    }

    func cancelAll() { for role in Role.allCases { cancel(role) } }

    /// Sends a request; an earlier one of the role is given up.
    /// - Parameter isStream: the answer goes on without end, and is taken with ``takeStreamed(_:)``.
    func start(
        _ role: Role, url: String, body: String, token: String?, timeoutMilliseconds: Int64, isStream: Bool = false
    ) {
        cancel(role)
        guard let handle = curl_easy_init() else { return }
        let transfer = Transfer(role, handle)
        // Without the second libcurl waits a second for leave to send a body.
        for header in ["Content-Type: application/json", "Expect:"] {
            transfer.headers = curl_slist_append(transfer.headers, header)
        }
        if let token { transfer.headers = curl_slist_append(transfer.headers, "Authorization: \(token)") }
        _ = vin_curl_only_http(handle)
        _ = vin_curl_set_long(handle, CURLOPT_NOSIGNAL, 1)
        _ = vin_curl_set_text(handle, CURLOPT_NOPROXY, "*")
        _ = vin_curl_set_long(handle, CURLOPT_HTTP_VERSION, Int(CURL_HTTP_VERSION_1_1))
        _ = vin_curl_set_long(handle, CURLOPT_TCP_KEEPALIVE, 1)
        _ = vin_curl_set_text(handle, CURLOPT_URL, url)
        _ = vin_curl_set_list(handle, CURLOPT_HTTPHEADER, transfer.headers)
        _ = vin_curl_set_pointer(handle, CURLOPT_ERRORBUFFER, transfer.words)
        _ = vin_curl_set_long(handle, CURLOPT_CONNECTTIMEOUT_MS, Int(min(timeoutMilliseconds, 2_000)))
        if !isStream { _ = vin_curl_set_long(handle, CURLOPT_TIMEOUT_MS, Int(timeoutMilliseconds)) }
        var body = body
        body.withUTF8 { bytes in
            _ = vin_curl_set_long(handle, CURLOPT_POSTFIELDSIZE, bytes.count)
            let copied = UnsafeMutableRawPointer(mutating: bytes.baseAddress)
            _ = vin_curl_set_pointer(handle, CURLOPT_COPYPOSTFIELDS, copied)
        }
        secure(handle)
        // Unretained is right: the list below keeps it until the handle has left the multi handle.
        let own = Unmanaged.passUnretained(transfer).toOpaque()
        _ = vin_curl_set_pointer(handle, CURLOPT_WRITEDATA, own)
        _ = vin_curl_set_transfer(handle, CURLOPT_WRITEFUNCTION) { bytes, size, count, context in
            guard let context else { return 0 }
            let transfer = Unmanaged<Transfer>.fromOpaque(context).takeUnretainedValue()
            guard transfer.body.count + size * count <= HTTPConnections.answerByteLimit else { return 0 }
            transfer.body.append(contentsOf: UnsafeRawBufferPointer(start: bytes, count: size * count))
            return size * count
        }
        transfers.append(transfer)
        curl_multi_add_handle(multi, handle)
    }

    /// Certificates come as bytes: the process that this runs in may read no files.
    private func secure(_ handle: UnsafeMutableRawPointer) {
        func set(_ option: CURLoption, _ bytes: [UInt8]) {
            var bytes = bytes
            bytes.withUnsafeMutableBytes { raw in
                _ = vin_curl_set_bytes(handle, option, raw.baseAddress, raw.count)
            }
        }
        if !settings.authority.isEmpty {
            // This authority, and none that the system trusts besides.
            _ = vin_curl_set_text(handle, CURLOPT_CAINFO, nil)
            _ = vin_curl_set_text(handle, CURLOPT_CAPATH, nil)
            set(CURLOPT_CAINFO_BLOB, settings.authority)
        }
        if !settings.certificate.isEmpty {
            _ = vin_curl_set_text(handle, CURLOPT_SSLCERTTYPE, "PEM")
            _ = vin_curl_set_text(handle, CURLOPT_SSLKEYTYPE, "PEM")
            set(CURLOPT_SSLCERT_BLOB, settings.certificate)
            set(CURLOPT_SSLKEY_BLOB, settings.certificateKey)
        }
    }

    /// Sends and receives what there is, then sleeps until there is more, the time is over or ``wake()`` is called.
    func work(atMostMilliseconds wait: Int64) {
        var running: Int32 = 0
        curl_multi_perform(multi, &running)
        curl_multi_poll(multi, nil, 0, Int32(clamping: max(0, wait)), nil)
        curl_multi_perform(multi, &running)
    }

    /// Any thread.
    func wake() { curl_multi_wakeup(multi) }

    func takeEnded() -> [(role: Role, ending: Ending)] {
        var ended: [(role: Role, ending: Ending)] = []
        var code = CURLE_OK
        while let handle = vin_curl_take_ended(multi, &code) {
            guard let index = transfers.firstIndex(where: { $0.handle == handle }) else { continue }
            let transfer = transfers.remove(at: index)
            curl_multi_remove_handle(multi, handle)
            var status = 0
            _ = vin_curl_get_long(handle, CURLINFO_RESPONSE_CODE, &status)
            ended.append((transfer.role, Self.ending(code, transfer, status: status)))
        }
        return ended
    }

    private static func ending(_ code: CURLcode, _ transfer: Transfer, status: Int) -> Ending {
        if code == CURLE_OK { return .answered(status: status, body: transfer.body) }
        let own = String(cString: transfer.words)
        let words = own.isEmpty ? String(cString: curl_easy_strerror(code)) : own
        switch code {
        case CURLE_SSL_CONNECT_ERROR, CURLE_PEER_FAILED_VERIFICATION, CURLE_SSL_CERTPROBLEM, CURLE_SSL_CIPHER,
            CURLE_SSL_CACERT_BADFILE, CURLE_SSL_ISSUER_ERROR, CURLE_SSL_INVALIDCERTSTATUS:
            return .untrusted(words)
        case CURLE_UNSUPPORTED_PROTOCOL, CURLE_WEIRD_SERVER_REPLY, CURLE_HTTP2, CURLE_WRITE_ERROR:
            return .notHTTP(words)
        default: return .unreachable(words)
        }
    }

    /// Whole lines of a stream that have come since the last call.
    func takeStreamed(_ role: Role) -> [[UInt8]] {
        guard let transfer = transfers.first(where: { $0.role == role }),
            let end = transfer.body.lastIndex(of: UInt8(ascii: "\n"))
        else { return [] }
        let lines = transfer.body[...end].split(separator: UInt8(ascii: "\n")).map { Array($0) }
        transfer.body.removeSubrange(...end)
        return lines
    }
}
