import NIOCore
import Testing

@testable import PeerNetwork

@Suite("Multistream")
struct MultistreamTests {
    /// Runs both sides until neither has anything to say.
    static func negotiate(_ proposals: [String], _ supported: [String]) throws -> (String?, String?) {
        var dialer = MultistreamDialer(proposals)
        var listener = MultistreamListener()
        var (toListener, toDialer) = (ByteBuffer(), ByteBuffer())
        dialer.start(into: &toListener)
        var agreed: (String?, String?)
        for _ in 0..<40 where agreed.0 == nil {
            if let name = try listener.receive(
                &toListener, into: &toDialer, supported: supported.contains, list: { supported })
            {
                agreed.1 = name
            }
            agreed.0 = try dialer.receive(&toDialer, into: &toListener)
        }
        return agreed
    }

    @Test("writes the bytes of the specification")
    func bytes() {
        var output = ByteBuffer()
        MultistreamDialer(["/echo/1"]).start(into: &output)
        #expect(output == ByteBuffer(string: "\u{13}/multistream/1.0.0\n\u{08}/echo/1\n"))
    }

    @Test("agrees on the first proposal that both speak")
    func agrees() throws {
        #expect(try MultistreamTests.negotiate(["/a", "/b", "/c"], ["/c", "/b"]) == ("/b", "/b"))
    }

    @Test("says so when there is none")
    func disagrees() {
        let error = #expect(throws: WireError.self) { try MultistreamTests.negotiate(["/a", "/b"], ["/c"]) }
        #expect(error?.code == .unsupportedProtocol)
        #expect(error?.reason.contains("/b") == true)
    }

    @Test("leaves what follows the agreement to the protocol, and waits for what is missing")
    func pieces() throws {
        var (whole, output) = (ByteBuffer(), ByteBuffer())
        MultistreamDialer(["/a"]).start(into: &whole)
        whole.writeString("payload")
        var listener = MultistreamListener()
        var input = ByteBuffer()
        var agreed: String?
        while agreed == nil, var next = whole.readSlice(length: 1) {
            input.writeBuffer(&next)
            agreed = try listener.receive(&input, into: &output, supported: { $0 == "/a" }, list: { [] })
        }
        #expect(agreed == "/a")
        #expect(input.readableBytes == 0)
        #expect(whole == ByteBuffer(string: "payload"))
    }

    @Test("answers ls with the list of protocols")
    func lists() throws {
        var (input, output) = (ByteBuffer(), ByteBuffer())
        MultistreamMessage.write(MultistreamMessage.header, into: &input)
        MultistreamMessage.write("ls", into: &input)
        var listener = MultistreamListener()
        _ = try listener.receive(&input, into: &output, supported: { _ in false }, list: { ["/a", "/b"] })
        #expect(output == ByteBuffer(string: "\u{13}/multistream/1.0.0\n\u{09}\u{03}/a\n\u{03}/b\n\n"))
    }

    @Test(
        "refuses what is no message, before it waits for all of it",
        arguments: [
            ([0xff, 0xff, 0x03], WireError.Code.tooLong), ([0x81, 0x08], .tooLong), ([0x00], .malformed),
            ([0x02, 0x61, 0x61], .malformed), ([0x02, 0xff, 0x0a], .malformed),
            ([0x03, 0x2f, 0x61, 0x0a], .malformed),
        ] as [([UInt8], WireError.Code)])
    func refuses(bytes: [UInt8], code: WireError.Code) {
        var listener = MultistreamListener()
        var (input, output) = (ByteBuffer(bytes: bytes), ByteBuffer())
        let error = #expect(throws: WireError.self) {
            try listener.receive(&input, into: &output, supported: { _ in true }, list: { [] })
        }
        #expect(error?.code == code)
        var dialer = MultistreamDialer(["/a"])
        input = ByteBuffer(bytes: bytes)
        #expect(throws: WireError.self) { try dialer.receive(&input, into: &output) }
    }

    @Test("bounds the number of proposals")
    func bounds() throws {
        var listener = MultistreamListener()
        var (input, output) = (ByteBuffer(), ByteBuffer())
        MultistreamMessage.write(MultistreamMessage.header, into: &input)
        for _ in 0...MultistreamListener.messageLimit { MultistreamMessage.write("/no", into: &input) }
        let error = #expect(throws: WireError.self) {
            try listener.receive(&input, into: &output, supported: { _ in false }, list: { [] })
        }
        #expect(error?.code == .limit)
    }
}
