import Glibc
import Testing

/// Runs closures on threads of their own and waits for all.
enum OnThreads {
    private final class Box: Sendable {
        let body: @Sendable () -> Void
        init(_ body: @escaping @Sendable () -> Void) { self.body = body }
    }

    static func run(_ bodies: [@Sendable () -> Void]) throws {
        var threads: [pthread_t] = []
        for body in bodies {
            var thread = pthread_t()
            let code = pthread_create(
                &thread, nil,
                { argument in
                    if let argument { Unmanaged<Box>.fromOpaque(argument).takeRetainedValue().body() }
                    return nil
                }, Unmanaged.passRetained(Box(body)).toOpaque())
            try #require(code == 0)
            threads.append(thread)
        }
        for thread in threads { pthread_join(thread, nil) }
    }
}
