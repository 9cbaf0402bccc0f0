import Node

/// Bounds of the interface; each request stays within all of them.
public struct APILimits: Sendable {
    /// The largest body in bytes, objects excepted.
    public var bodyBytes: Int
    public var objectBytes: UInt64
    /// How long a body may take to arrive.
    public var requestTimeout: Duration
    /// The longest wait that a request may ask for.
    public var waitLimit: Duration
    public var connections: Int
    /// Event streams at once: fewer than connections, so that streams alone shut nobody out.
    public var streams: Int { max(1, connections * 3 / 4) }
    /// Silence on an event stream after which a comment line keeps it open.
    public var heartbeat: Duration

    public init(
        bodyBytes: Int = 1 << 20, objectBytes: UInt64 = 1 << 30, requestTimeout: Duration = .seconds(30),
        waitLimit: Duration = .seconds(60), connections: Int = 256, heartbeat: Duration = .seconds(15)
    ) {
        self.bodyBytes = bodyBytes
        self.objectBytes = objectBytes
        self.requestTimeout = requestTimeout
        self.waitLimit = waitLimit
        self.connections = connections
        self.heartbeat = heartbeat
    }

    public init(_ configuration: NodeConfiguration) {
        self.init(
            bodyBytes: configuration.bodyLimitBytes, objectBytes: UInt64(clamping: configuration.objectLimitBytes),
            requestTimeout: configuration.requestTimeout, waitLimit: configuration.waitLimit,
            connections: configuration.connectionLimit)
    }
}

/// Runs `body`, and cancels it when the time has passed.
/// - Throws: `.timeout` then; else what `body` throws, as a `ServiceError`.
func withTimeout<Value: Sendable>(
    _ limit: Duration, _ what: String, _ body: @escaping @Sendable () async throws -> Value
) async throws(ServiceError) -> Value {
    do {
        return try await withThrowingTaskGroup(of: Value.self) { group in
            group.addTask(operation: body)
            group.addTask {
                try await Task.sleep(for: limit)
                throw ServiceError(.timeout, "\(what) took longer than \(limit)")
            }
            defer { group.cancelAll() }
            guard let first = try await group.next() else { throw ServiceError(.internal, "no task ran") }
            return first
        }
    } catch let error as ServiceError {
        throw error
    } catch {
        throw ServiceError(.internal, "\(what): \(error)")
    }
}
