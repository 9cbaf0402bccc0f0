import Dispatch
import Glibc
import Node
import NodeAPI
import Primitives
import Synchronization
import TestSupport

/// Runs a server for the length of `body` and hands out a client.
func withServer<Value: Sendable>(
    _ service: any NodeService, unixSocket: Bool = true, limits: APILimits = APILimits(),
    token: BearerToken = BearerToken("correct-horse-battery"),
    _ body: @escaping @Sendable (NodeAddress) async throws -> Value
) async throws -> Value {
    let folder = try TemporaryFolder()
    defer { withExtendedLifetime(folder) {} }
    let socket = folder.path("api.sock")
    let server = APIServer(
        service: service,
        address: unixSocket ? .unixSocket(path: socket) : .loopback(host: "127.0.0.1", port: 0, token: token),
        limits: limits)
    let (ports, ready) = AsyncStream.makeStream(of: Int.self)
    let serving = Task {
        do {
            try await server.run { port in
                ready.yield(port)
                ready.finish()
            }
        } catch {
            print("the server ended: \(error)")
        }
        ready.finish()
    }
    var port: Int?
    for await bound in ports { port = bound }
    guard let port else { throw ServiceError(.unavailable, "the server did not start") }
    let result = await Task {
        try await body(unixSocket ? .unixSocket(path: socket) : .http(host: "127.0.0.1", port: port))
    }.result
    serving.cancel()
    await serving.value
    return try result.get()
}

/// A bare TCP or Unix connection, for requests that no client library would send. Blocking; for short exchanges.
///
/// Waiting happens on a thread of Dispatch: the server under test needs those of the cooperative pool.
final class RawConnection: Sendable {
    private let descriptor: Int32

    init?(_ address: NodeAddress) {
        switch address {
        case .http(_, let port):
            descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
            var target = sockaddr_in()
            target.sin_family = sa_family_t(AF_INET)
            target.sin_port = in_port_t(port).bigEndian
            target.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
            let code = withUnsafePointer(to: &target) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
                }
            }
            if code != 0 { return nil }
        case .unixSocket: return nil
        }
        var limit = timeval(tv_sec: 30, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    }

    deinit { close(descriptor) }

    func send(_ text: String) { send(Array(text.utf8)) }
    func send(_ bytes: [UInt8]) { _ = Glibc.send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL)) }

    /// What arrives until the other side closes, nothing comes for half a minute, or `end` has been seen.
    func receive(until end: String? = nil) async -> String {
        String(decoding: await receiveBytes(until: end), as: UTF8.self)
    }

    func receiveBytes(until end: String? = nil) async -> [UInt8] {
        await withCheckedContinuation { continuation in
            DispatchQueue.global().async { continuation.resume(returning: self.wait(until: end)) }
        }
    }

    private func wait(until end: String?) -> [UInt8] {
        var bytes: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = recv(descriptor, &piece, piece.count, 0)
            if count <= 0 { break }
            bytes += piece.prefix(count)
            if let end, String(decoding: bytes, as: UTF8.self).contains(end) { break }
        }
        return bytes
    }
}
