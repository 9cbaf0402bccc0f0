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

/// Digests a streamed object, and keeps its bytes while they are within a limit: what is too large is still checked,
/// so that nobody is blamed for bytes that somebody else has sent.
final class CheckedSink: ObjectSink {
    private struct State: ~Copyable {
        var bytes: [UInt8]? = []
        var digest = StreamDigest()
    }

    private let state = Mutex(State())
    private let limitBytes: Int

    init(limitBytes: Int) {
        self.limitBytes = limitBytes
    }

    func write(_ piece: [UInt8]) async throws(ServiceError) {
        state.withLock { state in
            state.digest.update(piece)
            if let count = state.bytes?.count, count + piece.count > limitBytes { state.bytes = nil }
            state.bytes?.append(contentsOf: piece)
        }
    }

    /// The bytes, or nil for more than the limit, and their digest. Nil when asked again.
    func finish() -> (bytes: [UInt8]?, digest: Digest)? {
        state.withLock { state in state.digest.finish().map { (state.bytes, $0) } }
    }
}

/// A running BLAKE2b-256 that can be kept behind a lock.
package struct StreamDigest: ~Copyable {
    private var hasher: DigestHasher? = DigestHasher()

    package init() {}

    package mutating func update(_ bytes: [UInt8]) { hasher?.update(bytes) }

    package mutating func finish() -> Digest? {
        guard let hasher = hasher.take() else { return nil }
        return hasher.finish()
    }
}

extension NodeService {
    /// A whole object in memory. The digest is for the caller to check who trusts nobody.
    public func object(_ id: CID) async throws(ServiceError) -> [UInt8] {
        let sink = BytesSink()
        _ = try await getObject(id, into: sink)
        return sink.bytes
    }
}
