import Glibc
import Node

/// Threads of the demo's own.
enum BackgroundThread {
    private final class Box: Sendable {
        let body: @Sendable () -> Void
        init(_ body: @escaping @Sendable () -> Void) { self.body = body }
    }

    /// Starts a thread that nobody joins.
    static func start(_ body: @escaping @Sendable () -> Void) throws(FileError) {
        var thread = pthread_t()
        let argument = Unmanaged.passRetained(Box(body))
        let code = pthread_create(
            &thread, nil,
            { argument in
                guard let argument else { return nil }
                // The reference that was retained for this thread is its own from here on.
                Unmanaged<Box>.fromOpaque(argument).takeRetainedValue().body()
                return nil
            }, argument.toOpaque())
        guard code == 0 else {
            argument.release()
            throw FileError(operation: "start", path: "a thread", code: code)
        }
        pthread_detach(thread)
    }

    /// Runs a long computation with the lowest priority, so that it takes only what the federation leaves, and
    /// returns what it returns.
    static func run<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value {
        try await withCheckedThrowingContinuation { continuation in
            do throws(FileError) {
                try start {
                    // On Linux this sets the calling thread alone.
                    setpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0, 19)
                    continuation.resume(with: Result { try body() })
                }
            } catch {
                continuation.resume(throwing: error)
            }
        }
    }
}
