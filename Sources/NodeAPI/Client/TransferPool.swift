import CCurl
import Dispatch
import Node
import Synchronization

/// A few threads that do blocking work, each with a libcurl handle of its own that keeps its connection open.
///
/// Why threads: libcurl blocks, and a blocked thread of Swift's cooperative pool can hang the whole program. A thread
/// is started when all are busy, up to the limit; further work waits in order. Threads live as long as the program.
final class TransferPool: Sendable {
    /// What a thread gives to its work. Used by that thread only.
    struct Worker {
        let handle: UnsafeMutableRawPointer
    }

    private struct State {
        var queue: [@Sendable (Worker) -> Void] = []
        var idle = 0
        var threads = 0
    }

    static let shared = TransferPool(limit: 16)

    private let limit: Int
    private let state = Mutex(State())
    private let ready = DispatchSemaphore(value: 0)

    init(limit: Int) {
        self.limit = limit
        // Must have run before the first handle, and is not safe to run twice at once: `shared` is made once.
        curl_global_init(Int(CURL_GLOBAL_DEFAULT))
    }

    /// Runs `work` on a thread of the pool and returns what it returns.
    func run<Value: Sendable>(_ work: @escaping @Sendable (Worker) -> Value) async -> Value {
        await withCheckedContinuation { continuation in
            let startsThread = state.withLock { state in
                state.queue.append { continuation.resume(returning: work($0)) }
                guard state.idle < state.queue.count, state.threads < limit else { return false }
                state.threads += 1
                return true
            }
            if startsThread { startThread() }
            ready.signal()
        }
    }

    private func startThread() {
        let serve: @Sendable () -> Void = { [self] in
            // Out of memory is the only reason for nil; the work then gets no handle and the thread ends.
            guard let handle = curl_easy_init() else {
                state.withLock { $0.threads -= 1 }
                return
            }
            let worker = Worker(handle: handle)
            while true {
                state.withLock { $0.idle += 1 }
                ready.wait()
                let work = state.withLock { state in
                    state.idle -= 1
                    return state.queue.isEmpty ? nil : state.queue.removeFirst()
                }
                work?(worker)
            }
        }
        do throws(FileError) { try DetachedThread.start(name: "transfer", serve) } catch {
            // The work waits for a thread that exists, or for the next one that starts.
            state.withLock { $0.threads -= 1 }
        }
    }
}

/// Waits on a thread of the pool for asynchronous work. Never call it from a task: it blocks.
func blocking<Value: Sendable>(
    _ work: @escaping @Sendable () async throws(ServiceError) -> Value
) -> Result<Value, ServiceError> {
    let box = Mutex<Result<Value, ServiceError>?>(nil)
    let shared = Shared(box)
    let done = DispatchSemaphore(value: 0)
    Task {
        let result: Result<Value, ServiceError>
        do throws(ServiceError) { result = .success(try await work()) } catch { result = .failure(error) }
        shared.value.withLock { $0 = result }
        done.signal()
    }
    done.wait()
    return shared.value.withLock { $0 } ?? .failure(ServiceError(.internal, "work ended without a result"))
}

/// A non-copyable value that several closures refer to.
final class Shared<Value: ~Copyable & Sendable>: Sendable {
    let value: Value
    init(_ value: consuming Value) { self.value = value }
}
