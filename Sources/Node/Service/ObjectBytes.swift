import Primitives
import Synchronization

/// An object that is in memory, as a stream of pieces.
public final class BytesSource: ObjectSource {
    public let byteCount: UInt64?
    private let rest: Mutex<ArraySlice<UInt8>>
    private let pieceBytes: Int

    public init(_ bytes: [UInt8], pieceBytes: Int = 65_536) {
        byteCount = UInt64(bytes.count)
        rest = Mutex(bytes[...])
        self.pieceBytes = pieceBytes
    }

    public func next() async throws(ServiceError) -> [UInt8]? {
        rest.withLock { rest in
            guard !rest.isEmpty else { return nil }
            let piece = Array(rest.prefix(pieceBytes))
            rest = rest.dropFirst(pieceBytes)
            return piece
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
