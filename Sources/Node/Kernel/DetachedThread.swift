import Glibc

/// A POSIX thread that runs one closure and that nobody joins: for work that blocks, which has no place on Swift's
/// cooperative pool.
public enum DetachedThread {
    private final class Box: Sendable {
        let body: @Sendable () -> Void
        init(_ body: @escaping @Sendable () -> Void) { self.body = body }
    }

    /// - Parameter name: what the error names.
    public static func start(name: String, _ body: @escaping @Sendable () -> Void) throws(FileError) {
        var thread = pthread_t()
        // The box is retained for the new thread, which takes that reference over and releases it.
        let box = Unmanaged.passRetained(Box(body))
        let code = pthread_create(
            &thread, nil,
            { argument in
                guard let argument else { return nil }
                Unmanaged<Box>.fromOpaque(argument).takeRetainedValue().body()
                return nil
            }, box.toOpaque())
        guard code == 0 else {
            box.release()
            throw FileError(operation: "start thread", path: name, code: code)
        }
        pthread_detach(thread)
    }
}
