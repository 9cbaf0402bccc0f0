package import EtcdEngine
internal import Glibc
internal import PluginKit
internal import Synchronization

/// The log of a chain in an etcd cluster: a thread of its own that keeps to one member of the cluster, and goes to the
/// next when that one fails.
///
/// Safe from any thread; nothing here waits but ``stop()``.
package final class EtcdLog: Sendable {
    /// What goes between the engine's thread and the log's.
    struct Mail {
        var chain: Bytes32?
        /// Entries below are of no use.
        var height: UInt64 = 0
        var cutter: Bytes32?
        var append: (place: LogPlace, id: Bytes32)?
        var events: [LogEvent] = []
        var trouble: EtcdTrouble?
        var isStopping = false
    }

    private let mail = Mutex(Mail())
    private let settings: EtcdSettings
    /// Something was put into the mail for the engine.
    private let hasNews: @Sendable () -> Void
    /// The trouble has changed; nil when all is well.
    private let hasTrouble: @Sendable (EtcdTrouble?) -> Void
    private let thread = Mutex<LogThread?>(nil)

    package init(
        _ settings: EtcdSettings, hasNews: @escaping @Sendable () -> Void,
        hasTrouble: @escaping @Sendable (EtcdTrouble?) -> Void
    ) {
        self.settings = settings
        self.hasNews = hasNews
        self.hasTrouble = hasTrouble
    }

    /// Takes the engine's requests; the first one that needs the cluster starts the thread.
    package func submit(_ requests: [LogRequest]) {
        guard !requests.isEmpty else { return }
        let isNeeded = mail.withLock { mail in
            for request in requests {
                switch request {
                case .follow(let chain, let height, let cutter):
                    (mail.chain, mail.height, mail.cutter) = (chain, height, cutter)
                    if let append = mail.append, append.place.height < height { mail.append = nil }
                case .leave: (mail.chain, mail.append) = (nil, nil)
                case .append(let place, let id): if place.height >= mail.height { mail.append = (place, id) }
                }
            }
            return mail.chain != nil
        }
        thread.withLock { thread in
            if let thread { return thread.wake() }
            guard isNeeded, !settings.endpoints.isEmpty else {
                if isNeeded { say(.noEndpoints) }
                return
            }
            thread = LogThread(self, settings)
        }
    }

    /// What the log has told since the last call.
    package func take() -> [LogEvent] {
        mail.withLock { mail in
            defer { mail.events = [] }
            return mail.events
        }
    }

    /// The engine's step has failed: what it was told comes again with the next one.
    package func putBack(_ events: [LogEvent]) { mail.withLock { $0.events = events + $0.events } }

    package var trouble: EtcdTrouble? { mail.withLock { $0.trouble } }

    /// Ends the thread and waits for that: a request that is under way is given up.
    package func stop() {
        mail.withLock { $0.isStopping = true }
        let running = thread.withLock { thread in
            defer { thread = nil }
            return thread
        }
        running?.wake()
        running?.join()
    }

    // MARK: For the thread

    func read() -> Mail { mail.withLock { $0 } }

    func tell(_ events: [LogEvent]) {
        guard !events.isEmpty else { return }
        // A wake for each time that the engine has found nothing.
        let wasEmpty = mail.withLock { mail in
            defer { mail.events += events }
            return mail.events.isEmpty
        }
        if wasEmpty { hasNews() }
    }

    /// What stands at the place is known: no more is asked for.
    func finished(_ place: LogPlace) {
        mail.withLock { mail in
            if mail.append?.place == place { mail.append = nil }
        }
    }

    func say(_ trouble: EtcdTrouble?) {
        let hasChanged = mail.withLock { mail in
            defer { mail.trouble = trouble }
            return mail.trouble != trouble
        }
        if hasChanged { hasTrouble(trouble) }
    }
}

/// The thread, and the end of libcurl that wakes it.
///
/// The connections are the thread's own; others call nothing of them but `wake`, which libcurl allows from any thread.
/// They live until the thread has been joined. That is the argument for `@unchecked Sendable`.
private final class LogThread: @unchecked Sendable {
    private let connections: HTTPConnections
    private var handle = pthread_t()

    private final class Work {
        let session: EtcdSession
        init(_ session: EtcdSession) { self.session = session }
    }

    /// Nil where there can be no thread.
    init?(_ log: EtcdLog, _ settings: EtcdSettings) {
        guard let connections = HTTPConnections(settings) else { return nil }
        self.connections = connections
        // Retained for the thread, which takes that reference over.
        let work = Unmanaged.passRetained(Work(EtcdSession(log, settings, connections)))
        let status = pthread_create(
            &handle, nil,
            { argument in
                guard let argument else { return nil }
                Unmanaged<Work>.fromOpaque(argument).takeRetainedValue().session.run()
                return nil
            }, work.toOpaque())
        guard status == 0 else {
            work.release()
            return nil
        }
    }

    func wake() { connections.wake() }

    func join() { pthread_join(handle, nil) }
}

/// Milliseconds of a clock that only goes forward.
func monotonicMilliseconds() -> Int64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return Int64(time.tv_sec) * 1_000 + Int64(time.tv_nsec) / 1_000_000
}
