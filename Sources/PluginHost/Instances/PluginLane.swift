import Glibc
import Synchronization

/// An instance with a thread of its own, for async code.
///
/// A call that blocks on Swift's cooperative pool can hang the whole node, so calls of plugins never run there: the
/// lane's thread takes them one at a time, in the order in which they were asked for.
public final class PluginLane<Instance: PluginInstance>: Sendable {
    private let queue = LaneQueue()

    /// Takes the instance over: nobody else may use it from now on.
    public init(owning instance: sending Instance) throws(PluginError) {
        let plugin = instance.manifest.id
        // Handed to one thread, which is the only one to touch it from here on.
        nonisolated(unsafe) let owned = instance
        queue.setOwner(owned)
        guard queue.start() else {
            throw PluginError(.system, plugin: plugin, call: "lane", "a thread could not be started")
        }
    }

    deinit { queue.finish() }

    /// Runs the body with the instance on the lane's thread.
    public func call<Answer: Sendable>(
        _ body: @escaping @Sendable (Instance) throws(PluginError) -> Answer
    ) async throws(PluginError) -> Answer {
        let result: Result<Answer, PluginError> = await withCheckedContinuation { continuation in
            queue.append { owner in
                // The queue was given this very instance in the initialiser.
                guard let instance = owner as? Instance else { return }
                do throws(PluginError) {
                    continuation.resume(returning: .success(try body(instance)))
                } catch {
                    continuation.resume(returning: .failure(error))
                }
            }
        }
        return try result.get()
    }
}

/// The thread and what waits for it.
///
/// `items`, `finished` and `owner` are only touched under `mutex`; the owner itself is only used by the thread. That
/// is the argument for `@unchecked Sendable`.
private final class LaneQueue: @unchecked Sendable {
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
    private var items: [(PluginInstance) -> Void] = []
    private var finished = false
    private var owner: PluginInstance?

    init() {
        pthread_mutex_init(mutex, nil)
        pthread_cond_init(condition, nil)
    }

    deinit {
        pthread_cond_destroy(condition)
        pthread_mutex_destroy(mutex)
        condition.deallocate()
        mutex.deallocate()
    }

    func setOwner(_ instance: PluginInstance) { owner = instance }

    func start() -> Bool {
        var thread = pthread_t()
        let retained = Unmanaged.passRetained(self)
        let status = pthread_create(
            &thread, nil,
            { argument in
                guard let argument else { return nil }
                Unmanaged<LaneQueue>.fromOpaque(argument).takeRetainedValue().run()
                return nil
            }, retained.toOpaque())
        guard status == 0 else {
            retained.release()
            return false
        }
        pthread_detach(thread)
        return true
    }

    func append(_ item: @escaping (PluginInstance) -> Void) {
        pthread_mutex_lock(mutex)
        items.append(item)
        pthread_cond_signal(condition)
        pthread_mutex_unlock(mutex)
    }

    func finish() {
        pthread_mutex_lock(mutex)
        finished = true
        pthread_cond_signal(condition)
        pthread_mutex_unlock(mutex)
    }

    private func run() {
        while true {
            pthread_mutex_lock(mutex)
            while items.isEmpty && !finished { pthread_cond_wait(condition, mutex) }
            let batch = items
            items.removeAll()
            let instance = owner
            pthread_mutex_unlock(mutex)
            guard let instance else { return }
            for item in batch { item(instance) }
            if batch.isEmpty {
                // Finished and nothing left: the instance dies here, on its own lane.
                pthread_mutex_lock(mutex)
                owner = nil
                pthread_mutex_unlock(mutex)
                return
            }
        }
    }
}
