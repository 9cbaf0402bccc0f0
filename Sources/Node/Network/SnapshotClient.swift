import Ledger
import PeerNetwork
import Primitives

/// Asks peers for snapshots and headers: a stream for each question, with a limit of bytes and of time.
struct SnapshotClient: Sendable {
    let service: PeerService
    let names: ChainProtocol
    var timeout: Duration = .seconds(30)

    func offers(of peer: PeerID) async throws -> [SnapshotOffer] {
        guard let bytes = try await ask(peer, .offers, limit: 4 << 10) else { return [] }
        return try SnapshotOffer.decodeList(bytes)
    }

    /// The encoded manifest; nil where the peer has it no more.
    func manifest(_ height: UInt64, of peer: PeerID) async throws -> [UInt8]? {
        try await ask(peer, .manifest(height: height), limit: SnapshotManifest.byteLimit)
    }

    /// The content of a chunk, not checked; nil where the peer has it no more.
    func chunk(_ root: Digest, of peer: PeerID) async throws -> [UInt8]? {
        try await ask(peer, .chunk(root: root), limit: SnapshotManifest.chunkByteLimit)
    }

    /// Headers from a height on, in order; none where the peer does not have the first.
    func headers(from first: UInt64, count: Int, of peer: PeerID) async throws -> [LinkedHeader] {
        let stream = try await service.host.openStream(to: peer, protocols: [names.headers])
        let deadline = stream.reset(after: timeout)
        defer {
            deadline.cancel()
            stream.close()
        }
        try await stream.writeMessage(RangeRequest(first: first, count: UInt64(clamping: count)).encoded())
        stream.closeWrite()
        var headers: [LinkedHeader] = []
        while headers.count < count, let bytes = try await stream.readMessage(limit: ChainProtocol.headerByteLimit) {
            let header = try LinkedHeader.decode(bytes)
            guard header.certified.header.height == first + UInt64(headers.count) else {
                throw TrustError(.notInOrder, "header \(header.certified.header.height) was not asked for")
            }
            headers.append(header)
        }
        return headers
    }

    private func ask(_ peer: PeerID, _ request: SnapshotRequest, limit: Int) async throws -> [UInt8]? {
        let stream = try await service.host.openStream(to: peer, protocols: [names.snapshots])
        let deadline = stream.reset(after: timeout)
        defer {
            deadline.cancel()
            stream.close()
        }
        try await stream.writeMessage(request.encoded())
        stream.closeWrite()
        guard let answer = try await stream.readMessage(limit: limit), !answer.isEmpty else { return nil }
        return answer
    }
}
