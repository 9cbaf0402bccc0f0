import HTTPTypes
import Hummingbird
import HummingbirdCore
import NIOCore
import Node
import Primitives

extension APIResponder {
    func objectAnswer(
        _ route: APIRoute, _ parameter: String, _ request: Request, _ query: QueryParameters
    ) async throws -> Response {
        try query.allow()
        guard let id = try? CID(text: parameter) else {
            throw ServiceError(.malformed, "has to be a CID in base 32 (b…)", field: "id")
        }
        if route == .putObject { return try await store(id, request) }
        guard let size = try await service.objectSize(id) else {
            throw ServiceError(.notFound, "there is no object \(id.text)", field: "id")
        }
        var headers = HTTPFields()
        headers[.contentType] = "application/octet-stream"
        headers[.eTag] = "\"\(id.text)\""
        headers[.cacheControl] = "public, immutable, max-age=31536000"
        if route == .headObject {
            headers[.contentLength] = String(size)
            return Response(status: .ok, headers: headers)
        }
        let service = service
        return Response(
            status: .ok, headers: headers,
            body: ResponseBody(contentLength: Int(clamping: size)) { writer in
                // A digest mismatch throws before the end, so the reader sees a cut-off body and not a wrong object.
                let pieces = PieceQueue()
                let reading = Task { () async -> ServiceError? in
                    do throws(ServiceError) {
                        _ = try await service.getObject(id, into: pieces)
                        pieces.finish()
                        return nil
                    } catch {
                        pieces.finish()
                        return error
                    }
                }
                defer {
                    pieces.abandon()
                    reading.cancel()
                }
                while let piece = await pieces.take() { try await writer.write(ByteBuffer(bytes: piece)) }
                if let error = await reading.value { throw error }
                try await writer.finish(nil)
            })
    }

    private func store(_ id: CID, _ request: Request) async throws -> Response {
        let length = request.headers[.contentLength].flatMap { UInt64($0) }
        if let length, length > limits.objectBytes {
            throw ServiceError(
                .tooLarge, "the object has \(length) bytes; the limit is \(limits.objectBytes)", field: "body")
        }
        let pieces = PieceQueue()
        let stream = request.body
        let limit = limits.objectBytes
        // The connection's idle timeout ends a body that falls silent, so this task always ends.
        let reading = Task {
            var received: UInt64 = 0
            do {
                for try await piece in stream {
                    received += UInt64(piece.readableBytes)
                    guard received <= limit else {
                        throw ServiceError(.tooLarge, "the object is over the limit of \(limit) bytes", field: "body")
                    }
                    try await pieces.write(Array(piece.readableBytesView))
                }
                pieces.finish()
            } catch let error as ServiceError {
                pieces.fail(error)
            } catch {
                pieces.fail(ServiceError(.malformed, "the body ended early: \(error)", field: "body"))
            }
        }
        defer {
            pieces.abandon()
            reading.cancel()
        }
        let receipt = try await service.putObject(id, from: BodySource(pieces: pieces, byteCount: length))
        return present(receipt.wire, request, status: receipt.created ? .created : .ok)
    }
}

/// A request's body as a source of pieces.
private struct BodySource: ObjectSource {
    let pieces: PieceQueue
    let byteCount: UInt64?

    func next() async throws(ServiceError) -> [UInt8]? {
        if let piece = await pieces.take() { return piece }
        if let error = pieces.failure { throw error }
        return nil
    }
}
