import Node
import Primitives
import Synchronization

/// Passes bytes on and digests them on the way.
final class CheckingSink: ObjectSink {
    private let inner: any ObjectSink
    private let bytes = Mutex<StreamDigest>(StreamDigest())

    init(_ inner: any ObjectSink) { self.inner = inner }

    func write(_ piece: [UInt8]) async throws(ServiceError) {
        bytes.withLock { $0.update(piece) }
        try await inner.write(piece)
    }

    /// - Throws: `.digestMismatch` where the bytes are not the object's.
    func check(_ id: CID) throws(ServiceError) {
        guard id.hashFunction == .blake2b256 else {
            throw ServiceError(.malformed, "objects are named by BLAKE2b-256", field: "id")
        }
        let digest = bytes.withLock { $0.finish() }
        guard digest == id.digest else {
            throw ServiceError(.digestMismatch, "the bytes received are not object \(id.text)", field: "id")
        }
    }
}
