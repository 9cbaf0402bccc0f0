import Synchronization

/// Tells any number of waiters that there is a new block. It holds no blocks: whoever is woken reads from the log.
///
/// Safe from any thread.
final class CommitSignal: Sendable {
    private struct Waiter {
        let continuation: CheckedContinuation<Void, Never>
    }

    private struct State {
        var height: UInt64 = 0
        var next = 0
        var waiters: [Int: Waiter] = [:]
        /// Woken before they began to wait: a short time is over, or the task was cancelled, while they came.
        var wokenEarly: Set<Int> = []
    }

    private let state = Mutex(State())

    var height: UInt64 { state.withLock { $0.height } }

    /// How many wait.
    var waiterCount: Int { state.withLock { $0.waiters.count } }

    /// A block is durable. Called by the kernel's thread; never waits for anybody.
    func committed(_ height: UInt64) {
        let woken = state.withLock { state in
            state.height = max(state.height, height)
            defer { state.waiters.removeAll() }
            return Array(state.waiters.values)
        }
        for waiter in woken { waiter.continuation.resume() }
    }

    /// Returns when there is a block above `height`, when the time is over, or when the task is cancelled.
    func wait(above height: UInt64, atMost timeout: Duration) async {
        guard timeout > .zero else { return }
        let key = state.withLock { state in
            state.next += 1
            return state.next
        }
        let clock = Task {
            try? await Task.sleep(for: timeout)
            wake(key)
        }
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let passed = state.withLock { state in
                    if state.height > height || state.wokenEarly.contains(key) { return true }
                    state.waiters[key] = Waiter(continuation: continuation)
                    return false
                }
                if passed { continuation.resume() }
            }
        } onCancel: {
            wake(key)
        }
        clock.cancel()
        await clock.value
        state.withLock { _ = $0.wokenEarly.remove(key) }
    }

    private func wake(_ key: Int) {
        let waiter = state.withLock { state in
            let waiter = state.waiters.removeValue(forKey: key)
            if waiter == nil { state.wokenEarly.insert(key) }
            return waiter
        }
        waiter?.continuation.resume()
    }
}
