import HTTPTypes
import Hummingbird
import HummingbirdCore
import Node
import Primitives

extension APIResponder {
    func transactionAnswer(
        _ route: APIRoute, _ parameter: String, _ request: Request, _ query: QueryParameters
    ) async throws -> Response {
        switch route {
        case .submit:
            try query.allow("wait_ms")
            let wait = try wait(query)
            let envelope = try await body(of: request, type: WireFormat.cborType)
            guard !envelope.isEmpty else { throw ServiceError(.malformed, "the body is empty", field: "body") }
            let outcome = try await service.submit(envelope, waitingAtMost: wait)
            if case .pending = outcome { return present(outcome.wire, request, status: .accepted) }
            return present(outcome.wire, request)
        case .receipt:
            try query.allow("wait_ms")
            let id = try digest(parameter, field: "id")
            guard let receipt = try await service.receipt(of: id, waitingAtMost: try wait(query)) else {
                throw ServiceError(
                    .notFound, "transaction \(id.hex) is not decided", hint: "ask again, or with a longer wait_ms")
            }
            return present(receipt.wire, request)
        case .slot:
            try query.allow()
            guard parameter.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let slot = UInt64(parameter) else {
                throw ServiceError(.malformed, "has to be an unsigned integer", field: "slot")
            }
            return present(try await service.transaction(.slot(slot)).wire, request)
        default:
            try query.allow()
            return present(try await service.transaction(.id(try digest(parameter, field: "id"))).wire, request)
        }
    }

    func stateAnswer(
        _ route: APIRoute, _ parameter: String, _ request: Request, _ query: QueryParameters
    ) async throws -> Response {
        switch route {
        case .account:
            try query.allow()
            return present(try await service.account(try account(parameter, field: "id")).wire, request)
        case .state:
            try query.allow("path", "path_hex")
            guard let path = try path("path", query) else {
                throw ServiceError(.malformed, "is missing", field: "path")
            }
            return present(try await service.state(at: path).wire, request)
        case .values:
            try query.allow("paths_hex")
            return present(try await service.values(at: try paths(query)).wire, request)
        case .list:
            try query.allow("prefix", "prefix_hex", "after", "after_hex", "limit")
            let listing = try await service.list(
                prefix: try path("prefix", query) ?? [], after: try path("after", query),
                limit: Int(try query.unsigned("limit", 1...1000, default: 100)))
            return present(listing.wire, request)
        default:
            try query.allow("from", "limit", "handovers")
            let first = try query.unsigned("from", 0...(.max), default: 0)
            let limit = Int(try query.unsigned("limit", 1...1000, default: 100))
            let headers =
                try query.unsigned("handovers", 0...1, default: 0) == 1
                ? try await service.handovers(from: first, limit: limit)
                : try await service.headers(from: first, limit: limit)
            return present(["headers": .array(headers.map(\.wire))], request)
        }
    }
}
