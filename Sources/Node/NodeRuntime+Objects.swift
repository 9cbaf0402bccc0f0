import Primitives

extension NodeRuntime {
    public func getObject(_ id: CID, into sink: any ObjectSink) async throws(ServiceError) -> UInt64 {
        let bytes = try stored(id)
        try await sink.write(bytes)
        return UInt64(bytes.count)
    }

    public func putObject(_ id: CID, from source: any ObjectSource) async throws(ServiceError) -> ObjectReceipt {
        let limit = configuration.objectLimitBytes
        if let announced = source.byteCount, announced > UInt64(limit) {
            throw ServiceError(.tooLarge, "the object has \(announced) bytes; this node takes \(limit) at most")
        }
        let isThere = objects.contains(id)
        var bytes: [UInt8] = []
        while let piece = try await source.next() {
            guard bytes.count + piece.count <= limit else {
                throw ServiceError(.tooLarge, "the object is larger than the \(limit) bytes that this node takes")
            }
            bytes += piece
        }
        do throws(ObjectStoreError) {
            try objects.put(bytes, expected: id)
        } catch {
            throw Self.service(error)
        }
        return ObjectReceipt(id: id, byteCount: UInt64(bytes.count), created: !isThere)
    }

    public func objectSize(_ id: CID) async throws(ServiceError) -> UInt64? {
        objects.contains(id) ? UInt64(try stored(id).count) : nil
    }

    private func stored(_ id: CID) throws(ServiceError) -> [UInt8] {
        do throws(ObjectStoreError) { return try objects.get(id) } catch { throw Self.service(error) }
    }

    private static func service(_ error: ObjectStoreError) -> ServiceError {
        switch error {
        case .unknown: ServiceError(.notFound, error.description)
        case .tooLarge: ServiceError(.tooLarge, error.description)
        case .digestMismatch: ServiceError(.digestMismatch, error.description)
        case .full:
            ServiceError(.unavailable, error.description, hint: "raise objects.store_limit_bytes", field: nil)
        case .file: ServiceError(.unavailable, error.description, hint: "free disk space")
        }
    }
}
