import NIOCore
import Synchronization

/// A connection to a peer that has proven who it is: what other threads see of a `ConnectionHandler`. Any thread.
final class Connection: Sendable {
    let peer: PeerID
    let remote: Multiaddr
    let isInbound: Bool
    let channel: any Channel
    let established: NIODeadline
    let traffic = TrafficCounter()

    private struct Mailbox: Sendable {
        var streams: [PeerStream] = []
        var isScheduled = false
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
        let schedules = mailbox.withLock { mailbox -> Bool in
            mailbox.streams.append(stream)
            defer { mailbox.isScheduled = true }
            return !mailbox.isScheduled
        }
        guard schedules else { return }
        channel.eventLoop.execute {
            let streams = self.mailbox.withLock { mailbox -> [PeerStream] in
                defer { mailbox = Mailbox() }
                return mailbox.streams
            }
            self.handler.value?.attend(to: streams)
        }
    }

    /// Opens a stream for the first of the protocols that the peer speaks. With one protocol, and lazily, the stream is
    /// there at once, and an error shows when it is read.
    func open(_ protocols: [String], lazily: Bool) async throws(WireError) -> PeerStream {
        let promise = channel.eventLoop.makePromise(of: PeerStream.self)
        channel.eventLoop.execute {
            guard let handler = self.handler.value else {
                promise.fail(WireError(.closed, "the connection is closed", at: "connection"))
                return
            }
            handler.open(protocols, lazily: lazily, promise)
        }
        do { return try await promise.futureResult.get() } catch { throw WireError(wrapping: error) }
    }

    /// A handler of the peer's stream has returned.
    func handlerEnded() { channel.eventLoop.execute { self.handler.value?.runningHandlers -= 1 } }

    /// Says goodbye and closes; returns when the socket is closed.
    func close(_ reason: WireError) async {
        channel.eventLoop.execute { self.handler.value?.leave(reason) }
        // A close that failed has closed too.
        try? await channel.closeFuture.get()
    }

    /// On the channel's thread, when the channel is closed: nothing more can be asked of it.
    func detach() { handler.value = nil }
}

extension WireError {
    /// An error of ours as it is; another one as the system's.
    init(wrapping error: any Error) {
        self = (error as? WireError) ?? WireError(.system, "\(error)", at: "socket")
    }
}
