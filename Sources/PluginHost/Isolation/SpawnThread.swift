import Glibc

/// The one thread that starts children.
///
/// A child asks the kernel to be killed when its parent dies, and for the kernel the parent is the *thread* that
/// started it. Threads of Swift's pool end when they are idle for some seconds, and would take the plugin with them;
/// this one lives as long as the process.
///
/// `waiting` and the `result` of a job are only touched under `mutex`. That is the argument for `@unchecked Sendable`.
final class SpawnThread: @unchecked Sendable {
    static let shared = SpawnThread()

    private final class Job {
        let body: @Sendable () -> pid_t
        var result: pid_t?

        init(_ body: @escaping @Sendable () -> pid_t) { self.body = body }
    }

    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let changed = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
    private var waiting: [Job] = []
    private var isRunning = false

    private init() {
        pthread_mutex_init(mutex, nil)
        pthread_cond_init(changed, nil)
    }

    /// Runs the body on the thread and answers what it answers; -EAGAIN if there can be no thread.
    func run(_ body: @escaping @Sendable () -> pid_t) -> pid_t {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        guard isRunning || begin() else { return -EAGAIN }
        isRunning = true
        let job = Job(body)
        waiting.append(job)
        pthread_cond_broadcast(changed)
        while true {
            if let result = job.result { return result }
            pthread_cond_wait(changed, mutex)
        }
    }

    private func begin() -> Bool {
        var thread = pthread_t()
        let status = pthread_create(
            &thread, nil,
            { argument in
                guard let argument else { return nil }
                Unmanaged<SpawnThread>.fromOpaque(argument).takeUnretainedValue().serve()
                return nil
            }, Unmanaged.passUnretained(self).toOpaque())
        if status == 0 { pthread_detach(thread) }
        return status == 0
    }

    private func serve() {
        pthread_mutex_lock(mutex)
        while true {
            while waiting.isEmpty { pthread_cond_wait(changed, mutex) }
            let job = waiting.removeFirst()
            pthread_mutex_unlock(mutex)
            let result = job.body()
            pthread_mutex_lock(mutex)
            job.result = result
            pthread_cond_broadcast(changed)
        }
    }
}
