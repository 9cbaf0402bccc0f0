import Dispatch

/// Runs what waits for a disk on threads of its own: a blocked thread of Swift's cooperative pool holds up everybody.
enum FileWork {
    private static let queue = DispatchQueue(label: "vinculum.files", attributes: .concurrent)

    static func run<Value: Sendable, Failure: Error>(
        _ work: @escaping @Sendable () throws(Failure) -> Value
    ) async throws(Failure) -> Value {
        let result: Result<Value, Failure> = await withCheckedContinuation { continuation in
            queue.async {
                do throws(Failure) {
                    continuation.resume(returning: .success(try work()))
                } catch {
                    continuation.resume(returning: .failure(error))
                }
            }
        }
        return try result.get()
    }
}
