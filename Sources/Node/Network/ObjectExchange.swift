import Logging
import PeerNetwork
import Primitives

/// Objects from node to node, by their ids: what an id names is checked against it, so any peer will do.
///
/// A request is `[id, [offset, count]]`, answered with a message of the object's size (nothing where it is not there)
/// and then the bytes. Pieces come from several peers at once; a peer that is lost loses its piece and not the object.
struct ObjectExchange: Sendable {
    let service: PeerService
    let name: String
    let store: ObjectStore
    let logger: Logger

    static let pieceByteCount: UInt64 = 1 << 20
    private static let requestByteLimit = 128
    /// Pieces that are fetched at once, and held in memory.
    private static let pieces = 4
    private static let peersAsked = 16
    private static let providersSought = 4
    private static let holdersTriedAlone = 4
    private static let timeout: Duration = .seconds(30)

    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    // MARK: Giving

    func answer(_ stream: PeerStream) async {
        let deadline = stream.reset(after: Self.timeout)
        defer { deadline.cancel() }
        do {
            guard let bytes = try await stream.readMessage(limit: Self.requestByteLimit) else { return }
            let request = try Request.decode(bytes)
            guard let id = try? CID(bytes: request.id) else { return try await answerNothing(stream) }
            guard let file = try? await FileWork.run({ () throws(ObjectStoreError) in try store.open(id) }) else {
                // If this node has said that it has the object, it says so no more.
                await service.stopProviding(id.digest.bytes)
                return try await answerNothing(stream)
            }
            var size = CBOREncoder()
            size.unsigned(file.byteCount)
            try await stream.writeMessage(size.finish())
            let first = min(request.range.first, file.byteCount)
            let count = Int(min(request.range.count, file.byteCount - first, Self.pieceByteCount))
            if count > 0 {
                let piece = try await FileWork.run { () throws(ObjectStoreError) in
                    try file.piece(at: first, count: count)
                }
                try await stream.write(piece)
            }
            stream.close()
        } catch let error as CBORError {
            await service.report(.protocolViolation, by: stream.peer, "objects: \(error)")
            stream.reset("malformed")
        } catch { stream.reset("\(error)") }
    }

    private func answerNothing(_ stream: PeerStream) async throws(WireError) {
        try await stream.writeMessage([])
        stream.close()
    }

    /// Says in the network that this node has the object.
    func announce(_ id: CID) async { await service.provide(id.digest.bytes) }

    // MARK: Taking

    /// Brings an object here, if a peer has it; false if nobody does.
    func fetch(_ id: CID) async throws -> Bool {
        var (holders, size) = await holders(of: id, among: service.host.connectedPeers.shuffled())
        if holders.isEmpty {
            let outcome = await service.search(
                for: .providers(id.digest.bytes, enough: Self.providersSought))
            let found = outcome?.providers ?? []
            for contact in found.prefix(Self.providersSought) {
                try? await service.host.connect(to: contact.id, at: contact.addresses)
            }
            (holders, size) = await self.holders(of: id, among: found.map(\.id))
        }
        guard let size, !holders.isEmpty else { return false }
        guard size <= UInt64(store.limitBytes) else {
            throw ObjectStoreError.tooLarge(bytes: Int(clamping: size), limitBytes: store.limitBytes)
        }
        do { try await take(id, size, from: holders) } catch ObjectStoreError.digestMismatch {
            try await takeFromOne(id, size, of: holders)
        }
        return true
    }

    /// Pieces of several peers did not make the object: one of them gave a wrong one. Each alone shows who; the first
    /// that has all of it ends the search.
    private func takeFromOne(_ id: CID, _ size: UInt64, of holders: [PeerID]) async throws {
        var failure: any Error = Failure(description: "no peer gives object \(id.text) whole")
        for holder in holders.prefix(Self.holdersTriedAlone) {
            do {
                return try await take(id, size, from: [holder])
            } catch ObjectStoreError.digestMismatch(let expected, let found) {
                await service.report(.wrongAnswer, by: holder, "object \(expected.text) came as \(found.text)")
                failure = ObjectStoreError.digestMismatch(expected: expected, found: found)
            } catch {
                failure = error
            }
        }
        throw failure
    }

    /// The peers that say they have it, and the size that the first of them names.
    private func holders(of id: CID, among peers: [PeerID]) async -> ([PeerID], UInt64?) {
        await withTaskGroup(of: (PeerID, UInt64?).self) { group in
            for peer in peers.prefix(Self.peersAsked) {
                group.addTask { (peer, (try? await ask(peer, id, 0, 0))?.size) }
            }
            var found: [(PeerID, UInt64)] = []
            for await (peer, size) in group { if let size { found.append((peer, size)) } }
            let size = found.first?.1
            return (found.filter { $0.1 == size }.map(\.0), size)
        }
    }

    /// Pieces in order to the disk, some of them fetched ahead; the digest decides at the end. What was written stays
    /// when the fetch breaks off: the next one asks for the rest only.
    private func take(_ id: CID, _ size: UInt64, from holders: [PeerID]) async throws {
        let writer = try await FileWork.run { () throws(ObjectStoreError) in try store.resumingWriter(id) }
        guard UInt64(writer.count) <= size else {
            writer.discard()
            throw Failure(description: "more of object \(id.text) is here than peers say that it has")
        }
        let offsets = Array(stride(from: UInt64(writer.count), to: size, by: Int(Self.pieceByteCount)))
        try await withThrowingTaskGroup(of: (Int, [UInt8]).self) { group in
            var arrived: [Int: [UInt8]] = [:]
            var (asked, written) = (0, 0)
            while written < offsets.count {
                // Bounded by what is not yet written: a slow first piece holds the others up, and no more.
                while asked < offsets.count, asked - written < Self.pieces {
                    let index = asked
                    group.addTask {
                        let count = min(Self.pieceByteCount, size - offsets[index])
                        return (index, try await piece(id, index, offsets[index], count, from: holders))
                    }
                    asked += 1
                }
                guard let (index, bytes) = try await group.next() else { break }
                arrived[index] = bytes
                while let bytes = arrived.removeValue(forKey: written) {
                    try await FileWork.run { () throws(ObjectStoreError) in try writer.write(bytes) }
                    written += 1
                }
            }
        }
        _ = try await FileWork.run { () throws(ObjectStoreError) in try writer.finish() }
    }

    /// One piece, from one peer after another until one gives it.
    private func piece(
        _ id: CID, _ index: Int, _ offset: UInt64, _ count: UInt64, from holders: [PeerID]
    ) async throws -> [UInt8] {
        for turn in holders.indices {
            let peer = holders[(index + turn) % holders.count]
            guard let bytes = (try? await ask(peer, id, offset, count))?.bytes, bytes.count == Int(count) else {
                await service.report(.slow, by: peer, "a piece of object \(id.text)")
                continue
            }
            await service.wasUseful(peer)
            return bytes
        }
        throw Failure(description: "no peer gives bytes \(offset) and following of object \(id.text)")
    }

    private func ask(
        _ peer: PeerID, _ id: CID, _ offset: UInt64, _ count: UInt64
    ) async throws -> (size: UInt64, bytes: [UInt8])? {
        let stream = try await service.host.openStream(to: peer, protocols: [name])
        let deadline = stream.reset(after: Self.timeout)
        defer { deadline.cancel() }
        try await stream.writeMessage(Request(id: id.bytes, range: RangeRequest(first: offset, count: count)).encoded())
        stream.closeWrite()
        guard let head = try await stream.readMessage(limit: Self.requestByteLimit), !head.isEmpty else { return nil }
        let size = try CBORDecoder.read(head) { (decoder) throws(CBORError) in try decoder.unsigned() }
        let bytes = count == 0 ? [] : try await stream.readToEnd(limit: Int(count))
        stream.close()
        return (size, bytes)
    }
}

extension ObjectExchange {
    struct Request: Hashable, Sendable, CBORCodable {
        var id: [UInt8]
        /// Bytes of the object; a count of 0 asks for the size alone.
        var range: RangeRequest

        init(id: [UInt8], range: RangeRequest) {
            self.id = id
            self.range = range
        }

        func encode(to encoder: inout CBOREncoder) {
            encoder.array(count: 2)
            encoder.bytes(id)
            range.encode(to: &encoder)
        }

        init(from decoder: inout CBORDecoder) throws(CBORError) {
            try decoder.array(count: 2)
            id = try decoder.bytes()
            range = try RangeRequest(from: &decoder)
        }
    }
}
