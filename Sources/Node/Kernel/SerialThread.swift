import Glibc
import Synchronization

/// A thread of its own for one state that nothing else touches: callers hand it closures, it runs them in order.
///
/// The kernel and blocking plugin calls run here and never on Swift's cooperative pool, where a blocking call would
/// hold up unrelated tasks. Between closures the thread sleeps until the next closure or the state's own next deadline.
final class SerialThread<State: SerialThreadState>: Sendable {
    typealias Command = @Sendable (inout State) -> Void

    private struct Shared {
        var commands: [Command] = []
        var stopping = false
        var ended = false
        var waiters: [CheckedContinuation<Void, Never>] = []
    }

    private let shared = Mutex(Shared())
    /// A pipe that holds a byte once a command or a stop is waiting; the thread polls its reading end.
    private let wakeRead: Int32
    private let wakeWrite: Int32

    /// Starts the thread; `makeState` runs on it, and its error, if any, is thrown here.
    init(name: String, makeState: @escaping @Sendable () throws -> State) async throws {
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else { throw FileError(operation: "pipe", path: name, code: errno) }
        (wakeRead, wakeWrite) = (ends[0], ends[1])
        for end in ends {
            _ = fcntl(end, F_SETFL, O_NONBLOCK)
            _ = fcntl(end, F_SETFD, FD_CLOEXEC)
        }
        try await withCheckedThrowingContinuation { (ready: CheckedContinuation<Void, any Error>) in
            let main: @Sendable () -> Void = { [self] in
                do {
                    var state = try makeState()
                    ready.resume()
                    run(&state)
                } catch {
                    ready.resume(throwing: error)
                }
                finish()
            }
            do throws(FileError) {
                try DetachedThread.start(name: name, main)
            } catch {
                ready.resume(throwing: error)
            }
        }
    }

    deinit {
        close(wakeRead)
        close(wakeWrite)
    }

    /// Hands over a closure and does not wait. False when the thread is stopping: the closure will not run.
    @discardableResult
    func post(_ command: @escaping Command) -> Bool {
        let accepted = shared.withLock { shared in
            if shared.stopping { return false }
            shared.commands.append(command)
            return true
        }
        if accepted { signal() }
        return accepted
    }

    /// Runs a closure on the thread and returns what it returns.
    ///
    /// - Throws: the closure's error, or `ThreadStopped`.
    func perform<Result: Sendable>(
        _ body: @escaping @Sendable (inout State) throws -> Result
    ) async throws -> Result {
        try await withCheckedThrowingContinuation { continuation in
            let accepted = post { state in continuation.resume(with: Swift.Result { try body(&state) }) }
            if !accepted { continuation.resume(throwing: ThreadStopped()) }
        }
    }

    /// Lets what was handed over finish, then ends the thread and waits for that.
    func stop() async {
        await withCheckedContinuation { continuation in
            let alreadyEnded = shared.withLock { shared in
                shared.stopping = true
                if !shared.ended { shared.waiters.append(continuation) }
                return shared.ended
            }
            if alreadyEnded { continuation.resume() } else { signal() }
        }
    }

    private func signal() {
        // A full pipe means that the thread has been woken often enough.
        var byte: UInt8 = 1
        _ = write(wakeWrite, &byte, 1)
    }

    private func run(_ state: inout State) {
        while true {
            let (commands, stopping) = shared.withLock { shared in
                defer { shared.commands = [] }
                return (shared.commands, shared.stopping)
            }
            for command in commands { command(&state) }
            state.settle()
            if !commands.isEmpty { continue }
            if stopping { return }
            sleep(until: state.nextDeadline, watching: state.watchedDescriptor)
        }
    }

    private func sleep(until deadline: ContinuousClock.Instant?, watching watched: Int32?) {
        var entries = [pollfd(fd: wakeRead, events: Int16(POLLIN), revents: 0)]
        if let watched { entries.append(pollfd(fd: watched, events: Int16(POLLIN), revents: 0)) }
        var timeout: Int32 = -1
        if let deadline {
            let left = deadline - ContinuousClock.now
            let milliseconds = left.components.seconds * 1000 + left.components.attoseconds / 1_000_000_000_000_000
            timeout = Int32(clamping: max(0, milliseconds + 1))
            if left <= .zero { timeout = 0 }
        }
        _ = poll(&entries, nfds_t(entries.count), timeout)
        var drained = [UInt8](repeating: 0, count: 256)
        _ = read(wakeRead, &drained, drained.count)
    }

    private func finish() {
        let waiters = shared.withLock { shared in
            shared.stopping = true
            shared.ended = true
            defer { shared.waiters = [] }
            return shared.waiters
        }
        for waiter in waiters { waiter.resume() }
    }
}

/// What a `SerialThread` keeps: it may have deadlines of its own.
protocol SerialThreadState: SendableMetatype {
    /// When the thread must wake even if nobody calls; nil for never.
    var nextDeadline: ContinuousClock.Instant? { get }
    /// Wakes the thread when it becomes readable; nil for none.
    var watchedDescriptor: Int32? { get }
    /// Called after each batch of closures, at each deadline, and when the watched descriptor is readable.
    mutating func settle()
}

extension SerialThreadState {
    var watchedDescriptor: Int32? { nil }
}

/// The thread has been stopped and takes no more work.
public struct ThreadStopped: Error, Hashable, Sendable, CustomStringConvertible {
    public var description: String { "the node is stopping" }
}
