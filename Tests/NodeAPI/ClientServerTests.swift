import Glibc
import Node
import NodeAPI
import NodeAPIFixture
import Primitives
import Synchronization
import Testing

/// Every question of `NodeService` through the client, the wire and the server gives what the service itself gives.
@Suite(.serialized) struct ClientServerTests {
    static let account = AccountID(SecretKey.generate().publicKey)

    @Test(arguments: [true, false]) func everyAnswerCrossesTheWireUnchanged(unixSocket: Bool) async throws {
        let fixture = FixtureService()
        fixture.state.withLock {
            $0.values = [Array("m/a".utf8): [1], Array("m/b".utf8): [2, 3], Array("n".utf8): []]
        }
        fixture.state.withLock { $0.receipts[.zero] = FixtureService.receipt(.zero) }
        for sequence in 1..<4 { fixture.addEvent(UInt64(sequence)) }
        fixture.addEvent(4, module: "federation", kind: "paid")
        let token = BearerToken("correct-horse-battery")
        try await withServer(fixture, unixSocket: unixSocket, token: token) { address async throws in
            let client = NodeClient(address, token: token)
            #expect(try await client.status() == fixture.status())
            #expect(try await client.health() == fixture.health())
            #expect(try await client.metrics() == fixture.metrics())
            #expect(try await client.genesis() == fixture.genesis())
            #expect(try await client.submit([1, 2, 3]) == .pending(id: Digest.blake2b256([1, 2, 3])))
            #expect(try await client.receipt(of: .zero, waitingAtMost: .zero) == FixtureService.receipt(.zero))
            #expect(try await client.receipt(of: .blake2b256([]), waitingAtMost: .milliseconds(30)) == nil)
            #expect(try await client.transaction(.slot(1)) == fixture.transaction(.slot(1)))
            #expect(try await client.account(Self.account) == fixture.account(Self.account))
            #expect(try await client.state(at: Array("m/a".utf8)).value == [1])
            #expect(try await client.state(at: [0xff, 0]).value == nil)
            #expect(try await client.values(at: [[0xff, 0], Array("m/a".utf8)]).entries.map(\.value) == [nil, [1]])
            let longest = (0..<ProvenValues.pathLimit).map { [UInt8](repeating: UInt8($0), count: 128) }
            #expect(try await client.values(at: longest).entries.map(\.path) == longest)
            let listing = try await client.list(prefix: Array("m/".utf8), after: Array("m/a".utf8), limit: 5)
            let expected = try await fixture.list(prefix: Array("m/".utf8), after: Array("m/a".utf8), limit: 5)
            #expect(listing == expected)
            #expect(try await client.headers(from: 5, limit: 2) == fixture.headers(from: 5, limit: 2))
            #expect(try await client.handovers(from: 5, limit: 2) == fixture.handovers(from: 5, limit: 2))
            let query = EventQuery(filter: EventFilter(module: "federation", pathPrefix: Array("m/".utf8)))
            #expect(try await client.events(query) == fixture.events(query))
            #expect(try await client.namedCursor("site") == nil)
            try await client.setNamedCursor("site", to: EventCursor(sequence: 92))
            #expect(try await client.namedCursor("site") == EventCursor(sequence: 92))
        }
    }

    @Test func errorsKeepTheirCodeFieldAndResult() async throws {
        try await withServer(FixtureService()) { address async throws in
            let client = NodeClient(address)
            await #expect(throws: ServiceError(.refused, "", resultCode: 5)) { try await client.submit([0x66]) }
            await #expect(throws: ServiceError(.notFound, "")) { try await client.transaction(.slot(99)) }
            await #expect(throws: ServiceError(.pruned, "")) { try await client.transaction(.slot(0)) }
        }
    }

    @Test func aSickNodeStillSaysWhy() async throws {
        let fixture = FixtureService()
        fixture.state.withLock { $0.isHealthy = false }
        try await withServer(fixture) { address async throws in
            let health = try await NodeClient(address).health()
            #expect(!health.healthy)
            #expect(health.findings.first?.mend == "free some space")
        }
    }

    @Test(arguments: [0, 1, 65_536, 3_000_001]) func objectsStreamBothWays(size: Int) async throws {
        let bytes = (0..<UInt32(size)).map { UInt8(truncatingIfNeeded: $0 &* 2_654_435_761 >> 13) }
        let id = CID.of(raw: bytes)
        try await withServer(FixtureService()) { address async throws in
            let client = NodeClient(address)
            #expect(try await client.objectSize(id) == nil)
            #expect(try await client.putObject(id, from: BytesSource(bytes)).created)
            #expect(try await client.putObject(id, from: BytesSource(bytes)).created == false)
            #expect(try await client.objectSize(id) == UInt64(size))
            let sink = BytesSink(limitBytes: 4 << 20)
            #expect(try await client.getObject(id, into: sink) == UInt64(size))
            #expect(sink.bytes == bytes)
        }
    }

    @Test func aWrongObjectIsRefusedOnBothWays() async throws {
        let fixture = FixtureService()
        try await withServer(fixture) { address async throws in
            let client = NodeClient(address)
            let bytes = [UInt8](repeating: 7, count: 100_000)
            await #expect(throws: ServiceError(.digestMismatch, "")) {
                try await client.putObject(CID.of(raw: [1]), from: BytesSource(bytes))
            }
            #expect(fixture.state.withLock { $0.objects.isEmpty })
            let id = CID.of(raw: bytes)
            _ = try await client.putObject(id, from: BytesSource(bytes))
            fixture.state.withLock { $0.corruptObjects = true }
            await #expect(throws: ServiceError(.digestMismatch, "")) {
                try await client.getObject(id, into: BytesSink(limitBytes: 1 << 20))
            }
        }
    }

    @Test func aSinkThatIsFullEndsTheTransferWithItsOwnError() async throws {
        try await withServer(FixtureService()) { address async throws in
            let client = NodeClient(address)
            let bytes = [UInt8](repeating: 7, count: 1_000_000)
            _ = try await client.putObject(CID.of(raw: bytes), from: BytesSource(bytes))
            await #expect(throws: ServiceError(.tooLarge, "")) {
                try await client.getObject(CID.of(raw: bytes), into: BytesSink(limitBytes: 1000))
            }
            #expect(try await client.status().height == 7)
        }
    }

    @Test func aLongPollAnswersWhenTheEventComes() async throws {
        let fixture = FixtureService()
        try await withServer(fixture) { address async throws in
            let client = NodeClient(address)
            async let page = client.events(EventQuery(wait: .seconds(10)))
            try await Task.sleep(for: .milliseconds(50))
            fixture.addEvent(3)
            #expect(try await page.events.map(\.cursor) == [EventCursor(sequence: 3)])
        }
    }

    @Test func manyCallsAtOnceAllComeBack() async throws {
        try await withServer(FixtureService()) { address async throws in
            let client = NodeClient(address)
            try await withThrowingTaskGroup(of: UInt64.self) { group in
                for _ in 0..<100 { group.addTask { try await client.status().height } }
                for try await height in group { #expect(height == 7) }
            }
        }
    }

    @Test func noNodeIsAnErrorThatSaysWhatToDo() async throws {
        let client = NodeClient(.unixSocket(path: "/tmp/vinculum-nobody.sock"))
        do {
            _ = try await client.status()
            Issue.record("somebody answered")
        } catch {
            #expect(error.code == .unreachable)
            #expect(error.hint?.contains("vinculum run") == true)
        }
    }

    @Test func theSocketIsForItsOwnerOnly() async throws {
        try await withServer(FixtureService()) { address async throws in
            guard case .unixSocket(let path) = address else { return }
            var status = stat()
            #expect(stat(path, &status) == 0)
            #expect(status.st_mode & 0o777 == 0o600)
        }
    }
}

/// Clients of several nodes.
struct PreferredNodesTests {
    @Test func theNextNodeIsAskedWhenTheFirstIsAway() async throws {
        try await withServer(FixtureService()) { address async throws in
            let away = NodeAddress.unixSocket(path: "/tmp/vin-nobody-listens-here.sock")
            let client = NodeClient(preferring: [away, address])
            for _ in 0..<3 { #expect(try await client.status().height == 7) }
        }
    }

    @Test func withoutAnyTheErrorSaysSo() async throws {
        let away = (1...3).map { NodeAddress.unixSocket(path: "/tmp/vin-nobody-\($0).sock") }
        await #expect(throws: ServiceError(.unreachable, "")) {
            try await NodeClient(preferring: away).status()
        }
    }
}
