import Ledger
import PeerNetwork
import Primitives
import Storage
import Synchronization

/// Gives snapshots and headers to peers. Every answer is read through a handle of its own, beside the kernel's: neither
/// waits for the other, and what is read is of one moment.
final class SnapshotServer: Sendable {
    private let path: String
    private let genesis: Genesis
    private let service: PeerService
    /// Encoded manifests of the snapshots that there are, by height.
    private let manifests = Mutex<[UInt64: [UInt8]]>([:])

    /// Chunks that one peer gets at once; each is held in memory while it is sent.
    static let streamsPerPeer = 4
    private static let timeout: Duration = .seconds(60)

    init(path: String, genesis: Genesis, service: PeerService) {
        self.path = path
        self.genesis = genesis
        self.service = service
    }

    func answer(_ stream: PeerStream) async {
        await converse(stream, "snapshots") { bytes in
            let request = try SnapshotRequest.decode(bytes)
            try await stream.writeMessage(
                try await FileWork.run { [self] () throws(LedgerArchiveError) in try answer(to: request) })
        }
    }

    /// Headers of a range, as many as there are. None where they begin later here: the peer asks another.
    func answerHeaders(_ stream: PeerStream) async {
        await converse(stream, "headers") { [self] bytes in
            let request = try RangeRequest.decode(bytes)
            let count = Int(clamping: min(request.count, UInt64(ChainProtocol.headersPerRequest)))
            let headers = try await FileWork.run { [self] () throws(LedgerArchiveError) in
                do throws(LedgerArchiveError) {
                    return try SnapshotSource(path: path, genesis: genesis).headers(from: request.first, count: count)
                } catch {
                    guard case .storage(.pruned(_, _)) = error else { throw error }
                    return []
                }
            }
            for header in headers { try await stream.writeMessage(header.encoded()) }
        }
    }

    private func converse(
        _ stream: PeerStream, _ what: String, _ body: ([UInt8]) async throws -> Void
    ) async {
        let deadline = stream.reset(after: Self.timeout)
        defer { deadline.cancel() }
        do {
            guard let bytes = try await stream.readMessage(limit: ChainProtocol.requestByteLimit) else { return }
            try await body(bytes)
            stream.close()
        } catch let error as CBORError {
            await service.report(.protocolViolation, by: stream.peer, "\(what): \(error)")
            stream.reset("malformed")
        } catch { stream.reset("\(error)") }
    }

    private func answer(to request: SnapshotRequest) throws(LedgerArchiveError) -> [UInt8] {
        let source = try SnapshotSource(path: path, genesis: genesis)
        switch request {
        case .offers:
            var offers: [SnapshotOffer] = []
            let heights = try source.heights()
            for height in heights.prefix(SnapshotOffer.limit) {
                guard let (bytes, chunks) = try manifest(height, source) else { continue }
                offers.append(SnapshotOffer(height: height, manifestDigest: .blake2b256(bytes), chunkCount: chunks))
            }
            manifests.withLock { $0 = $0.filter { heights.contains($0.key) } }
            return SnapshotOffer.encodeList(offers)
        case .manifest(let height): return try manifest(height, source)?.bytes ?? []
        case .chunk(let root): return try source.chunk(root) ?? []
        }
    }

    /// Made once for a snapshot, which does not change.
    private func manifest(
        _ height: UInt64, _ source: SnapshotSource
    ) throws(LedgerArchiveError) -> (bytes: [UInt8], chunks: UInt64)? {
        var bytes = manifests.withLock { $0[height] }
        if bytes == nil, let made = try source.manifest(height: height) {
            bytes = made.encoded()
            manifests.withLock { $0[height] = bytes }
        }
        guard let bytes, bytes.count <= SnapshotManifest.byteLimit else { return nil }
        let manifest = try? SnapshotManifest.decode(bytes)
        return (bytes, UInt64(manifest?.chunks.count ?? 0))
    }
}
