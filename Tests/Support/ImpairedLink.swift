import Glibc
import Synchronization

/// A TCP link of the loopback interface that is as bad as a test wants it: a proxy in this process that delays, slows,
/// holds and breaks what passes. For kernels without `tc netem`, and without root.
///
/// Two threads for each connection, which end with it. Safe from any thread.
public final class ImpairedLink: Sendable {
    /// How bad the link is; applies to what is read from then on.
    public struct Quality: Sendable {
        /// One way, in milliseconds.
        public var delayMilliseconds = 0
        /// Each way; nil for as fast as it goes.
        public var bytesPerSecond: Int?
        /// What the dialling side sends, and what it is to receive, is not read: buffers fill, nothing is closed.
        public var holdsOutgoing = false
        public var holdsIncoming = false

        public init() {}
    }

    public struct SetupFailure: Error { let operation: String }

    private struct State: Sendable {
        var quality = Quality()
        var sockets: Set<Int32> = []
        var isClosed = false
        var carried = 0
    }

    /// Where to dial.
    public let port: UInt16
    private let target: Mutex<UInt16>
    private let listener: Int32
    private let state = Mutex(State())
    private static let piece = 16 * 1024

    /// Listens on a free port of 127.0.0.1, and passes on to another.
    public init(to target: UInt16) throws {
        self.target = Mutex(target)
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        listener = descriptor
        guard descriptor >= 0, Self.withAddress(0, { bind(descriptor, $0, $1) }) == 0, listen(descriptor, 64) == 0
        else { throw SetupFailure(operation: "listen") }
        var bound = [UInt8](repeating: 0, count: 16)
        var length = socklen_t(bound.count)
        let status = bound.withUnsafeMutableBytes { bytes in
            bytes.withMemoryRebound(to: sockaddr.self) { getsockname(descriptor, $0.baseAddress, &length) }
        }
        guard status == 0 else { throw SetupFailure(operation: "getsockname") }
        port = UInt16(bound[2]) << 8 | UInt16(bound[3])
        Self.detach { self.accept() }
    }

    /// Bytes that have passed, both ways.
    public var carriedBytes: Int { state.withLock { $0.carried } }

    public func set(_ change: (inout Quality) -> Void) { state.withLock { change(&$0.quality) } }

    /// Where new connections go from now on: a peer that came back elsewhere.
    public func redirect(to port: UInt16) { target.withLock { $0 = port } }

    /// Breaks all connections off with a reset, as a router that forgot them does.
    public func reset() {
        state.withLock { state in
            for descriptor in state.sockets {
                var hard = linger(l_onoff: 1, l_linger: 0)
                setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &hard, socklen_t(MemoryLayout<linger>.size))
                // Wakes the threads, which close; the option makes that a reset.
                shutdown(descriptor, Int32(SHUT_RD))
            }
        }
    }

    /// Ends everything.
    public func close() {
        reset()
        state.withLock { $0.isClosed = true }
        shutdown(listener, Int32(SHUT_RDWR))
    }

    // MARK: Threads

    private func accept() {
        while true {
            let incoming = Glibc.accept(listener, nil, nil)
            if incoming < 0 { break }
            let outgoing = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
            let port = target.withLock { $0 }
            guard outgoing >= 0, Self.withAddress(port, { connect(outgoing, $0, $1) }) == 0 else {
                Glibc.close(incoming)
                if outgoing >= 0 { Glibc.close(outgoing) }
                continue
            }
            // Small, so that a link that holds is full soon.
            var size: Int32 = 64 * 1024
            for descriptor in [incoming, outgoing] {
                setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &size, socklen_t(MemoryLayout<Int32>.size))
                var on: Int32 = 1
                setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &on, socklen_t(MemoryLayout<Int32>.size))
            }
            let pair = Pair()
            state.withLock { _ = ($0.sockets.insert(incoming), $0.sockets.insert(outgoing)) }
            Self.detach { self.pass(incoming, outgoing, pair) { $0.holdsOutgoing } }
            Self.detach { self.pass(outgoing, incoming, pair) { $0.holdsIncoming } }
        }
        Glibc.close(listener)
    }

    /// The two directions of a connection: the second to end closes the sockets.
    private final class Pair: Sendable {
        private let ended = Mutex(0)
        func end() -> Bool {
            ended.withLock { count in
                count += 1
                return count == 2
            }
        }
    }

    private func pass(_ source: Int32, _ sink: Int32, _ pair: Pair, _ holds: (Quality) -> Bool) {
        var buffer = [UInt8](repeating: 0, count: Self.piece)
        var isOpen = true
        while isOpen {
            let (quality, isClosed) = state.withLock { ($0.quality, $0.isClosed) }
            if isClosed { break }
            if holds(quality) {
                usleep(5_000)
                continue
            }
            let count = read(source, &buffer, buffer.count)
            guard count > 0 else { break }
            // Each piece waits in turn: a delay of the link, and the time that its bytes take on it.
            var wait = quality.delayMilliseconds * 1_000
            if let rate = quality.bytesPerSecond { wait += count * 1_000_000 / max(rate, 1) }
            if wait > 0 { usleep(useconds_t(wait)) }
            var sent = 0
            while sent < count {
                let step = buffer.withUnsafeBytes { bytes in
                    bytes.baseAddress.map { send(sink, $0 + sent, count - sent, Int32(MSG_NOSIGNAL)) } ?? -1
                }
                guard step > 0 else {
                    isOpen = false
                    break
                }
                sent += step
            }
            state.withLock { $0.carried += sent }
        }
        shutdown(sink, Int32(SHUT_WR))
        shutdown(source, Int32(SHUT_RD))
        guard pair.end() else { return }
        state.withLock { _ = ($0.sockets.remove(source), $0.sockets.remove(sink)) }
        Glibc.close(source)
        Glibc.close(sink)
    }

    private static func detach(_ body: @escaping @Sendable () -> Void) {
        var thread = pthread_t()
        let box = Unmanaged.passRetained(ThreadBody(body))
        let status = pthread_create(
            &thread, nil,
            { argument in
                // Balanced by `passRetained` above; pthread hands over what it was given.
                if let argument { Unmanaged<ThreadBody>.fromOpaque(argument).takeRetainedValue().body() }
                return nil
            }, box.toOpaque())
        if status == 0 { pthread_detach(thread) } else { box.release() }
    }

    /// The address 127.0.0.1 with a port, as the system's functions take it: family, port and address in network order.
    private static func withAddress(_ port: UInt16, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32) -> Int32 {
        let family = UInt16(AF_INET)
        let bytes: [UInt8] =
            [UInt8(truncatingIfNeeded: family), UInt8(family >> 8), UInt8(port >> 8), UInt8(truncatingIfNeeded: port)]
            + [127, 0, 0, 1] + [UInt8](repeating: 0, count: 8)
        return bytes.withUnsafeBytes { raw in
            raw.withMemoryRebound(to: sockaddr.self) { $0.baseAddress.map { body($0, socklen_t(bytes.count)) } ?? -1 }
        }
    }
}

private final class ThreadBody: Sendable {
    let body: @Sendable () -> Void
    init(_ body: @escaping @Sendable () -> Void) { self.body = body }
}
