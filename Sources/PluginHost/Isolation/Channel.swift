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

    /// Takes the descriptor over.
    init(descriptor: Int32) { self.descriptor = descriptor }

    deinit {
        Glibc.close(descriptor)
        if passed >= 0 { Glibc.close(passed) }
    }

    func takeDescriptor() -> Int32 {
        defer { passed = -1 }
        return passed
    }

    func send(_ frame: Frame, descriptor passing: Int32 = -1) throws(Failure) {
        outgoing.removeAll(keepingCapacity: true)
        frame.encode(into: &outgoing)
        var position = 0
        while position < outgoing.count {
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

    /// The next frame, within the time; nil waits for ever.
    func receive(within timeout: Duration?) throws(Failure) -> Frame {
        let deadline = timeout.map { monotonicNanoseconds() + $0.wholeMilliseconds * 1_000_000 }
        while true {
            if let frame = try takeFrame() { return frame }
            try fill(timeout, deadline)
        }
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

    private func fill(_ timeout: Duration?, _ deadline: UInt64?) throws(Failure) {
        if end == incoming.count { makeRoom(incoming.count) }
        if end == incoming.count { makeRoom(incoming.count * 2) }
        setTimeout(timeout)
        let count = incoming.withUnsafeMutableBytes { raw in
            isolation_receive(descriptor, raw.baseAddress?.advanced(by: end), raw.count - end, &passed)
        }
        if count == 0 || count == -Int(ECONNRESET) { throw .closed }
        if count == -Int(EAGAIN) { throw .timeout }
        guard count > 0 else { throw .system(Int32(-count)) }
        end += count
        // A child that sends byte after byte must not stretch its time.
        if let deadline, monotonicNanoseconds() > deadline { throw .timeout }
    }

    private func setTimeout(_ timeout: Duration?) {
        let milliseconds = timeout.map { max(1, Int($0.wholeMilliseconds)) } ?? 0
        guard milliseconds != timeoutMilliseconds else { return }
        timeoutMilliseconds = milliseconds
        _ = isolation_set_timeout(descriptor, UInt32(clamping: milliseconds))
    }
}
