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
    /// Counts up once a command or a stop is waiting; the thread polls it.
    private let wake: Int32

    /// Starts the thread; `makeState` runs on it, and its error, if any, is thrown here.
    init(name: String, makeState: @escaping @Sendable () throws -> State) async throws {
        wake = eventfd(0, Int32(EFD_CLOEXEC | EFD_NONBLOCK))
        guard wake >= 0 else { throw FileError(operation: "eventfd", path: name, code: errno) }
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
                try startThread(name: name, main)
            } catch {
                ready.resume(throwing: error)
            }
        }
    }

    deinit { close(wake) }

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
        var one: UInt64 = 1
        _ = write(wake, &one, 8)
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
            sleep(until: state.nextDeadline)
        }
    }

    private func sleep(until deadline: ContinuousClock.Instant?) {
        var entry = pollfd(fd: wake, events: Int16(POLLIN), revents: 0)
        var timeout: Int32 = -1
        if let deadline {
            let left = deadline - ContinuousClock.now
            let milliseconds = left.components.seconds * 1000 + left.components.attoseconds / 1_000_000_000_000_000
            timeout = Int32(clamping: max(0, milliseconds + 1))
            if left <= .zero { timeout = 0 }
        }
        _ = poll(&entry, 1, timeout)
        var count: UInt64 = 0
        _ = read(wake, &count, 8)
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
protocol SerialThreadState {
    /// When the thread must wake even if nobody calls; nil for never.
    var nextDeadline: ContinuousClock.Instant? { get }
    /// Called after each batch of closures and at each deadline.
    mutating func settle()
}

/// The thread has been stopped and takes no more work.
public struct ThreadStopped: Error, Hashable, Sendable, CustomStringConvertible {
    public var description: String { "the node is stopping" }
}

/// Starts a detached operating-system thread with a name that tools show.
private func startThread(name: String, _ body: @escaping @Sendable () -> Void) throws(FileError) {
    final class Box {
        let body: @Sendable () -> Void
        let name: String
        init(_ body: @escaping @Sendable () -> Void, _ name: String) {
            self.body = body
            self.name = name
        }
    }
    var attributes = pthread_attr_t()
    pthread_attr_init(&attributes)
    defer { pthread_attr_destroy(&attributes) }
    pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
    // Deep recursion over a state tree needs more than the default of small systems.
    pthread_attr_setstacksize(&attributes, 16 << 20)
    var thread = pthread_t()
    // The box is retained for the new thread, which takes that reference over and releases it.
    let box = Unmanaged.passRetained(Box(body, name))
    let code = pthread_create(
        &thread, &attributes,
        { argument in
            guard let argument else { return nil }
            let box = Unmanaged<Box>.fromOpaque(argument).takeRetainedValue()
            pthread_setname_np(pthread_self(), String(box.name.prefix(15)))
            box.body()
            return nil
        }, box.toOpaque())
    if code != 0 {
        box.release()
        throw FileError(operation: "start thread", path: name, code: code)
    }
}
