import CIsolation
import Glibc

/// One end of the socket pair. Used by one thread at a time.
final class Channel {
    enum Failure: Error {
        /// The other side has gone.
        case closed
        case timeout
        /// Bytes that are no frame.
        case broken
        case system(Int32)
    }

    let descriptor: Int32
    private var outgoing: [UInt8] = []
    // Bytes received and not yet used lie from `start` to `end`.
    private var incoming = [UInt8](repeating: 0, count: 1 << 16)
    private var start = 0
    private var end = 0
    // The socket's timeout as it is set, so that it is set only when it changes.
    private var timeoutMilliseconds = -1
    /// A descriptor that came with the last frames; taken by who expects one.
    private var passed: Int32 = -1

    /// Whether the other side may pass descriptors. A child may not: it could fill the host's table with them.
    private let takesDescriptors: Bool

    /// Takes the descriptor over.
    init(descriptor: Int32, takesDescriptors: Bool) {
        self.descriptor = descriptor
        self.takesDescriptors = takesDescriptors
    }

    deinit {
        Glibc.close(descriptor)
        if passed >= 0 { Glibc.close(passed) }
    }

    func takeDescriptor() -> Int32 {
        defer { passed = -1 }
        return passed
    }

    /// Sends a frame before the deadline; without one it waits for ever.
    func send(_ frame: Frame, by deadline: Deadline?, descriptor passing: Int32 = -1) throws(Failure) {
        outgoing.removeAll(keepingCapacity: true)
        frame.encode(into: &outgoing)
        var position = 0
        while position < outgoing.count {
            try setTimeout(deadline)
            let count = outgoing.withUnsafeBytes { raw in
                isolation_send(
                    descriptor, raw.baseAddress?.advanced(by: position), raw.count - position,
                    position == 0 ? passing : -1)
            }
            if count == -Int(EPIPE) || count == -Int(ECONNRESET) { throw .closed }
            if count == -Int(EAGAIN) { throw .timeout }
            guard count > 0 else { throw .system(Int32(-count)) }
            position += count
        }
    }

    /// The next frame, before the deadline; without one it waits for ever.
    func receive(by deadline: Deadline?) throws(Failure) -> Frame {
        while true {
            if let frame = try takeFrame() { return frame }
            try fill(deadline)
        }
    }

    /// Whether bytes were received and not taken: nobody is told of them by the descriptor.
    var hasReceived: Bool { end > start }

    /// Whether there are bytes that were not taken yet, or the other side has closed. Does not wait.
    var hasMore: Bool {
        if hasReceived { return true }
        var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        return poll(&entry, 1, 0) > 0
    }

    private func takeFrame() throws(Failure) -> Frame? {
        guard end - start >= Frame.headSize else { return nil }
        let size = incoming.withUnsafeBytes { Frame.bodySize(UnsafeRawBufferPointer(rebasing: $0[start..<end])) }
        guard let size else { throw .broken }
        let whole = Frame.headSize + size
        guard end - start >= whole else {
            if incoming.count - start < whole { makeRoom(whole) }
            return nil
        }
        let frame = incoming.withUnsafeBytes { Frame(UnsafeRawBufferPointer(rebasing: $0[start..<start + whole])) }
        start += whole
        if start == end { (start, end) = (0, 0) }
        guard let frame else { throw .broken }
        return frame
    }

    private func makeRoom(_ size: Int) {
        let rest = Array(incoming[start..<end])
        if incoming.count < size { incoming = [UInt8](repeating: 0, count: size) }
        incoming.replaceSubrange(0..<rest.count, with: rest)
        (start, end) = (0, rest.count)
    }

    private func fill(_ deadline: Deadline?) throws(Failure) {
        if end == incoming.count { makeRoom(incoming.count) }
        if end == incoming.count { makeRoom(incoming.count * 2) }
        try setTimeout(deadline)
        let count = incoming.withUnsafeMutableBytes { raw in
            let place = raw.baseAddress?.advanced(by: end)
            return takesDescriptors
                ? isolation_receive(descriptor, place, raw.count - end, &passed)
                : isolation_receive(descriptor, place, raw.count - end, nil)
        }
        if count == 0 || count == -Int(ECONNRESET) { throw .closed }
        if count == -Int(EAGAIN) { throw .timeout }
        if count == -Int(EBADMSG) { throw .broken }
        guard count > 0 else { throw .system(Int32(-count)) }
        end += count
    }

    /// Gives the socket what is left of the time. What is set stays while it is at most an eighth too long: a call then
    /// costs no system call for it, and whoever sends byte after byte gains no more than that.
    private func setTimeout(_ deadline: Deadline?) throws(Failure) {
        guard let deadline else { return setTimeout(milliseconds: 0) }
        let left = deadline.millisecondsLeft
        guard left > 0 else { throw .timeout }
        if timeoutMilliseconds >= left, timeoutMilliseconds - left <= deadline.milliseconds / 8 { return }
        setTimeout(milliseconds: left)
    }

    private func setTimeout(milliseconds: Int) {
        guard milliseconds != timeoutMilliseconds else { return }
        timeoutMilliseconds = milliseconds
        _ = isolation_set_timeout(descriptor, UInt32(clamping: milliseconds))
    }
}

/// When an exchange must be over. One for all its frames: each is sent and received within what is left.
struct Deadline {
    /// The whole time that was given.
    let milliseconds: Int
    private let end: UInt64

    init(after duration: Duration) {
        milliseconds = max(1, Int(clamping: duration.wholeMilliseconds))
        end = monotonicNanoseconds() &+ UInt64(milliseconds) * 1_000_000
    }

    /// Rounded up; zero when it is over.
    var millisecondsLeft: Int {
        let now = monotonicNanoseconds()
        return now >= end ? 0 : Int((end - now + 999_999) / 1_000_000)
    }
}
