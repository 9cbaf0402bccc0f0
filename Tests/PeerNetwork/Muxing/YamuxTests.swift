import NIOCore
import Testing

@testable import PeerNetwork

/// Two sessions and the bytes between them.
struct YamuxPair {
    var client: YamuxSession
    var server: YamuxSession

    init(_ limits: YamuxLimits = YamuxLimits()) {
        client = YamuxSession(.client, limits: limits)
        server = YamuxSession(.server, limits: limits)
    }

    /// Sends bytes on a stream of the client; answers the server's events. The count that the window allowed is less
    /// or equal.
    mutating func send(_ stream: UInt32, _ count: Int) throws -> [YamuxSession.Event] {
        var wire = ByteBuffer()
        if let header = client.permit(stream, wanted: count) {
            header.write(into: &wire)
            wire.writeRepeatingByte(7, count: Int(header.length))
        }
        return try YamuxPair.events(&server, &wire)
    }

    mutating func clientSpeaks() throws -> [YamuxSession.Event] {
        defer { client.control.clear() }
        var wire = client.control
        return try YamuxPair.events(&server, &wire)
    }

    mutating func serverSpeaks() throws -> [YamuxSession.Event] {
        defer { server.control.clear() }
        var wire = server.control
        return try YamuxPair.events(&client, &wire)
    }

    static func events(_ session: inout YamuxSession, _ wire: inout ByteBuffer) throws -> [YamuxSession.Event] {
        var events: [YamuxSession.Event] = []
        while let event = try session.next(&wire) { events.append(event) }
        return events
    }
}

@Suite("Yamux")
struct YamuxTests {
    static func frame(
        _ kind: UInt8, _ flags: UInt16, _ stream: UInt32, _ length: UInt32, version: UInt8 = 0, data: Int = 0
    ) -> ByteBuffer {
        var frame = ByteBuffer()
        frame.writeInteger(version)
        frame.writeInteger(kind)
        frame.writeInteger(flags)
        frame.writeInteger(stream)
        frame.writeInteger(length)
        frame.writeRepeatingByte(1, count: data)
        return frame
    }

    @Test("opens a stream with its first data, and acknowledges it with the first answer")
    func opens() throws {
        var pair = YamuxPair()
        let stream = try pair.client.open()
        #expect(stream == 1)
        let permitted = pair.client.permit(stream, wanted: 5)
        let header = try #require(permitted)
        #expect(header == YamuxHeader(.data, .syn, stream: 1, length: 5))
        var wire = ByteBuffer()
        header.write(into: &wire)
        #expect(wire == ByteBuffer(bytes: [0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 5]), "the specification's layout")
        wire.writeString("hello")
        let events = try YamuxPair.events(&pair.server, &wire)
        guard case .opened(1) = events.first, case .data(1, let bytes) = events.last else {
            Issue.record("\(events)")
            return
        }
        #expect(bytes == ByteBuffer(string: "hello"))
        let (answer, next) = (pair.server.permit(1, wanted: 1), pair.server.permit(1, wanted: 1))
        #expect(answer == YamuxHeader(.data, .ack, stream: 1, length: 1))
        #expect(next?.flags == [])
    }

    @Test("sends what the window allows and no more, and goes on when the reader has taken half of it")
    func windows() throws {
        var pair = YamuxPair()
        let stream = try pair.client.open()
        var sent = 0
        while pair.client.sendWindow(stream) > 0 {
            let before = pair.client.sendWindow(stream)
            _ = try pair.send(stream, 60_000)
            sent += before - pair.client.sendWindow(stream)
        }
        #expect(sent == YamuxSession.initialWindow)
        let beyond = pair.client.permit(stream, wanted: 1)
        #expect(beyond == nil)
        pair.server.consumed(stream, 100_000, now: .now())
        #expect(pair.server.control.readableBytes == 0, "less than half is not worth a frame")
        pair.server.consumed(stream, 40_000, now: .now())
        let events = try pair.serverSpeaks()
        guard case .writable(stream) = events.first else {
            Issue.record("\(events)")
            return
        }
        #expect(pair.client.sendWindow(stream) == 140_000)
    }

    @Test("opens windows wider for fast readers, within the limits of stream and connection")
    func growth() throws {
        var limits = YamuxLimits()
        limits.streamWindow = 1024 * 1024
        limits.connectionWindow = 1024 * 1024
        var pair = YamuxPair(limits)
        pair.server.roundTrip = .milliseconds(10)
        let streams = try (0..<2).map { _ in try pair.client.open() }
        for stream in streams {
            for _ in 0..<200 {
                let before = pair.client.sendWindow(stream)
                _ = try pair.send(stream, 60_000)
                let sent = before - pair.client.sendWindow(stream)
                pair.server.consumed(stream, sent, now: .uptimeNanoseconds(1000))
                _ = try pair.serverSpeaks()
            }
        }
        #expect(pair.server.streams[streams[0]]?.windowTarget == 1024 * 1024)
        #expect(pair.server.streams[streams[1]]?.windowTarget == 512 * 1024, "the connection has no more to give")
        #expect(pair.server.extraWindow <= limits.connectionWindow)
        pair.client.reset(streams[0])
        _ = try pair.clientSpeaks()
        #expect(pair.server.extraWindow == 256 * 1024)
    }

    @Test("ends each side on its own, and forgets the stream when both have ended")
    func halfClose() throws {
        var pair = YamuxPair()
        let stream = try pair.client.open()
        _ = try pair.send(stream, 10)
        pair.client.finish(stream)
        guard case .ended(stream) = try pair.clientSpeaks().first else {
            Issue.record("no end")
            return
        }
        let afterEnd = pair.client.permit(stream, wanted: 1)
        #expect(afterEnd == nil)
        let permitted = pair.server.permit(stream, wanted: 3)
        let header = try #require(permitted)
        var wire = ByteBuffer()
        header.write(into: &wire)
        wire.writeString("abc")
        #expect(try YamuxPair.events(&pair.client, &wire).count == 1)
        pair.server.finish(stream)
        _ = try pair.serverSpeaks()
        #expect(pair.client.streams.isEmpty)
        #expect(pair.server.streams.isEmpty)
        #expect(pair.client.outboundCount == 0)
        #expect(pair.client.unacknowledgedCount == 0)
        #expect(pair.server.inboundCount == 0)
    }

    @Test("drops what was under way on a stream that was broken off")
    func reset() throws {
        var pair = YamuxPair()
        let stream = try pair.client.open()
        _ = try pair.send(stream, 10)
        pair.server.reset(stream)
        let events = try pair.send(stream, 1000)
        #expect(events.isEmpty)
        guard case .reset(stream) = try pair.serverSpeaks().first else {
            Issue.record("no reset")
            return
        }
        #expect(pair.client.streams.isEmpty)
    }

    @Test("bounds the streams of both sides, and those without acknowledgement")
    func limits() throws {
        var limits = YamuxLimits()
        limits.inboundStreams = 2
        limits.outboundStreams = 4
        limits.unacknowledgedStreams = 3
        var pair = YamuxPair(limits)
        let streams = try (0..<3).map { _ in try pair.client.open() }
        #expect(throws: WireError.self) { try pair.client.open() }
        for stream in streams { _ = try pair.send(stream, 1) }
        #expect(pair.server.inboundCount == 2)
        pair.server.acknowledge(streams[0])
        pair.server.acknowledge(streams[1])
        let events = try pair.serverSpeaks()
        guard case .reset(streams[2]) = events.first, events.count == 1 else {
            Issue.record("\(events)")
            return
        }
        #expect(pair.client.unacknowledgedCount == 0)
        _ = try (0..<2).map { _ in try pair.client.open() }
        let error = #expect(throws: WireError.self) { try pair.client.open() }
        #expect(error?.code == .limit)
    }

    @Test("answers pings, and says why it leaves")
    func session() throws {
        var pair = YamuxPair()
        pair.client.ping(77)
        #expect(try pair.clientSpeaks().isEmpty)
        guard case .pong(77) = try pair.serverSpeaks().first else {
            Issue.record("no answer")
            return
        }
        pair.server.leave(.protocolError)
        guard case .goAway(1) = try pair.serverSpeaks().first else {
            Issue.record("no word")
            return
        }
        #expect(throws: WireError.self) { try pair.client.open() }
        #expect(throws: WireError.self) { try pair.server.open() }
    }

    @Test("ends the session for what the specification does not allow")
    func violations() {
        let open = YamuxTests.frame(1, 1, 1, 0)
        let cases: [(ByteBuffer, WireError.Code, String)] = [
            (YamuxTests.frame(0, 0, 1, 0, version: 1), .malformed, "version"),
            (YamuxTests.frame(4, 0, 1, 0), .malformed, "type"), (YamuxTests.frame(0, 16, 1, 0), .malformed, "flags"),
            (YamuxTests.frame(0, 1, 0, 0), .malformed, "stream 0"),
            (YamuxTests.frame(1, 1, 2, 0), .malformed, "our numbers"),
            (YamuxTests.frame(2, 1, 3, 0), .malformed, "ping"), (YamuxTests.frame(3, 0, 3, 0), .malformed, "go away"),
            (YamuxTests.frame(1, 1, 1, 0), .malformed, "opened twice"),
            (YamuxTests.frame(0, 0, 1, 256 * 1024 + 1), .flowControl, "more than the window"),
            (YamuxTests.frame(1, 0, 1, .max), .flowControl, "a window without end"),
            (YamuxTests.frame(0, 0, 99, .max), .malformed, "much on no stream"),
        ]
        for (frame, code, name) in cases {
            var session = YamuxSession(.server)
            var input = ByteBuffer(buffer: open)
            input.writeImmutableBuffer(frame)
            let error = #expect(throws: WireError.self) { _ = try YamuxPair.events(&session, &input) }
            #expect(error?.code == code, "\(name)")
        }
        var session = YamuxSession(.server)
        var input = YamuxTests.frame(0, 5, 1, 0)
        input.writeImmutableBuffer(YamuxTests.frame(0, 0, 1, 1, data: 1))
        #expect(throws: WireError.self, "data after the end") { _ = try YamuxPair.events(&session, &input) }
    }

    @Test("stays bounded, whatever frames come in whatever pieces")
    func garbage() {
        for seed in 0..<1000 as Range<UInt64> {
            var random = TestRandom(seed: seed)
            var limits = YamuxLimits()
            limits.inboundStreams = 8
            var session = YamuxSession(seed % 2 == 0 ? .client : .server, limits: limits)
            var wire = ByteBuffer()
            for _ in 0..<60 { wire.writeImmutableBuffer(YamuxTests.random(&random)) }
            var held = 0
            do throws(WireError) {
                while wire.readableBytes > 0 {
                    let count = min(wire.readableBytes, Int.random(in: 1...400, using: &random))
                    guard var piece = wire.readSlice(length: count) else { break }
                    while let event = try session.next(&piece) {
                        if case .data(_, let bytes) = event { held += bytes.readableBytes }
                    }
                }
            } catch {
                #expect([.malformed, .flowControl].contains(error.code), "seed \(seed): \(error)")
            }
            #expect(session.streams.count <= 8, "seed \(seed)")
            #expect(held <= 60 * 400, "seed \(seed)")
            #expect(session.control.readableBytes <= 60 * YamuxHeader.byteCount, "seed \(seed)")
            let unread = session.streams.values.reduce(0) { $0 + $1.unread }
            #expect(unread <= held, "seed \(seed)")
        }
    }

    /// A frame that is often almost right.
    static func random(_ random: inout TestRandom) -> ByteBuffer {
        let isWild = Int.random(in: 0..<40, using: &random) == 0
        let kind = UInt8.random(in: 0...(isWild ? 9 : 3), using: &random)
        let flags = UInt16.random(in: 0...(isWild ? .max : 15), using: &random)
        let stream = kind >= 2 ? 0 : UInt32.random(in: 1...12, using: &random)
        let count = kind == 0 ? Int.random(in: 0...300, using: &random) : 0
        let length = isWild ? UInt32.random(in: 0 ... .max, using: &random) : UInt32(count)
        return frame(kind, flags, stream, length, data: count)
    }
}
