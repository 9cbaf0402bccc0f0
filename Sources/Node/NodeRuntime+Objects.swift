import Primitives

/// Objects pass through in pieces, and files are read and written on threads of their own.
extension NodeRuntime {
    public func getObject(_ id: CID, into sink: any ObjectSink) async throws(ServiceError) -> UInt64 {
        let objects = objects
        try await bring(id)
        let file = try await Self.work { () throws(ObjectStoreError) in try objects.open(id) }
        // The last piece waits until all are checked: the bytes of a damaged object end early.
        var held: [UInt8] = []
        var count: UInt64 = 0
        while count < file.byteCount {
            let piece = try await Self.work { () throws(ObjectStoreError) in
                try file.next(atMost: Self.pieceByteCount)
            }
            if piece.isEmpty { break }
            if !held.isEmpty { try await sink.write(held) }
            held = piece
            count += UInt64(piece.count)
        }
        do throws(ObjectStoreError) { try file.check() } catch { throw Self.service(error) }
        if !held.isEmpty { try await sink.write(held) }
        return count
    }

    public func putObject(_ id: CID, from source: any ObjectSource) async throws(ServiceError) -> ObjectReceipt {
        let limit = objects.limitBytes
        if let announced = source.byteCount, announced > UInt64(limit) {
            throw ServiceError(.tooLarge, "the object has \(announced) bytes; this node takes \(limit) at most")
        }
        let objects = objects
        if await FileWork.run({ objects.isIntact(id) }) { return try await Self.compare(id, source, limit: limit) }
        let writer = try await Self.work { () throws(ObjectStoreError) in try objects.writer(id) }
        var held: [UInt8] = []
        while let piece = try await source.next() {
            held += piece
            guard held.count >= Self.pieceByteCount else { continue }
            let full = held
            held = []
            try await Self.work { () throws(ObjectStoreError) in try writer.write(full) }
        }
        let rest = held
        let count = try await Self.work { () throws(ObjectStoreError) in
            try writer.write(rest)
            return try writer.finish()
        }
        await network?.exchange?.announce(id)
        return ObjectReceipt(id: id, byteCount: UInt64(count), created: true)
    }

    /// What goes to or comes from the disk at once: each time costs a change of threads.
    private static let pieceByteCount = 256 << 10

    /// What is here already is read to its end, and checked all the same: the sender learns of its mistake.
    private static func compare(
        _ id: CID, _ source: any ObjectSource, limit: Int
    ) async throws(ServiceError) -> ObjectReceipt {
        let sink = CheckedSink(limitBytes: 0)
        var count = 0
        while let piece = try await source.next() {
            count += piece.count
            guard count <= limit else { throw service(.tooLarge(bytes: count, limitBytes: limit)) }
            try await sink.write(piece)
        }
        let found = CID(codec: .raw, digest: sink.finish()?.digest ?? .zero)
        guard found == id else { throw service(.digestMismatch(expected: id, found: found)) }
        return ObjectReceipt(id: id, byteCount: UInt64(count), created: false)
    }

    /// Fetches an object from other nodes, where it is not here. Nobody having it is no error: the caller finds that.
    private func bring(_ id: CID) async throws(ServiceError) {
        guard let exchange = network?.exchange, !objects.contains(id) else { return }
        do { _ = try await exchange.fetch(id) } catch let error as ObjectStoreError {
            throw Self.service(error)
        } catch {
            throw ServiceError(.unavailable, "object \(id.text) cannot be fetched: \(error)", hint: "vinculum peers")
        }
    }

    public func objectSize(_ id: CID) async throws(ServiceError) -> UInt64? {
        let objects = objects
        do throws(ObjectStoreError) {
            return try await FileWork.run { () throws(ObjectStoreError) in try objects.open(id).byteCount }
        } catch {
            if case .unknown = error { return nil }
            throw Self.service(error)
        }
    }

    private static func work<Value: Sendable>(
        _ body: @escaping @Sendable () throws(ObjectStoreError) -> Value
    ) async throws(ServiceError) -> Value {
        do throws(ObjectStoreError) { return try await FileWork.run(body) } catch { throw service(error) }
    }

    private static func service(_ error: ObjectStoreError) -> ServiceError {
        switch error {
        case .unknown: ServiceError(.notFound, error.description)
        case .tooLarge: ServiceError(.tooLarge, error.description)
        case .digestMismatch: ServiceError(.digestMismatch, error.description)
        case .full:
            ServiceError(.storeFull, error.description, hint: "raise objects.store_limit_bytes")
        case .file: ServiceError(.unavailable, error.description, hint: "free disk space")
        }
    }
}
