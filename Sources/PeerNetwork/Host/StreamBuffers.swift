import NIOCore

/// What a stream holds between the thread of its connection and the tasks that use it. Behind the stream's lock.
struct StreamBuffers: Sendable {
    /// What a task asked of the connection.
    struct Requests: Sendable {
        /// Bytes that readers took.
        var credit: Int
        var hasOutput: Bool
        /// All that was written may go, and then the end.
        var wantsEnd: Bool
        var isReleased: Bool
        var resets: Bool
    }

    /// Bytes for readers.
    var inbox = CircularBuffer<ByteBuffer>()
    private(set) var inboxBytes = 0
    /// What a reader of messages has taken and not used.
    var leftover = ByteBuffer()
    var receivedEnd = false
    var credit = 0
    /// Whether the inbox's last chunk is memory of ours, to which small pieces can be added.
    private var tailIsOwn = false

    var outbox = CircularBuffer<ByteBuffer>()
    var outboxBytes = 0
    var wantsEnd = false
    var isReleased = false
    var resets = false
    var failure: WireError?

    var reader: CheckedContinuation<Void, Never>?
    var writers: [UInt64: CheckedContinuation<Void, Never>] = [:]
    var nextWriter: UInt64 = 0
    /// Whether the connection has been told already.
    var isQueued = false
    /// A stream of ours that the peer has not heard of: the first use sends the proposal.
    var isUnopened = false

    /// A piece that is smaller than this part of the memory it lies in is copied, so that a peer cannot make us keep
    /// large blocks for small pieces.
    private static let keptShare = 4
    private static let tailLimit = 16 * 1024

    mutating func append(_ bytes: ByteBuffer) {
        inboxBytes += bytes.readableBytes
        guard bytes.readableBytes * StreamBuffers.keptShare < bytes.storageCapacity else {
            inbox.append(bytes)
            tailIsOwn = false
            return
        }
        if tailIsOwn, let last = inbox.indices.last, inbox[last].readableBytes < StreamBuffers.tailLimit {
            inbox[last].writeImmutableBuffer(bytes)
        } else {
            var copy = ByteBuffer()
            copy.writeImmutableBuffer(bytes)
            inbox.append(copy)
            tailIsOwn = true
        }
    }

    /// The next chunk for a reader.
    mutating func take() -> ByteBuffer? {
        if leftover.readableBytes > 0 {
            defer { leftover = ByteBuffer() }
            return leftover
        }
        guard let chunk = inbox.popFirst() else { return nil }
        if inbox.isEmpty { tailIsOwn = false }
        credit += chunk.readableBytes
        inboxBytes -= chunk.readableBytes
        return chunk
    }

    mutating func takeRequests() -> Requests {
        isQueued = false
        isUnopened = false
        defer { credit = 0 }
        return Requests(
            credit: credit, hasOutput: outboxBytes > 0, wantsEnd: wantsEnd, isReleased: isReleased, resets: resets)
    }

    /// Hands over up to `count` bytes of what was written.
    mutating func takeOutput(_ count: Int, _ body: (ByteBuffer) -> Void) {
        var rest = count
        while rest > 0, let first = outbox.indices.first {
            let size = outbox[first].readableBytes
            if size <= rest {
                body(outbox.removeFirst())
                rest -= size
                outboxBytes -= size
            } else if let part = outbox[first].readSlice(length: rest) {
                body(part)
                outboxBytes -= rest
                rest = 0
            }
        }
    }

    /// Everybody who waits, to be resumed outside the lock.
    mutating func takeWaiting() -> [CheckedContinuation<Void, Never>] {
        defer {
            reader = nil
            writers = [:]
        }
        return Array(writers.values) + (reader.map { [$0] } ?? [])
    }
}
