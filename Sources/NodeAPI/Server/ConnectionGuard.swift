import HTTPTypes
import NIOCore
import NIOHTTPTypes

/// Ends connections that would hold a place for ever: those of readers who take nothing of their answer, and of senders
/// who go on sending what was refused.
///
/// One for each connection, on its event loop.
final class ConnectionGuard: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPRequestPart
    typealias InboundOut = HTTPRequestPart
    typealias OutboundIn = HTTPResponsePart
    typealias OutboundOut = HTTPResponsePart

    private let patience: TimeAmount
    private var requestsRead = 0
    private var responsesWritten = 0
    /// The response that is being written is the last one.
    private var isLast = false
    private var hasEnded = false
    /// Writes that wait for the reader, and when one of them went on last.
    private var writing = 0
    private var moved = NIODeadline.now()
    private var check: Scheduled<Void>?

    /// How long a sender who was refused may go on sending, so that the answer reaches it before the connection breaks.
    private static let linger = TimeAmount.seconds(1)

    /// - Parameter patience: how long a piece of an answer may wait for its reader.
    init(patience: Duration) {
        self.patience = .nanoseconds(Int64(patience / .nanoseconds(1)))
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if case .end = unwrapInboundIn(data) { requestsRead += 1 }
        // Nobody is there who would take it.
        if hasEnded { return }
        context.fireChannelRead(data)
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        var part = unwrapOutboundIn(data)
        if case .head(var head) = part, head.status.kind != .informational {
            // An answer before the end of its question: the rest of it is not waited for.
            if requestsRead <= responsesWritten { head.headerFields[.connection] = "close" }
            isLast = head.headerFields[.connection] == "close"
            part = .head(head)
        }
        let written = promise ?? context.eventLoop.makePromise()
        watch(written.futureResult, context)
        guard case .end = part else { return context.write(wrapOutboundOut(part), promise: written) }
        responsesWritten += 1
        if isLast { close(after: written.futureResult, context) }
        context.write(wrapOutboundOut(part), promise: written)
    }

    func handlerRemoved(context: ChannelHandlerContext) { check?.cancel() }
    func channelInactive(context: ChannelHandlerContext) {
        check?.cancel()
        context.fireChannelInactive()
    }

    // MARK: Closing

    private func close(after written: EventLoopFuture<Void>, _ context: ChannelHandlerContext) {
        hasEnded = true
        written.assumeIsolated().whenComplete { _ in
            context.close(mode: .output, promise: nil)
            context.eventLoop.assumeIsolated().scheduleTask(in: Self.linger) { context.close(promise: nil) }
        }
    }

    // MARK: Readers that stop

    private func watch(_ written: EventLoopFuture<Void>, _ context: ChannelHandlerContext) {
        if writing == 0 { moved = .now() }
        writing += 1
        written.assumeIsolated().whenComplete { _ in
            self.writing -= 1
            self.moved = .now()
        }
        if check == nil { look(context, in: patience) }
    }

    private func look(_ context: ChannelHandlerContext, in time: TimeAmount) {
        check = context.eventLoop.assumeIsolated().scheduleTask(in: time) {
            self.check = nil
            guard self.writing > 0 else { return }
            let end = self.moved + self.patience
            if end <= .now() { context.close(promise: nil) } else { self.look(context, in: end - .now()) }
        }
    }
}
