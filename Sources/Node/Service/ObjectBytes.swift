import Primitives
import Synchronization

/// An object's bytes as a stream of one piece.
public struct BytesSource: ObjectSource {
    private let pieces: Pieces

    private final class Pieces: Sendable {
        let rest: Mutex<[UInt8]?>
        init(_ bytes: [UInt8]) { rest = Mutex(bytes) }
    }

    public let byteCount: UInt64?

    public init(_ bytes: [UInt8]) {
        pieces = Pieces(bytes)
        byteCount = UInt64(bytes.count)
    }

    public func next() async throws(ServiceError) -> [UInt8]? {
        pieces.rest.withLock { rest in
            defer { rest = nil }
            return rest
        }
    }
}

/// Collects a streamed object in memory, up to a limit.
public final class BytesSink: ObjectSink {
    private let collected = Mutex<[UInt8]>([])
    private let limitBytes: Int

    public init(limitBytes: Int = 1 << 30) {
        self.limitBytes = limitBytes
    }

    public func write(_ bytes: [UInt8]) async throws(ServiceError) {
        let fits = collected.withLock { all in
            guard all.count + bytes.count <= limitBytes else { return false }
            all += bytes
            return true
        }
        if !fits { throw ServiceError(.tooLarge, "the object is larger than \(limitBytes) bytes") }
    }

    public var bytes: [UInt8] { collected.withLock { $0 } }
}

extension NodeService {
    /// A whole object in memory. The digest is for the caller to check who trusts nobody.
    public func object(_ id: CID) async throws(ServiceError) -> [UInt8] {
        let sink = BytesSink()
        _ = try await getObject(id, into: sink)
        return sink.bytes
    }
}
