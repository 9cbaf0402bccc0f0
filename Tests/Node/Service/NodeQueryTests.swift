import Dispatch
import Glibc
import Ledger
import LedgerSupport
import NodeAPI
import Primitives
import Storage
import Testing
import TestSupport
import Tokens

@testable import Node

/// What anyone may ask a running node, over HTTP and in the process: each question gets an answer, and the next one
/// too.
@Suite struct NodeQueryTests {
    @Test(
        "questions at the edge of what numbers hold get typed answers",
        arguments: [
            ("/v1/events?after=18446744073709551615", "", 400), ("/v1/events?after=9223372036854775808", "", 400),
            ("/v1/events?after=9223372036854775807", "", 200), ("/v1/events?after=9223372036854775806", "", 200),
            ("/v1/events?after=18446744073709551616", "", 400),
            ("/v1/events", "Last-Event-ID: 18446744073709551615", 400),
            ("/v1/events", "Last-Event-ID: 9223372036854775807", 200), ("/v1/events?kind=transfer", "", 400),
            ("/v1/events?module=tokens&kind=transfer&after=9223372036854775807", "", 200),
            ("/v1/headers?from=18446744073709551615", "", 200), ("/v1/slots/18446744073709551615", "", 404),
            ("/v1/slots/9223372036854775807", "", 404),
        ])
    func edges(target: String, header: String, status: Int) async throws {
        let folder = try TemporaryFolder()
        let node = try await TestNode(in: folder.root)
        try await node.block(sequence: 0)
        try await serving(node.runtime, folder) { socket in
            let answer = await ask(
                socket, "GET \(target) HTTP/1.1\r\nHost: x\r\n\(header)\r\nConnection: close\r\n\r\n")
            #expect(answer.hasPrefix("HTTP/1.1 \(status)"), "\(target) \(header): \(answer)")
            let cursor = await ask(
                socket, "PUT /v1/cursors/a?cursor=18446744073709551615 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
            )
            #expect(cursor.hasPrefix("HTTP/1.1 400"), "\(cursor)")
        }
        #expect(try await node.runtime.status().height == 1)
        await node.stop()
    }

    @Test("inside the process too, a cursor beyond the last is no trap")
    func cursors() async throws {
        let folder = try TemporaryFolder()
        let node = try await TestNode(in: folder.root)
        try await node.block(sequence: 0)
        let beyond = EventCursor(sequence: .max)
        #expect(try await node.runtime.events(EventQuery(after: beyond)).events.isEmpty)
        await #expect(throws: ServiceError(.malformed, "")) { try await node.runtime.setNamedCursor("a", to: beyond) }
        await #expect(throws: ServiceError(.malformed, "")) {
            try await node.runtime.events(EventQuery(filter: EventFilter(kind: "transfer")))
        }
        let quiet = try await node.runtime.events(EventQuery(filter: EventFilter(module: "absent")))
        #expect(quiet.events.isEmpty && quiet.next > .start)
        await node.stop()
    }

    @Test("a prefix with more below it than one proof should hold is refused, a longer one is proven")
    func listing() async throws {
        let folder = try TemporaryFolder()
        let allocations =
            (1...UInt64(ListingLimit.entries + 1)).map {
                Transfer(
                    to: AccountID(kind: .derived, payload: .blake2b256(signedBytes(kind: "t", body: $0))),
                    amount: Amount(tokens: 1))
            } + [Transfer(to: LedgerHarness.account(1), amount: Amount(tokens: 1))]
        let genesis = Genesis(
            name: "many", timeMilliseconds: 1_700_000_000_000, engine: "one-validator",
            validators: ValidatorSet(solo: TestNode.validator.publicKey),
            sections: CBORMap([(key: "tokens", value: try TokensGenesis(allocations: allocations).section())]))
        let node = try await TestNode(in: folder.root, genesis: genesis)
        try await node.block(sequence: 0)
        await #expect(throws: ServiceError(.tooLarge, "")) {
            try await node.runtime.list(prefix: Account.pathPrefix, after: nil, limit: 1)
        }
        let path = Account.path(LedgerHarness.account(1))
        let listing = try await node.runtime.list(prefix: path, after: nil, limit: 1)
        #expect(listing.entries.map(\.path) == [path] && !listing.proof.isEmpty)
        await node.stop()
    }

    private func serving(
        _ service: any NodeService, _ folder: TemporaryFolder, _ body: @Sendable (String) async throws -> Void
    ) async throws {
        let socket = folder.path("api.sock")
        let server = APIServer(service: service, address: .unixSocket(path: socket))
        let (ports, ready) = AsyncStream.makeStream(of: Int.self)
        let running = Task {
            try? await server.run { ready.yield($0) }
            ready.finish()
        }
        for await _ in ports { break }
        try await body(socket)
        running.cancel()
        await running.value
    }
}

/// One request over a Unix socket, on a thread that may block.
private func ask(_ path: String, _ request: String) async -> String {
    await withCheckedContinuation { continuation in
        DispatchQueue.global().async {
            let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
            defer { close(descriptor) }
            var address = sockaddr_un()
            address.sun_family = sa_family_t(AF_UNIX)
            withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: Array(path.utf8).prefix($0.count - 1)) }
            let code = withUnsafePointer(to: &address) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
                }
            }
            guard code == 0 else { return continuation.resume(returning: "no connection") }
            let bytes = Array(request.utf8)
            _ = send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL))
            var (answer, piece) = ([UInt8](), [UInt8](repeating: 0, count: 65_536))
            while case let count = recv(descriptor, &piece, piece.count, 0), count > 0 { answer += piece.prefix(count) }
            continuation.resume(returning: String(decoding: answer, as: UTF8.self))
        }
    }
}
