import NIOCore
import Synchronization

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// A connection to a peer that has proven who it is: what other threads see of a `ConnectionHandler`. Any thread.
final class Connection: Sendable {
    let peer: PeerID
    let remote: Multiaddr
    let isInbound: Bool
    let channel: any Channel
    let established: NIODeadline
    let traffic = TrafficCounter()
    /// What its streams hold: received and not read, written and not sent.
    let held = HeldBytes()

    private struct Mailbox: Sendable {
        var streams: [PeerStream] = []
        var isScheduled = false
        /// The channel is closed: its thread may end at any time, and takes no more work.
        var isClosed = false
    }

    private let handler: NIOLoopBoundBox<ConnectionHandler?>
    private let mailbox = Mutex(Mailbox())

    /// On the channel's thread.
    init(peer: PeerID, remote: Multiaddr, isInbound: Bool, channel: any Channel, handler: ConnectionHandler) {
        self.peer = peer
        self.remote = remote
        self.isInbound = isInbound
        self.channel = channel
        established = channel.eventLoop.now
        self.handler = NIOLoopBoundBox(handler, eventLoop: channel.eventLoop)
    }

    /// Has the connection look at a stream soon; many streams cost one change of threads.
    func attend(_ stream: PeerStream) {
        mailbox.withLock { mailbox in
            guard !mailbox.isClosed else { return }
            mailbox.streams.append(stream)
            guard !mailbox.isScheduled else { return }
            mailbox.isScheduled = true
            channel.eventLoop.execute { self.drain() }
        }
    }

    private func drain() {
        let streams = mailbox.withLock { mailbox -> [PeerStream] in
            defer {
                mailbox.streams = []
                mailbox.isScheduled = false
            }
            return mailbox.streams
        }
        handler.value?.attend(to: streams)
    }

    /// Runs the body on the channel's thread, unless the channel is closed. The lock keeps the thread alive meanwhile:
    /// `detach` has to take it before the thread can end. The body gets nil where the channel closes before its turn.
    @discardableResult
    private func perform(_ body: @escaping @Sendable (ConnectionHandler?) -> Void) -> Bool {
        mailbox.withLock { mailbox in
            guard !mailbox.isClosed else { return false }
            channel.eventLoop.execute { body(self.handler.value) }
            return true
        }
    }

    /// Runs the body on the channel's thread after a time, unless the channel is closed then.
    func schedule(after time: Duration, _ body: @escaping @Sendable () -> Void) -> Scheduled<Void>? {
        mailbox.withLock { mailbox in
            mailbox.isClosed ? nil : channel.eventLoop.scheduleTask(in: TimeAmount(time), body)
        }
    }

    /// Opens a stream for the first of the protocols that the peer speaks. With one protocol, and lazily, the stream is
    /// there at once, and an error shows when it is read.
    func open(_ protocols: [String], lazily: Bool) async throws(WireError) -> PeerStream {
        let closed = Opening.failure(WireError(.closed, "the connection is closed", at: "connection"))
        let outcome = await withCheckedContinuation { (continuation: CheckedContinuation<Opening, Never>) in
            let runs = perform { handler in
                // Whoever waits is answered in any case.
                guard let handler else { return continuation.resume(returning: closed) }
                handler.open(protocols, lazily: lazily) { continuation.resume(returning: $0) }
            }
            if !runs { continuation.resume(returning: closed) }
        }
        return try outcome.get()
    }

    typealias Opening = Result<PeerStream, WireError>

    /// A handler of the peer's stream has returned.
    func handlerEnded() { perform { $0?.runningHandlers -= 1 } }

    /// Says goodbye and closes; returns when the socket is closed.
    func close(_ reason: WireError) async {
        perform { $0?.leave(reason) }
        // A close that failed has closed too.
        try? await channel.closeFuture.get()
    }

    /// On the channel's thread, when the channel is closed: nothing more can be asked of it.
    func detach() {
        mailbox.withLock { mailbox in
            mailbox.isClosed = true
            mailbox.streams = []
        }
        handler.value = nil
    }
}

extension WireError {
    /// An error of ours as it is; another one as the system's. That the other side is gone may come as an error of a
    /// read or a write, and means the same as an end.
    init(wrapping error: any Error) {
        if let error = error as? WireError {
            self = error
        } else if let error = error as? IOError, [ECONNRESET, EPIPE, ENOTCONN].contains(error.errnoCode) {
            self = WireError(.closed, "\(error)", at: "socket")
        } else {
            self = WireError(.system, "\(error)", at: "socket")
        }
    }
}
