import NIOCore
import Synchronization

/// A stream to a peer: bytes in order in both directions, each of which ends on its own.
///
/// Safe from any thread; one task reads at a time, any number write. Both directions have back pressure: what is not
/// read keeps the peer from sending more on this stream, and writers wait while the peer does not read.
/// Whoever holds a stream calls `close()` or `reset(_:)` when done with it; the host does so for handlers.
public final class PeerStream: Sendable {
    /// The protocol that both sides agreed on.
    public let protocolID: String
    public let peer: PeerID
    /// Whether the peer opened it.
    public let isInbound: Bool
    /// The address of the peer's end of the connection.
    public var remote: Multiaddr { connection.remote }

    /// Waits for the streams that are not.
    let isBulk: Bool
    let number: UInt32
    let connection: Connection
    let traffic: TrafficCounter
    let buffers: Mutex<StreamBuffers>
    private let writeBuffer: Int
    /// Readers' use of memory is reported in steps of this many bytes at least: less than half of a window.
    private static let creditStep = 64 * 1024

    init(
        _ number: UInt32, protocolID: String, isInbound: Bool, connection: Connection, traffic: TrafficCounter,
        writeBuffer: Int, isUnopened: Bool, isBulk: Bool = false
    ) {
        self.isBulk = isBulk
        self.number = number
        self.protocolID = protocolID
        self.isInbound = isInbound
        self.connection = connection
        self.traffic = traffic
        self.writeBuffer = writeBuffer
        peer = connection.peer
        var initial = StreamBuffers()
        initial.isUnopened = isUnopened
        buffers = Mutex(initial)
    }

    /// What nobody has read is no longer held.
    deinit {
        let left = buffers.withLock { $0.inboxBytes + $0.outboxBytes }
        if left > 0 { connection.held.add(-left) }
    }

    /// The next bytes, or nil when the peer has ended its side. Waits for them.
    public func read() async throws(WireError) -> ByteBuffer? {
        while true {
            var chunk: ByteBuffer?
            var failure: WireError?
            let (isOver, tells) = buffers.withLock { buffers -> (Bool, Bool) in
                let before = buffers.inboxBytes
                chunk = buffers.take()
                connection.held.add(buffers.inboxBytes - before)
                // An end or an error comes after what was received before it.
                if chunk == nil { failure = buffers.failure }
                let isOver = chunk != nil || failure != nil || buffers.receivedEnd
                let isDue = buffers.credit >= PeerStream.creditStep || buffers.isUnopened
                return (isOver, isDue && queue(&buffers))
            }
            if tells { connection.attend(self) }
            if let failure { throw failure }
            if isOver { return chunk }
            if Task.isCancelled { throw WireError(.cancelled, "the reading task was cancelled", at: place) }
            try await waitForInput()
        }
    }

    /// Writes bytes. Returns when they are on their way or wait in a buffer with room; they are in order. A task that
    /// is cancelled while it waits for room has written all the same.
    public func write(_ bytes: ByteBuffer) async throws(WireError) {
        guard bytes.readableBytes > 0 else { return }
        var failure: WireError?
        let (tells, waits) = buffers.withLock { buffers -> (Bool, Bool) in
            failure = writeFailure(buffers)
            if failure != nil { return (false, false) }
            buffers.outbox.append(bytes)
            buffers.outboxBytes += bytes.readableBytes
            connection.held.add(bytes.readableBytes)
            return (queue(&buffers), buffers.outboxBytes > writeBuffer)
        }
        if let failure { throw failure }
        if tells { connection.attend(self) }
        if waits { try await waitForRoom() }
    }

    public func write(_ bytes: [UInt8]) async throws(WireError) { try await write(ByteBuffer(bytes: bytes)) }

    /// Ends this side: the peer reads what was written, and then the end. It may still send.
    public func closeWrite() {
        let tells = buffers.withLock { buffers -> Bool in
            guard buffers.failure == nil, !buffers.wantsEnd else { return false }
            buffers.wantsEnd = true
            return queue(&buffers)
        }
        if tells { connection.attend(self) }
    }

    /// Done with the stream: ends this side, and reads nothing more. A peer that sends more all the same, or does not
    /// end its side within the configured time, has the stream broken off.
    public func close() {
        let tells = buffers.withLock { buffers -> Bool in
            guard buffers.failure == nil, !buffers.isReleased else { return false }
            buffers.isReleased = true
            buffers.wantsEnd = true
            return queue(&buffers)
        }
        if tells { connection.attend(self) }
    }

    /// Breaks the stream off in both directions; what was not sent is dropped.
    public func reset(_ reason: String = "broken off by this side") {
        end(with: WireError(.reset, reason, at: place), tellsPeer: true)
    }

    /// Breaks the stream off when the time has passed; the answer cancels that.
    @discardableResult
    public func reset(after time: Duration) -> StreamDeadline {
        let place = place
        return StreamDeadline(
            connection.schedule(after: time) { [weak self] in
                self?.end(with: WireError(.timeout, "the deadline of \(time) passed", at: place), tellsPeer: true)
            })
    }

    var place: String { "stream \(number) of \(protocolID)" }

    // MARK: Waiting

    /// Marks the stream as one that the connection has to look at; whether it has to be told.
    private func queue(_ buffers: inout StreamBuffers) -> Bool {
        guard !buffers.isQueued else { return false }
        buffers.isQueued = true
        return true
    }

    private func writeFailure(_ buffers: StreamBuffers) -> WireError? {
        if let failure = buffers.failure { return failure }
        return buffers.wantsEnd ? WireError(.misuse, "this side has ended", at: place) : nil
    }

    private func waitForInput() async throws(WireError) {
        let isAlone = await withTaskCancellationHandler {
            var isAlone = true
            await withCheckedContinuation { continuation in
                let resumes = buffers.withLock { buffers -> Bool in
                    isAlone = buffers.reader == nil
                    let isReady =
                        !buffers.inbox.isEmpty || buffers.receivedEnd || buffers.failure != nil || Task.isCancelled
                    if isReady || !isAlone { return true }
                    buffers.reader = continuation
                    return false
                }
                if resumes { continuation.resume() }
            }
            return isAlone
        } onCancel: {
            wake()
        }
        guard isAlone else { throw WireError(.misuse, "two tasks read at the same time", at: place) }
    }

    private func waitForRoom() async throws(WireError) {
        while true {
            let (failure, isFull) = buffers.withLock { ($0.failure, $0.outboxBytes > writeBuffer) }
            if let failure { throw failure }
            guard isFull else { return }
            if Task.isCancelled { throw WireError(.cancelled, "the writing task was cancelled", at: place) }
            await withTaskCancellationHandler {
                await withCheckedContinuation { continuation in
                    let resumes = buffers.withLock { buffers -> Bool in
                        let isReady = buffers.outboxBytes <= writeBuffer || buffers.failure != nil
                        if isReady || Task.isCancelled { return true }
                        buffers.nextWriter += 1
                        buffers.writers[buffers.nextWriter] = continuation
                        return false
                    }
                    if resumes { continuation.resume() }
                }
            } onCancel: {
                wake()
            }
        }
    }

    private func wake() {
        for waiting in buffers.withLock({ $0.takeWaiting() }) { waiting.resume() }
    }

    /// Ends the stream with an error for all who use it.
    func end(with error: WireError, tellsPeer: Bool) {
        let (tells, waiting) = buffers.withLock { buffers -> (Bool, [CheckedContinuation<Void, Never>]) in
            guard buffers.failure == nil else { return (false, []) }
            buffers.failure = error
            buffers.outbox.removeAll()
            connection.held.add(-buffers.outboxBytes)
            buffers.outboxBytes = 0
            buffers.resets = tellsPeer
            return (tellsPeer && queue(&buffers), buffers.takeWaiting())
        }
        if tells { connection.attend(self) }
        for one in waiting { one.resume() }
    }
}

/// A deadline that can be taken back. Safe from any thread.
public struct StreamDeadline: Sendable {
    private let task: Scheduled<Void>?
    init(_ task: Scheduled<Void>?) { self.task = task }
    public func cancel() { task?.cancel() }
}

// MARK: For the connection, on its thread

extension PeerStream {
    /// Puts bytes where readers find them; whether one waits, which `wakeReader` is to be called for.
    func deliver(_ bytes: ByteBuffer) -> Bool {
        traffic.receive(bytes.readableBytes)
        return buffers.withLock { buffers in
            buffers.append(bytes)
            connection.held.add(bytes.readableBytes)
            return buffers.reader != nil
        }
    }

    func wakeReader() {
        let reader = buffers.withLock { buffers -> CheckedContinuation<Void, Never>? in
            defer { buffers.reader = nil }
            return buffers.reader
        }
        reader?.resume()
    }

    func deliverEnd() {
        let reader = buffers.withLock { buffers -> CheckedContinuation<Void, Never>? in
            buffers.receivedEnd = true
            defer { buffers.reader = nil }
            return buffers.reader
        }
        reader?.resume()
    }

    /// Hands over bytes to send; wakes writers when there is room again.
    func takeOutput(_ count: Int, _ body: (ByteBuffer) -> Void) {
        traffic.send(count)
        let writers = buffers.withLock { buffers -> [CheckedContinuation<Void, Never>] in
            let before = buffers.outboxBytes
            buffers.takeOutput(count, body)
            connection.held.add(buffers.outboxBytes - before)
            guard buffers.outboxBytes <= writeBuffer / 2, !buffers.writers.isEmpty else { return [] }
            defer { buffers.writers = [:] }
            return Array(buffers.writers.values)
        }
        for writer in writers { writer.resume() }
    }
}
