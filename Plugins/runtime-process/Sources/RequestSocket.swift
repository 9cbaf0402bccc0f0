import CSandbox
import Glibc
import PluginKit

/// This side of the socket on which a serving task takes requests: a line each way. Belongs to the plugin's lane.
final class RequestSocket {
    static let requestLimitBytes = 4096
    static let answerLimitBytes = 64 << 10

    private let own: Int32
    /// The task's end, until the task has it.
    private(set) var taskEnd: Int32
    private var isAwaited = false
    /// The task has closed its end.
    private(set) var isClosed = false
    private var received: [UInt8] = []

    init() throws(PluginFailure) {
        var ends: [Int32] = [-1, -1]
        guard sandbox_request_socket(&ends) == 0 else {
            throw PluginFailure(.unavailable, "no socket for requests: \(String(cString: strerror(errno)))")
        }
        own = ends[0]
        taskEnd = ends[1]
        _ = fcntl(own, F_SETFL, O_NONBLOCK)
    }

    deinit {
        close(own)
        handOver()
    }

    /// The descriptor that an answer is awaited on, or -1.
    var awaited: Int32 { isAwaited && !isClosed ? own : -1 }

    /// The task has its end now; with this copy closed, the task's death is seen here.
    func handOver() {
        if taskEnd >= 0 { close(taskEnd) }
        taskEnd = -1
    }

    func send(_ request: [UInt8]) throws(PluginFailure) {
        guard !isAwaited else { throw PluginFailure(.state, "the last request is not answered") }
        guard request.count <= Self.requestLimitBytes, !request.contains(0x0A) else {
            throw PluginFailure(.invalid, "a request is one line of at most \(Self.requestLimitBytes) bytes")
        }
        let line = request + [0x0A]
        // Smaller than a socket's buffer, which is empty: an earlier request was answered, so it was read.
        guard Glibc.send(own, line, line.count, Int32(MSG_NOSIGNAL)) == line.count else {
            throw PluginFailure(.state, "the task takes no requests: \(String(cString: strerror(errno)))")
        }
        isAwaited = true
    }

    /// The answer, without the end of its line, once all of it has come.
    func receive() throws(PluginFailure) -> [UInt8]? {
        guard isAwaited else { throw PluginFailure(.state, "no request waits for an answer") }
        var part = [UInt8](repeating: 0, count: 4096)
        while !received.contains(0x0A) {
            let got = recv(own, &part, part.count, 0)
            if got < 0, errno == EINTR { continue }
            isClosed = got == 0
            guard got > 0 else { return nil }
            received += part[..<got]
            guard received.count <= Self.answerLimitBytes else {
                throw PluginFailure(.limit, "the answer has more than \(Self.answerLimitBytes) bytes")
            }
        }
        guard let end = received.firstIndex(of: 0x0A), end > 0, end == received.count - 1 else {
            throw PluginFailure(.refused, "the task answered with something else than one line")
        }
        let answer = Array(received[..<end])
        received = []
        isAwaited = false
        return answer
    }
}
