import Dispatch
import Glibc
import Synchronization

/// SIGTERM and SIGINT as an event: the process ends in order instead of at once.
enum StopSignal {
    /// Returns at the first of the two signals, or when the task is cancelled.
    static func wait() async {
        let waiter = Waiter()
        let sources = [SIGTERM, SIGINT].map { number in
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
            source.setEventHandler { waiter.finish() }
            source.resume()
            return source
        }
        await withTaskCancellationHandler {
            await withCheckedContinuation { waiter.start($0) }
        } onCancel: {
            waiter.finish()
        }
        for source in sources { source.cancel() }
    }

    /// Resumes one continuation once, whichever comes first: the signal, or the wait for it.
    private final class Waiter: Sendable {
        private enum State {
            case idle
            case waiting(CheckedContinuation<Void, Never>)
            case finished
        }

        private let state = Mutex(State.idle)

        func start(_ continuation: CheckedContinuation<Void, Never>) {
            let isOver = state.withLock { state in
                if case .finished = state { return true }
                state = .waiting(continuation)
                return false
            }
            if isOver { continuation.resume() }
        }

        func finish() {
            let waiting: CheckedContinuation<Void, Never>? = state.withLock { state in
                defer { state = .finished }
                if case .waiting(let continuation) = state { return continuation }
                return nil
            }
            waiting?.resume()
        }
    }
}
