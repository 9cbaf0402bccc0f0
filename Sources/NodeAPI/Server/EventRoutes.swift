import HTTPTypes
import Hummingbird
import HummingbirdCore
import NIOCore
import Node
import Primitives

extension APIResponder {
    func eventAnswer(
        _ route: APIRoute, _ parameter: String, _ request: Request, _ query: QueryParameters
    ) async throws -> Response {
        switch route {
        case .getCursor:
            try query.allow()
            let name = try cursorName(parameter)
            guard let cursor = try await service.namedCursor(name) else {
                throw ServiceError(.notFound, "no cursor is stored under \(name)", field: "name")
            }
            return present(["name": .text(name), "cursor": .text("\(cursor)")], request)
        case .putCursor:
            try query.allow("cursor")
            let name = try cursorName(parameter)
            guard let cursor = query.text("cursor").flatMap({ EventCursor(text: $0) }) else {
                throw ServiceError(.malformed, "has to be a number of at most \(EventCursor.last)", field: "cursor")
            }
            try await service.setNamedCursor(name, to: cursor)
            return present(["name": .text(name), "cursor": .text("\(cursor)")], request)
        default: return try await events(request, query)
        }
    }

    private func events(_ request: Request, _ query: QueryParameters) async throws -> Response {
        try query.allow("after", "module", "kind", "account", "prefix", "prefix_hex", "limit", "wait_ms")
        var after = EventCursor.start
        // A browser that reconnects sends the last id it saw, which is newer than the address it was opened with.
        let seen = request.headers[Self.lastEventID]
        if let text = seen ?? query.text("after") {
            guard let cursor = EventCursor(text: text) else {
                throw ServiceError(
                    .malformed, "has to be a number of at most \(EventCursor.last)",
                    field: seen == nil ? "after" : "Last-Event-ID")
            }
            after = cursor
        }
        let filter = EventFilter(
            module: query.text("module"), kind: query.text("kind"),
            account: try query.text("account").map { try account($0, field: "account") },
            pathPrefix: try path("prefix", query))
        guard filter.kind == nil || filter.module != nil else {
            throw ServiceError(.malformed, "needs the module that the kind is of", field: "kind")
        }
        let limit = Int(try query.unsigned("limit", 1...1000, default: 100))
        if request.headers[.accept]?.contains("text/event-stream") == true {
            guard let place = streams.take() else {
                throw ServiceError(
                    .busy, "\(limits.streams) event streams are open, and no more are served",
                    hint: "ask for pages with wait_ms, or raise api.connection_limit")
            }
            return stream(EventQuery(after: after, filter: filter, limit: limit, wait: limits.heartbeat), place)
        }
        let page = try await service.events(
            EventQuery(after: after, filter: filter, limit: limit, wait: try wait(query)))
        return present(page.wire, request)
    }

    /// Server-sent events (WHATWG HTML, section 9.2). The stream reads the log by cursor at the pace of its reader: a
    /// slow reader keeps one page in memory and holds up nobody.
    private func stream(_ query: EventQuery, _ place: StreamPlaces.Place) -> Response {
        var headers = HTTPFields()
        headers[.contentType] = "text/event-stream"
        headers[.cacheControl] = "no-store"
        let service = service
        return Response(
            status: .ok, headers: headers,
            body: ResponseBody { writer in
                var query = query
                try await writer.write(ByteBuffer(string: ": cursor \(query.after)\n\n"))
                while !Task.isCancelled {
                    let page: EventPage
                    do throws(ServiceError) {
                        page = try await service.events(query)
                    } catch {
                        // The reader learns why before the stream ends.
                        let reason = JSONText.encode(error.wire)
                        try await writer.write(ByteBuffer(string: "event: error\ndata: \(reason)\n\n"))
                        break
                    }
                    var text = ""
                    for event in page.events {
                        text += "id: \(event.cursor)\nevent: \(event.module).\(event.kind)\n"
                        text += "data: \(JSONText.encode(event.wire.opening(["payload"])))\n\n"
                    }
                    // A comment keeps proxies from closing a silent stream, and finds readers that have gone.
                    if page.events.isEmpty { text = ": at \(page.next)\n\n" }
                    try await writer.write(ByteBuffer(string: text))
                    query.after = page.next
                }
                try await writer.finish(nil)
                withExtendedLifetime(place) {}
            })
    }

    private func cursorName(_ text: String) throws(ServiceError) -> String {
        let isPlain = text.utf8.allSatisfy {
            (0x61...0x7a).contains($0) || (0x30...0x39).contains($0) || $0 == 0x2d || $0 == 0x2e || $0 == 0x5f
        }
        guard isPlain, (1...64).contains(text.utf8.count) else {
            throw ServiceError(.malformed, "has to be 1 to 64 of a to z, 0 to 9, '-', '.', '_'", field: "name")
        }
        return text
    }

    private static var lastEventID: HTTPField.Name {
        HTTPField.Name("Last-Event-ID") ?? .range
    }
}
