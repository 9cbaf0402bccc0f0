import Node
import NodeAPI
import Primitives
import Testing

/// One question to a server and its answer, as they are on the wire.
struct Exchange {
    var route: APIRoute
    /// The path with its parameter filled in.
    var path: String
    var query: [(name: String, value: String)] = []
    var headers: [(name: String, value: String)] = []
    var body: [UInt8] = []

    struct Answer {
        let status: Int
        let contentType: String
        let body: [UInt8]
    }

    var target: String {
        query.isEmpty ? path : path + "?" + query.map { "\($0.name)=\($0.value)" }.joined(separator: "&")
    }

    /// - Parameter accept: what the answer should be; a stream is read up to its first message.
    func ask(_ address: NodeAddress, token: String, accept: String) async throws -> Answer {
        let connection = try #require(RawConnection(address))
        var head = "\(route.method) \(target) HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer \(token)\r\n"
        head += "Accept: \(accept)\r\nConnection: close\r\nContent-Length: \(body.count)\r\n"
        for header in headers { head += "\(header.name): \(header.value)\r\n" }
        connection.send(Array((head + "\r\n").utf8) + body)
        let isStream = accept == "text/event-stream"
        return try Self.parse(await connection.receiveBytes(until: isStream ? "\n\n" : nil))
    }

    private static func parse(_ bytes: [UInt8]) throws -> Answer {
        let end = try #require(bytes.indices.first { bytes[$0...].starts(with: Array("\r\n\r\n".utf8)) })
        let lines = String(decoding: bytes[..<end], as: UTF8.self).split(separator: "\r\n")
        var fields: [String: String] = [:]
        for line in lines.dropFirst() {
            let parts = line.split(separator: ":", maxSplits: 1)
            if parts.count == 2 { fields[parts[0].lowercased()] = String(parts[1].drop { $0 == " " }) }
        }
        let status = try #require(lines.first?.split(separator: " ").dropFirst().first.flatMap { Int($0) })
        return Answer(status: status, contentType: fields["content-type"] ?? "", body: Array(bytes[(end + 4)...]))
    }
}
