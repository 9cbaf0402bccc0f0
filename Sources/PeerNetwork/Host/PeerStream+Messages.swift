import NIOCore
import Primitives
import Synchronization

/// Messages with their length before them, as most protocols of libp2p send them.
extension PeerStream {
    /// Writes a varint of the length, and the bytes.
    public func writeMessage(_ bytes: some Collection<UInt8>) async throws(WireError) {
        var prefix: [UInt8] = []
        Varint.append(UInt64(bytes.count), to: &prefix)
        var message = ByteBuffer()
        message.reserveCapacity(prefix.count + bytes.count)
        message.writeBytes(prefix)
        message.writeBytes(bytes)
        try await write(message)
    }

    /// The next message, or nil when the peer has ended its side between messages. After an error the stream is of no
    /// further use for messages: where the next one starts is not known.
    ///
    /// - Parameter limit: the longest message in bytes; a longer one is an error before memory is taken for it.
    public func readMessage(limit: Int) async throws(WireError) -> [UInt8]? {
        var gathered = ByteBuffer()
        while true {
            if let message = try messagePrefix(&gathered, limit: limit) {
                let rest = gathered
                if rest.readableBytes > 0 { buffers.withLock { $0.leftover = rest } }
                return message
            }
            guard var chunk = try await read() else {
                if gathered.readableBytes == 0 { return nil }
                throw WireError(.closed, "the peer ended inside a message", at: place)
            }
            if gathered.readableBytes == 0 { gathered = chunk } else { gathered.writeBuffer(&chunk) }
        }
    }

    /// Exactly this many bytes; nil when the peer ended before the first.
    public func read(exactly count: Int) async throws(WireError) -> [UInt8]? {
        var gathered = ByteBuffer()
        while true {
            if gathered.readableBytes >= count {
                let bytes = gathered.readBytes(length: count) ?? []
                let rest = gathered
                if rest.readableBytes > 0 { buffers.withLock { $0.leftover = rest } }
                return bytes
            }
            guard var chunk = try await read() else {
                if gathered.readableBytes == 0 { return nil }
                throw WireError(.closed, "the peer ended after \(gathered.readableBytes) of \(count) bytes", at: place)
            }
            if gathered.readableBytes == 0 { gathered = chunk } else { gathered.writeBuffer(&chunk) }
        }
    }

    /// Everything up to the end of the peer's side, of `limit` bytes at most.
    public func readToEnd(limit: Int) async throws(WireError) -> [UInt8] {
        var gathered: [UInt8] = []
        while let chunk = try await read() {
            guard gathered.count + chunk.readableBytes <= limit else {
                throw WireError(.tooLong, "more than \(limit) bytes", at: place)
            }
            gathered.append(contentsOf: chunk.readableBytesView)
        }
        return gathered
    }

    /// The message at the front, if all of it is there.
    private func messagePrefix(_ input: inout ByteBuffer, limit: Int) throws(WireError) -> [UInt8]? {
        var length: UInt64 = 0
        for index in 0..<9 {
            guard let byte = input.getInteger(at: input.readerIndex + index, as: UInt8.self) else { return nil }
            length |= UInt64(byte & 0x7f) << UInt64(7 * index)
            guard byte & 0x80 == 0 else { continue }
            guard length <= UInt64(max(limit, 0)) else {
                throw WireError(.tooLong, "a message of \(length) bytes, of \(limit) at most", at: place)
            }
            guard let bytes = input.getBytes(at: input.readerIndex + index + 1, length: Int(length)) else { return nil }
            input.moveReaderIndex(forwardBy: index + 1 + Int(length))
            return bytes
        }
        throw WireError(.malformed, "a length of more than nine bytes", at: place)
    }
}
