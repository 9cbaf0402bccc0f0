import Dispatch
import FuzzTargets
import Glibc
import Node
import NodeAPI
import NodeAPIFixture
import Primitives
import Synchronization

/// The HTTP interface: bytes on a connection, through the parser and the routes to the handlers, and what comes back.
package enum InterfaceFuzzing {
    package static let group = FuzzGroup(
        "interface", "HTTP requests and bodies, from the socket to the handlers", lengthLimit: 4_096,
        words: [
            "GET ", "POST ", "PUT ", "HEAD ", " HTTP/1.1\r\n", "\r\n\r\n", "Host: x\r\n", "Content-Length: ",
            "Transfer-Encoding: chunked\r\n", "Content-Type: ", "Accept: text/event-stream\r\n", "Last-Event-ID: ",
            "application/vnd.ipld.dag-cbor", "Connection: close\r\n", "0\r\n\r\n", "Expect: 100-continue\r\n", "%2f",
            "/v1/state?path=", "/v1/events?after=", "wait_ms=", "limit=", "path_hex=", "account=", "module=",
        ],
        targets: [
            FuzzTarget("request", seeds: requests) { bytes throws(FuzzFinding) in
                let server: RunningServer
                do { server = try RunningServer.shared.get() } catch { throw FuzzFinding("no server: \(error)") }
                try server.check(bytes)
            }
        ])

    private static let cid = CID.of(raw: Array("object".utf8)).text

    @Sendable private static func requests() -> [[UInt8]] {
        let account = AccountID.derived(module: "tokens", id: [1]).text
        let id = Digest.zero.hex
        let gets = APIRoute.allCases.filter { $0.method == "GET" || $0.method == "HEAD" }.map { route in
            let value =
                switch route {
                case .account: account
                case .slot: "1"
                case .getCursor: "a"
                case .getObject, .headObject: cid
                default: id
                }
            let path = route.path.replacing("{id}", with: value).replacing("{slot}", with: value)
                .replacing("{name}", with: value)
            return "\(route.method) \(path) HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        }
        let others = [
            "GET /v1/state?path=m%2Ftokens HTTP/1.1\r\nHost: x\r\nAccept: application/vnd.ipld.dag-cbor\r\n\r\n",
            "GET /v1/state/values?paths_hex=6d2f61,ff00 HTTP/1.1\r\nHost: x\r\n\r\n",
            "GET /v1/state/list?prefix_hex=6d&limit=3 HTTP/1.1\r\nHost: x\r\n\r\n"
                + "GET /health HTTP/1.1\r\nHost: x\r\n\r\n",
            "GET /v1/events?after=0&module=tokens&wait_ms=5 HTTP/1.1\r\nHost: x\r\n\r\n",
            "GET /v1/events HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\nLast-Event-ID: 2\r\n\r\n",
            "POST /v1/transactions?wait_ms=1 HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nabcd",
            "POST /v1/transactions HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nabcd\r\n0\r\n\r\n",
            "PUT /v1/cursors/a HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n3",
            "PUT /v1/objects/\(cid) HTTP/1.1\r\nHost: x\r\nContent-Length: 6\r\nExpect: 100-continue\r\n\r\nobject",
        ]
        return (gets + others).map { Array($0.utf8) }
    }
}

/// A server on a Unix socket for as long as the process lives.
struct RunningServer: Sendable {
    private let path: String

    static let shared = Result { try RunningServer() }
    private static let folder = "/tmp/vinculum-fuzz-\(Hex.encode(SecureRandom.bytes(count: 6)))"

    private init() throws {
        guard mkdir(Self.folder, 0o700) == 0 else { throw FuzzFinding("cannot make \(Self.folder)") }
        let path = "\(Self.folder)/s"
        atexit {
            unlink("\(RunningServer.folder)/s")
            rmdir(RunningServer.folder)
        }
        let service = FixtureService()
        for sequence in 1..<6 { service.addEvent(UInt64(sequence)) }
        let limits = APILimits(
            bodyBytes: 4_096, objectBytes: 4_096, requestTimeout: .milliseconds(200), waitLimit: .milliseconds(20),
            connections: 4_096, heartbeat: .milliseconds(20))
        let server = APIServer(service: service, address: .unixSocket(path: path), limits: limits)
        let isReady = DispatchSemaphore(value: 0)
        Task {
            try await server.run { _ in isReady.signal() }
        }
        guard isReady.wait(timeout: .now() + 20) == .success else { throw FuzzFinding("the server does not start") }
        self.path = path
    }

    /// Sends the bytes, then asks for the health over a connection of its own: the server still answers, and nothing
    /// that came was an error of its own.
    func check(_ bytes: [UInt8]) throws(FuzzFinding) {
        let answer = try exchange(bytes, patience: 40)
        if !answer.isEmpty {
            guard answer.starts(with: Array("HTTP/1.1 ".utf8)) else { throw FuzzFinding("the answer is not HTTP") }
            let text = String(decoding: answer, as: UTF8.self)
            for line in text.split(separator: "\r\n") where line.hasPrefix("HTTP/1.1 500") {
                throw FuzzFinding("the node blames itself: \(text.prefix(400))")
            }
        }
        // A machine that is busy may take its time, or lose a connection: a server that is gone stays gone.
        var health: [UInt8] = []
        for patience in [5_000, 10_000, 20_000] {
            health = try exchange(
                Array("GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".utf8), patience: patience)
            if health.starts(with: Array("HTTP/1.1 200".utf8)) { return }
        }
        throw FuzzFinding("the server does not answer any more: \(String(decoding: health, as: UTF8.self))")
    }

    /// What comes back until the other side closes, is silent for so many milliseconds, or, as an event stream does,
    /// goes on for three times as long.
    private func exchange(_ bytes: [UInt8], patience: Int) throws(FuzzFinding) -> [UInt8] {
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: Array(path.utf8)) }
        let status = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        guard status == 0 else { throw FuzzFinding("no connection: \(String(cString: strerror(errno)))") }
        var limit = timeval(tv_sec: patience / 1_000, tv_usec: patience % 1_000 * 1_000)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        _ = send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL))
        shutdown(descriptor, Int32(SHUT_WR))
        var answer: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 65_536)
        let end = ContinuousClock.now + .milliseconds(3 * patience)
        while case let count = recv(descriptor, &piece, piece.count, 0), count > 0, answer.count < 1 << 20 {
            answer += piece.prefix(count)
            if ContinuousClock.now > end { break }
        }
        return answer
    }
}
