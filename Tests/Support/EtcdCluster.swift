import Foundation

/// A real etcd cluster of a test's own on the loopback interface, from Debian's `etcd-server`. Data, certificates and
/// logs lie in a temporary folder; the members end with the object, and with the tests.
public final class EtcdCluster {
    public static let program = "/usr/bin/etcd"
    public static var isThere: Bool { access(program, X_OK) == 0 }
    public static let missing = "etcd is not installed: `./Packaging/dev setup` installs etcd-server"

    public struct Trouble: Error, CustomStringConvertible {
        public let description: String

        public init(description: String) { self.description = description }
    }

    public let folder: TemporaryFolder
    private let hasTLS: Bool
    private let clientPorts: [UInt16]
    private let peerPorts: [UInt16]
    private var members: [Command.Running?]

    /// Made, and not started.
    public init(members count: Int = 3, tls: Bool = false) throws {
        folder = try TemporaryFolder()
        hasTLS = tls
        let ports = try Self.freePorts(count: 2 * count)
        clientPorts = Array(ports[..<count])
        peerPorts = Array(ports[count...])
        members = Array(repeating: nil, count: count)
        if tls { try makeCertificates() }
    }

    deinit { stop() }

    // MARK: Where it is

    public func endpoint(_ index: Int) -> String { "\(hasTLS ? "https" : "http")://127.0.0.1:\(clientPorts[index])" }
    public var endpoints: [String] { clientPorts.indices.map { endpoint($0) } }
    public var authority: String { folder.path("ca.pem") }
    public var certificate: String { folder.path("client.pem") }
    public var certificateKey: String { folder.path("client-key.pem") }

    // MARK: Lives

    /// Starts all members and waits until they answer.
    public func start() throws {
        for index in members.indices { try start(index) }
        for index in members.indices { try awaitHealth(index) }
    }

    public func start(_ index: Int) throws {
        let peers = peerPorts.enumerated().map { "m\($0.offset)=http://127.0.0.1:\($0.element)" }
        var arguments = [
            "--name", "m\(index)", "--data-dir", folder.path("m\(index)"), "--initial-cluster-state", "new",
            "--initial-cluster-token", folder.root, "--initial-cluster", peers.joined(separator: ","),
            "--listen-peer-urls", "http://127.0.0.1:\(peerPorts[index])",
            "--initial-advertise-peer-urls", "http://127.0.0.1:\(peerPorts[index])",
            "--listen-client-urls", endpoint(index), "--advertise-client-urls", endpoint(index),
            "--log-level", "error", "--logger", "zap", "--heartbeat-interval", "50", "--election-timeout", "500",
        ]
        if hasTLS {
            arguments += [
                "--cert-file", folder.path("server.pem"), "--key-file", folder.path("server-key.pem"),
                "--client-cert-auth", "--trusted-ca-file", authority,
            ]
        }

        members[index] = try Command(Self.program, arguments).start()
    }

    public func awaitHealth(_ index: Int, timeout: Duration = .seconds(20)) throws {
        let deadline = ContinuousClock.now + timeout
        while ContinuousClock.now < deadline {
            let answer = try curl(index, "/health", nil)
            if answer.contains("\"health\":\"true\"") { return }
            usleep(50_000)
        }
        throw Trouble(description: "member \(index) is not healthy within \(timeout)")
    }

    public func send(_ signal: Int32, to index: Int) { members[index]?.send(signal) }

    /// Pulls the plug.
    public func kill(_ index: Int) {
        members[index]?.send(SIGKILL)
        _ = members[index]?.wait(timeout: .seconds(10))
        members[index] = nil
    }

    public func stop() { for index in members.indices { kill(index) } }

    /// What is stored is gone: of a stopped cluster.
    public func wipe() {
        stop()
        for index in members.indices { try? FileManager.default.removeItem(atPath: folder.path("m\(index)")) }
    }

    /// Copies what a stopped cluster has stored, or puts it back.
    public func copyData(to name: String, back: Bool = false) throws {
        for index in members.indices {
            let (live, copy) = (folder.path("m\(index)"), folder.path("\(name)-m\(index)"))
            if back { try? FileManager.default.removeItem(atPath: live) }
            try FileManager.default.copyItem(atPath: back ? copy : live, toPath: back ? live : copy)
        }
    }

    // MARK: Requests of an operator

    /// A request to the gateway; answers what comes back.
    @discardableResult
    public func call(_ path: String, _ body: String, token: String? = nil) throws -> String {
        for index in members.indices where members[index] != nil { return try curl(index, path, body, token) }
        throw Trouble(description: "no member runs")
    }

    private func curl(_ index: Int, _ path: String, _ body: String?, _ token: String? = nil) throws -> String {
        var arguments = ["-s", "--max-time", "5", "--noproxy", "*", endpoint(index) + path]
        if let body { arguments += ["-X", "POST", "-d", body] }
        if let token { arguments += ["-H", "Authorization: \(token)"] }
        if hasTLS { arguments += ["--cacert", authority, "--cert", certificate, "--key", certificateKey] }
        return try Command("curl", arguments).run(timeout: .seconds(10)).output
    }

    /// Writes a key as anybody could who may write there.
    public func put(_ key: String, _ value: String) throws {
        let encode = { (text: String) in Data(text.utf8).base64EncodedString() }
        try call("/v3/kv/put", "{\"key\":\"\(encode(key))\",\"value\":\"\(encode(value))\"}")
    }

    /// Keys below a prefix, sorted, with their values.
    public func read(prefix: String, token: String? = nil) throws -> [(key: String, value: String)] {
        var end = Array(prefix.utf8)
        end[end.count - 1] += 1
        let answer = try call(
            "/v3/kv/range",
            "{\"key\":\"\(Data(prefix.utf8).base64EncodedString())\","
                + "\"range_end\":\"\(Data(end).base64EncodedString())\"}", token: token)
        let document = try JSONSerialization.jsonObject(with: Data(answer.utf8)) as? [String: Any]
        return ((document?["kvs"] as? [[String: Any]]) ?? []).map { pair in
            func text(_ name: String) -> String {
                let bytes = (pair[name] as? String).flatMap { Data(base64Encoded: $0) } ?? Data()
                return String(decoding: bytes, as: UTF8.self)
            }
            return (text("key"), text("value"))
        }
    }

    /// From now on requests need a user: `root` and `vinculum`, both with the password given; the second may use keys
    /// below the prefix.
    public func requirePasswords(_ password: String, prefix: String) throws {
        var end = Array(prefix.utf8)
        end[end.count - 1] += 1
        let range =
            "\"key\":\"\(Data(prefix.utf8).base64EncodedString())\","
            + "\"range_end\":\"\(Data(end).base64EncodedString())\""
        for (path, body) in [
            ("user/add", "{\"name\":\"root\",\"password\":\"\(password)\"}"), ("role/add", "{\"name\":\"root\"}"),
            ("user/grant", "{\"user\":\"root\",\"role\":\"root\"}"),
            ("user/add", "{\"name\":\"vinculum\",\"password\":\"\(password)\"}"),
            ("role/add", "{\"name\":\"vinculum\"}"),
            ("role/grant", "{\"name\":\"vinculum\",\"perm\":{\"permType\":\"READWRITE\",\(range)}}"),
            ("user/grant", "{\"user\":\"vinculum\",\"role\":\"vinculum\"}"), ("enable", "{}"),
        ] {
            let answer = try call("/v3/auth/\(path)", body)
            guard !answer.contains("\"error\"") else { throw Trouble(description: "auth/\(path): \(answer)") }
        }
    }

    // MARK: Setup

    private func makeCertificates() throws {
        try folder.write("extensions", "subjectAltName=IP:127.0.0.1\n")
        func openssl(_ words: String) throws {
            let result = try Command("openssl", words.split(separator: " ").map(String.init), folder: folder.root).run()
            guard result.status == 0 else { throw Trouble(description: "openssl \(words): \(result.errors)") }
        }
        let key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes"
        for authority in ["ca", "other-ca"] {
            try openssl(
                "req -x509 \(key) -keyout \(authority)-key.pem -out \(authority).pem -subj /CN=\(authority) -days 2")
        }
        for name in ["server", "client"] {
            // A client's has no common name: where users are asked for passwords, etcd's gateway refuses one.
            let subject = name == "client" ? "/O=client" : "/CN=\(name)"
            try openssl("req \(key) -keyout \(name)-key.pem -out \(name).csr -subj \(subject)")
            try openssl(
                "x509 -req -in \(name).csr -CA ca.pem -CAkey ca-key.pem -CAcreateserial -out \(name).pem -days 2 "
                    + "-extfile extensions")
        }
    }

    /// Ports that were free a moment ago.
    private static func freePorts(count: Int) throws -> [UInt16] {
        var sockets: [Int32] = []
        defer { for descriptor in sockets { close(descriptor) } }
        return try (0..<count).map { _ in
            let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
            sockets.append(descriptor)
            // Family, port 0, 127.0.0.1.
            var address: [UInt8] = [UInt8(AF_INET), 0, 0, 0, 127, 0, 0, 1] + [UInt8](repeating: 0, count: 8)
            var length = socklen_t(address.count)
            let status = address.withUnsafeMutableBytes { bytes in
                bytes.withMemoryRebound(to: sockaddr.self) { name in
                    bind(descriptor, name.baseAddress, length) == 0
                        ? getsockname(descriptor, name.baseAddress, &length) : -1
                }
            }
            guard descriptor >= 0, status == 0 else { throw Trouble(description: "no free port") }
            return UInt16(address[2]) << 8 | UInt16(address[3])
        }
    }
}
