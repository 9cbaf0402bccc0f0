import NIOCore
import PeerNetwork
import Primitives
import Testing

@Suite("PeerStream", .timeLimit(.minutes(2)))
struct PeerStreamTests {
    @Test("many streams at once carry their own bytes")
    func parallel() async throws {
        try await HostPair.connected { pair in
            try pair.handleEcho()
            let wrong = await withTaskGroup(of: Int.self) { group in
                for number in 0..<100 {
                    group.addTask {
                        let sent = [UInt8](repeating: UInt8(number), count: 1000 + 997 * number)
                        guard let stream = try? await pair.stream(HostPair.echo) else { return 1 }
                        async let received = try? stream.readToEnd(limit: sent.count)
                        try? await stream.write(sent)
                        stream.closeWrite()
                        return await received == sent ? 0 : 1
                    }
                }
                return await group.reduce(0, +)
            }
            #expect(wrong == 0)
        }
    }

    @Test("a reader who does not read holds back its own stream, and no other")
    func slowReader() async throws {
        try await HostPair.connected { pair in
            let (gate, opens) = AsyncStream.makeStream(of: Void.self)
            try pair.listener.handle("/test/slow/1") { stream in
                for await _ in gate { break }
                var count = 0
                while let bytes = try? await stream.read() { count += bytes.readableBytes }
                try? await stream.write(Array("\(count)".utf8))
            }
            try pair.handleEcho()
            let slow = try await pair.stream("/test/slow/1")
            let size = 3_000_000
            let writer = Task { try await slow.write([UInt8](repeating: 1, count: size)) }
            for _ in 0..<20 {
                let quick = try await pair.stream(HostPair.echo)
                try await quick.writeMessage(Array("there?".utf8))
                #expect(try await quick.readMessage(limit: 10) == Array("there?".utf8))
                quick.close()
            }
            let held = pair.listener.trafficByProtocol()["/test/slow/1"]?.received ?? 0
            #expect(held <= 256 * 1024, "\(held) bytes came through a window of 256 KiB")
            opens.yield()
            try await writer.value
            slow.closeWrite()
            #expect(try await slow.readToEnd(limit: 20) == Array("\(size)".utf8))
        }
    }

    @Test("each side ends on its own")
    func halfClose() async throws {
        try await HostPair.connected { pair in
            try pair.listener.handle("/test/late/1") { stream in
                let question = try? await stream.readToEnd(limit: 100)
                for part in ["you ", "asked: "] { try? await stream.write(Array(part.utf8)) }
                try? await stream.write(question ?? [])
            }
            let stream = try await pair.stream("/test/late/1")
            try await stream.write(Array("why?".utf8))
            stream.closeWrite()
            let error = await #expect(throws: WireError.self) { try await stream.write([1]) }
            #expect(error?.code == .misuse)
            let answer = try await stream.readToEnd(limit: 100)
            #expect(String(decoding: answer, as: UTF8.self) == "you asked: why?")
        }
    }

    @Test("a reset reaches the other side's reader, with what it means")
    func resets() async throws {
        try await HostPair.connected { pair in
            let (seen, sees) = AsyncStream.makeStream(of: WireError.self)
            try pair.listener.handle("/test/reset/1") { stream in
                do throws(WireError) {
                    while let bytes = try await stream.read() { try await stream.write(bytes) }
                } catch {
                    sees.yield(error)
                }
                sees.finish()
            }
            let stream = try await pair.stream("/test/reset/1")
            try await stream.write([1])
            #expect(try await stream.read(exactly: 1) == [1])
            stream.reset("changed its mind")
            var errors = seen.makeAsyncIterator()
            #expect(await errors.next()?.code == .reset)
            let error = await #expect(throws: WireError.self) { try await stream.read() }
            #expect(error?.reason == "changed its mind")
            #expect(pair.dialer.isConnected(to: pair.listener.peer))
        }
    }

    @Test("a deadline breaks the stream off, unless it is taken back")
    func deadline() async throws {
        try await HostPair.connected { pair in
            try pair.handleEcho()
            let stream = try await pair.stream(HostPair.echo)
            stream.reset(after: .milliseconds(20))
            let error = await #expect(throws: WireError.self) { try await stream.read() }
            #expect(error?.code == .timeout)
            let other = try await pair.stream(HostPair.echo)
            other.reset(after: .milliseconds(20)).cancel()
            try await other.writeMessage([7])
            #expect(try await other.readMessage(limit: 1) == [7])
        }
    }

    @Test("a cancelled reader returns, and another may read on")
    func cancels() async throws {
        try await HostPair.connected { pair in
            try pair.handleEcho()
            let stream = try await pair.stream(HostPair.echo)
            let reader = Task { try await stream.read() }
            reader.cancel()
            let error = await #expect(throws: WireError.self) { try await reader.value }
            #expect(error?.code == .cancelled)
            try await stream.write([5])
            #expect(try await stream.read(exactly: 1) == [5])
        }
    }

    @Test("messages have a limit, which is checked before they are gathered")
    func messages() async throws {
        try await HostPair.connected { pair in
            try pair.handleEcho()
            let stream = try await pair.stream(HostPair.echo)
            let messages: [[UInt8]] = [[], [1], [UInt8](repeating: 2, count: 200_000)]
            for message in messages { try await stream.writeMessage(message) }
            stream.closeWrite()
            for message in messages { #expect(try await stream.readMessage(limit: 200_000) == message) }
            #expect(try await stream.readMessage(limit: 1) == nil)
            let other = try await pair.stream(HostPair.echo)
            try await other.write([0xff, 0xff, 0x7f])
            let error = await #expect(throws: WireError.self) { try await other.readMessage(limit: 1000) }
            #expect(error?.code == .tooLong)
            other.reset()
        }
    }

    @Test("a protocol that the peer does not speak is named when it is read, or when it is opened eagerly")
    func unsupported() async throws {
        try await HostPair.connected { pair in
            let lazy = try await pair.stream("/test/none/1")
            let error = await #expect(throws: WireError.self) { try await lazy.read() }
            #expect(error?.code == .unsupportedProtocol)
            let eager = await #expect(throws: WireError.self) {
                try await pair.dialer.openStream(
                    to: pair.listener.peer, protocols: ["/test/none/1", "/test/none/2"], lazily: false)
            }
            #expect(eager?.code == .unsupportedProtocol)
            #expect(eager?.reason.contains("/test/none/2") == true)
        }
    }

    @Test("more streams of a protocol than a peer may have are broken off")
    func streamLimit() async throws {
        try await HostPair.connected { pair in
            let (gate, opens) = AsyncStream.makeStream(of: Void.self)
            try pair.listener.handle("/test/few/1", streamsPerPeer: 2) { stream in
                try? await stream.write([1])
                for await _ in gate { break }
            }
            for _ in 0..<2 {
                let stream = try await pair.stream("/test/few/1")
                #expect(try await stream.read(exactly: 1) == [1])
            }
            let third = try await pair.stream("/test/few/1")
            let error = await #expect(throws: WireError.self) { try await third.read() }
            #expect(error?.code == .reset)
            opens.finish()
        }
    }
}
