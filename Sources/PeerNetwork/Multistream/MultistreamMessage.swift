import NIOCore
import Primitives

/// The messages of multistream-select 1.0: a varint of the length, a text, a line feed.
enum MultistreamMessage {
    static let header = "/multistream/1.0.0"
    static let notAvailable = "na"
    static let list = "ls"
    /// The longest message that is read, line feed included, in bytes.
    static let byteLimit = 1024

    static func write(_ text: String, into output: inout ByteBuffer) {
        var prefix: [UInt8] = []
        Varint.append(UInt64(text.utf8.count + 1), to: &prefix)
        output.writeBytes(prefix)
        output.writeString(text)
        output.writeInteger(UInt8(ascii: "\n"))
    }

    /// The answer to `ls`: the protocols, a message each, in one message.
    static func writeList(_ protocols: [String], into output: inout ByteBuffer) {
        var inner = ByteBuffer()
        for name in protocols { write(name, into: &inner) }
        inner.writeInteger(UInt8(ascii: "\n"))
        var prefix: [UInt8] = []
        Varint.append(UInt64(inner.readableBytes), to: &prefix)
        output.writeBytes(prefix)
        output.writeBuffer(&inner)
    }

    /// The next message without its line feed; nil until all of it is there.
    static func read(_ input: inout ByteBuffer) throws(WireError) -> String? {
        // The limit takes two bytes of varint.
        guard let first = input.getInteger(at: input.readerIndex, as: UInt8.self) else { return nil }
        var length = Int(first & 0x7f)
        var prefix = 1
        if first & 0x80 != 0 {
            guard let second = input.getInteger(at: input.readerIndex + 1, as: UInt8.self) else { return nil }
            guard second & 0x80 == 0 else { throw tooLong }
            length |= Int(second) << 7
            prefix = 2
        }
        guard length <= byteLimit else { throw tooLong }
        guard length > 0 else { throw WireError(.malformed, "an empty message", at: "multistream") }
        guard input.readableBytes >= prefix + length else { return nil }
        input.moveReaderIndex(forwardBy: prefix)
        let bytes = input.readBytes(length: length) ?? []
        guard bytes.last == UInt8(ascii: "\n"), let text = String(validating: bytes.dropLast(), as: UTF8.self) else {
            throw WireError(.malformed, "a message that is no line of text", at: "multistream")
        }
        return text
    }

    private static var tooLong: WireError {
        WireError(.tooLong, "a message of more than \(byteLimit) bytes", at: "multistream")
    }
}

/// The side that proposes protocols. Sans-IO; one owner at a time.
///
/// With one protocol the caller may send its own bytes behind the proposal without waiting: if the answer is `na`, the
/// peer has not looked at them.
struct MultistreamDialer: Sendable {
    private var proposals: ArraySlice<String>
    private var hasHeader = false

    /// Protocols in the order of preference; the first is proposed with the header.
    init(_ protocols: [String]) { proposals = protocols[...] }

    func start(into output: inout ByteBuffer) {
        MultistreamMessage.write(MultistreamMessage.header, into: &output)
        if let first = proposals.first { MultistreamMessage.write(first, into: &output) }
    }

    /// The agreed protocol, or nil while the answer is not there. What is left in the input is the protocol's.
    mutating func receive(_ input: inout ByteBuffer, into output: inout ByteBuffer) throws(WireError) -> String? {
        while let message = try MultistreamMessage.read(&input) {
            if !hasHeader {
                guard message == MultistreamMessage.header else {
                    throw WireError(.malformed, "the peer does not speak multistream-select 1.0", at: "multistream")
                }
                hasHeader = true
                continue
            }
            guard let proposed = proposals.first else { break }
            if message == proposed { return proposed }
            guard message == MultistreamMessage.notAvailable else {
                throw WireError(.malformed, "an answer that is neither \(proposed) nor na", at: "multistream")
            }
            proposals = proposals.dropFirst()
            guard let next = proposals.first else {
                throw WireError(.unsupportedProtocol, "the peer does not speak \(proposed)", at: "multistream")
            }
            MultistreamMessage.write(next, into: &output)
        }
        return nil
    }
}

/// The side that answers proposals. Sans-IO; one owner at a time.
package struct MultistreamListener: Sendable {
    /// How many proposals and lists a peer may ask for.
    static let messageLimit = 16

    private var hasHeader = false
    private var messages = 0

    package init() {}

    /// The agreed protocol, or nil while none is. What is left in the input is the protocol's.
    ///
    /// - Parameter supported: the protocols that are spoken here; the list is sent to those who ask for it.
    package mutating func receive(
        _ input: inout ByteBuffer, into output: inout ByteBuffer, supported: (String) -> Bool, list: () -> [String]
    ) throws(WireError) -> String? {
        while let message = try MultistreamMessage.read(&input) {
            if !hasHeader {
                guard message == MultistreamMessage.header else {
                    throw WireError(.malformed, "the peer does not speak multistream-select 1.0", at: "multistream")
                }
                hasHeader = true
                MultistreamMessage.write(message, into: &output)
                continue
            }
            messages += 1
            guard messages <= MultistreamListener.messageLimit else {
                throw WireError(
                    .limit, "more than \(MultistreamListener.messageLimit) proposals", at: "multistream")
            }
            if message == MultistreamMessage.list {
                MultistreamMessage.writeList(list(), into: &output)
            } else if supported(message) {
                MultistreamMessage.write(message, into: &output)
                return message
            } else {
                MultistreamMessage.write(MultistreamMessage.notAvailable, into: &output)
            }
        }
        return nil
    }
}
