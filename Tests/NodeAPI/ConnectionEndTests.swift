import Glibc
import Node
import NodeAPI
import NodeAPIFixture
import Primitives
import Synchronization
import TestSupport
import Testing

/// Who sends or reads too slowly loses the connection, and with it the place that it holds.
@Suite(.serialized) struct ConnectionEndTests {
    static let token = ServerBoundaryTests.token
    static let authorisation = ServerBoundaryTests.authorisation

    @Test func aRefusedBodyIsNotWaitedFor() async throws {
        try await withServer(FixtureService(), unixSocket: false, token: Self.token) { address async throws in
            let id = CID.of(raw: [1]).text
            let connection = try #require(RawConnection(address))
            connection.send("PUT /v1/objects/\(id) HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000\r\n\r\n")
            let trickle = Task {
                while !Task.isCancelled {
                    connection.send("a")
                    try? await Task.sleep(for: .milliseconds(50))
                }
            }
            defer { trickle.cancel() }
            let start = ContinuousClock.now
            let answer = await connection.receive()
            #expect(answer.hasPrefix("HTTP/1.1 401") && answer.lowercased().contains("connection: close"), "\(answer)")
            #expect(ContinuousClock.now - start < .seconds(10))
        }
    }

    @Test func questionsThatWereReadKeepTheirConnection() async throws {
        try await withServer(FixtureService(), unixSocket: false, token: Self.token) { address async throws in
            let connection = try #require(RawConnection(address))
            let head = "HTTP/1.1\r\nHost: x\r\n\(Self.authorisation)"
            // Refused and answered in one connection, the last two at once.
            connection.send("POST /v1/transactions \(head)Content-Length: 2\r\n\r\nab")
            #expect(await connection.receive(until: "}\n").hasPrefix("HTTP/1.1 "))
            connection.send("GET /v1/nothing \(head)\r\nGET /v1/status \(head)\r\n")
            let both = await connection.receive(until: "\"validators\"")
            #expect(both.contains("HTTP/1.1 404") && both.contains("HTTP/1.1 200"), "\(both)")
            #expect(!both.lowercased().contains("connection: close"))
        }
    }

    @Test func aReaderThatStopsLosesItsPlace() async throws {
        let fixture = FixtureService()
        let object = [UInt8](repeating: 7, count: 32 << 20)
        fixture.state.withLock { $0.objects[CID.of(raw: object)] = object }
        let limits = APILimits(requestTimeout: .milliseconds(500), connections: 2)
        try await withServer(fixture, unixSocket: false, limits: limits, token: Self.token) { address async throws in
            let readers = try (0..<2).map { _ in
                let connection = try #require(RawConnection(address))
                connection.send(
                    "GET /v1/objects/\(CID.of(raw: object).text) HTTP/1.1\r\nHost: x\r\n\(Self.authorisation)\r\n")
                return connection
            }
            let client = NodeClient(address, token: Self.token, timeout: .seconds(20))
            #expect(try await client.status().height == 7)
            // The other has stood still for as long by then.
            try await Task.sleep(for: .seconds(2))
            for reader in readers { #expect(await reader.receive().utf8.count < object.count) }
        }
    }

    @Test func streamsLeavePlacesForOthers() async throws {
        let limits = APILimits(connections: 4)
        try await withServer(FixtureService(), unixSocket: false, limits: limits, token: Self.token) {
            address async throws in
            let request = "GET /v1/events HTTP/1.1\r\nHost: x\r\n\(Self.authorisation)Accept: text/event-stream\r\n\r\n"
            let streams = try (0..<3).map { _ in try #require(RawConnection(address)) }
            for stream in streams {
                stream.send(request)
                #expect(await stream.receive(until: ": cursor").contains("text/event-stream"))
            }
            let fourth = try #require(RawConnection(address))
            fourth.send(request)
            #expect(await fourth.receive(until: "\"busy\"").hasPrefix("HTTP/1.1 429"))
            withExtendedLifetime(streams) {}
        }
    }

    @Test func errorsOfHeadHaveNoBody() async throws {
        try await withServer(FixtureService(), unixSocket: false, token: Self.token) { address async throws in
            for target in ["/v1/objects/\(CID.of(raw: [9]).text)", "/v1/objects/zz", "/v1/status"] {
                let connection = try #require(RawConnection(address))
                connection.send(
                    "HEAD \(target) HTTP/1.1\r\nHost: x\r\n\(Self.authorisation)Connection: close\r\n\r\n")
                let answer = await connection.receive()
                #expect(answer.hasPrefix("HTTP/1.1 4") && answer.hasSuffix("\r\n\r\n"), "\(answer)")
            }
        }
    }
}

@Suite(.serialized) struct UnixSocketTests {
    @Test func aSecondServerDoesNotTakeTheSocket() async throws {
        try await withServer(FixtureService()) { address async throws in
            guard case .unixSocket(let path) = address else { return }
            let second = APIServer(service: FixtureService(), address: .unixSocket(path: path))
            await #expect(throws: ServiceError(.unavailable, "")) { try await second.run() }
            #expect(try await NodeClient(address).status().height == 7)
        }
    }

    @Test func whatAnotherHasPutInThePlaceStays() async throws {
        let folder = try TemporaryFolder()
        let path = folder.path("api.sock")
        // What a killed process has left is no obstacle.
        try DurableFile.replace(path, with: [1])
        let server = APIServer(service: FixtureService(), address: .unixSocket(path: path))
        let (ports, ready) = AsyncStream.makeStream(of: Int.self)
        let serving = Task { try await server.run { ready.yield($0) } }
        for await _ in ports { break }
        #expect(try await NodeClient(.unixSocket(path: path)).status().height == 7)
        try DurableFile.replace(path, with: [2])
        serving.cancel()
        try await serving.value
        #expect(try DurableFile.read(path) == [2])
    }

    @Test func aSocketThatCannotBePublishedIsSaid() async throws {
        let folder = try TemporaryFolder()
        try DurableFile.makeFolder(folder.path("api.sock"))
        let server = APIServer(service: FixtureService(), address: .unixSocket(path: folder.path("api.sock")))
        await #expect(throws: ServiceError(.unavailable, "")) { try await server.run() }
    }

    @Test func theLongestPathIsServed() async throws {
        let folder = try TemporaryFolder()
        let base = folder.root.utf8.count + 1
        let deep = folder.path(String(repeating: "d", count: 93 - base))
        try DurableFile.makeFolder(deep)
        let path = "\(deep)/" + String(repeating: "s", count: 13)
        let server = APIServer(service: FixtureService(), address: .unixSocket(path: path))
        let (ports, ready) = AsyncStream.makeStream(of: Int.self)
        let serving = Task {
            defer { ready.finish() }
            try await server.run { ready.yield($0) }
        }
        for await _ in ports { break }
        #expect(try await NodeClient(.unixSocket(path: path)).status().height == 7)
        serving.cancel()
        try await serving.value
        let long = APIServer(service: FixtureService(), address: .unixSocket(path: path + "s"))
        await #expect(throws: ServiceError(.malformed, "")) { try await long.run() }
    }
}
