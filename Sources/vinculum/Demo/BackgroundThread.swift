import Glibc
import Node

/// Threads of the demo's own.
enum BackgroundThread {
    /// Runs a long computation with the lowest priority, so that it takes only what the federation leaves, and
    /// returns what it returns.
    static func run<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value {
        try await withCheckedThrowingContinuation { continuation in
            do throws(FileError) {
                try DetachedThread.start(name: "background") {
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
