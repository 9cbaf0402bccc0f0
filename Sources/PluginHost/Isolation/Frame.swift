/// One message between host and child: a head of 24 bytes, then for each part its length (4 bytes) and its bytes.
///
/// Everything is little-endian. Both sides check every length, because the child is not trusted.
package struct Frame {
    /// What a frame is for.
    package enum Form: UInt32 {
        /// Host to child: a call; `code` is the `PluginCall`.
        case call = 1
        /// Child to host: the answer. `code` 0 is success, else parts are error code, call, message, and status.
        case answer = 2
        /// Child to host, one way: a log line; `code` is the level.
        case log = 3
        /// Child to host, one way: a metric; `code` 1 for a counter.
        case metric = 4
        /// Child to host: asks for a service; `code` is a `ServiceRequest`. The host answers with `.service`.
        case service = 5
        /// Child to host, one way, also between calls: no part is a wake, one is a complaint.
        case attention = 6
    }

    static let magic: UInt32 = 0x314e_4956
    package static let headSize = 24
    static let sizeLimit = 72 << 20
    static let partLimit = 1024

    package let form: Form
    package let code: UInt32
    package let parts: [[UInt8]]

    package init(_ form: Form, code: UInt32 = 0, _ parts: [[UInt8]] = []) {
        self.form = form
        self.code = code
        self.parts = parts
    }

    /// Appends the encoded frame to a buffer that the caller keeps for its capacity.
    package func encode(into buffer: inout [UInt8]) {
        func word(_ value: UInt32) { withUnsafeBytes(of: value.littleEndian) { buffer.append(contentsOf: $0) } }
        let size = parts.reduce(0) { $0 + 4 + $1.count }
        word(Self.magic)
        word(form.rawValue)
        word(code)
        word(UInt32(parts.count))
        word(UInt32(size))
        word(0)
        for part in parts {
            word(UInt32(part.count))
            buffer.append(contentsOf: part)
        }
    }

    /// Size of the body that follows a head, or nil if it is no head.
    package static func bodySize(_ head: UnsafeRawBufferPointer) -> Int? {
        guard head.count >= headSize, word(head, 0) == magic, Form(rawValue: word(head, 4)) != nil else { return nil }
        let size = Int(word(head, 16))
        return size <= sizeLimit && word(head, 12) <= UInt32(partLimit) && word(head, 20) == 0 ? size : nil
    }

    /// Reads a whole frame; nil if a length does not fit.
    package init?(_ bytes: UnsafeRawBufferPointer) {
        guard let size = Self.bodySize(bytes), bytes.count == Self.headSize + size,
            let form = Form(rawValue: Self.word(bytes, 4))
        else { return nil }
        self.form = form
        code = Self.word(bytes, 8)
        var parts: [[UInt8]] = []
        var position = Self.headSize
        for _ in 0..<Self.word(bytes, 12) {
            guard bytes.count - position >= 4 else { return nil }
            let count = Int(Self.word(bytes, position))
            position += 4
            guard bytes.count - position >= count else { return nil }
            parts.append(Array(bytes[position..<position + count]))
            position += count
        }
        guard position == bytes.count else { return nil }
        self.parts = parts
    }

    private static func word(_ bytes: UnsafeRawBufferPointer, _ offset: Int) -> UInt32 {
        UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt32.self))
    }
}

/// What a child may ask of the host in the middle of a call.
enum ServiceRequest: UInt32 {
    case storageGet = 1
    case storagePut, storageRemove, publicKey, sign, validators
}
