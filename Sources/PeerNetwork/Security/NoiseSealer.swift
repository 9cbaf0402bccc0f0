import NIOCore

/// Packs bytes into encrypted frames: two bytes of length, then at most 65,535 bytes with their tag (noise-libp2p,
/// "Wire Format"). What is appended before `take` shares frames, and is encrypted where it lies. One owner at a time.
struct NoiseSealer: Sendable {
    /// The most plaintext that a frame holds, in bytes.
    static let frameCapacity = NoiseHandshake.messageLimit - NoiseCipher.tagByteCount
    private static let lengthByteCount = 2

    private var cipher: NoiseCipher
    private var output = ByteBuffer()
    /// Where the open frame's length will stand; nil without an open frame.
    private var open: Int?

    init(_ cipher: NoiseCipher) { self.cipher = cipher }

    /// Bytes that wait for `take`, tags of closed frames included.
    var byteCount: Int { output.readableBytes }

    /// How much more the open frame takes; a whole frame's capacity without one.
    var room: Int {
        guard let open else { return NoiseSealer.frameCapacity }
        return NoiseSealer.frameCapacity - (output.writerIndex - open - NoiseSealer.lengthByteCount)
    }

    /// Packs into memory that was used before, if nothing waits and nobody else holds it: memory that is in the
    /// processor's caches is filled and read in a fraction of the time.
    mutating func reuse(_ memory: ByteBuffer) {
        guard output.readableBytes == 0 else { return }
        output = memory
        output.clear()
    }

    /// Makes room for so many bytes at once, so that appending does not have to grow the memory step by step.
    mutating func reserve(_ count: Int) {
        let frames = count / NoiseSealer.frameCapacity + 2
        output.reserveCapacity(
            output.writerIndex + count + frames * (NoiseCipher.tagByteCount + NoiseSealer.lengthByteCount))
    }

    /// Appends all readable bytes.
    mutating func append(_ bytes: ByteBuffer) throws(WireError) {
        var rest = bytes
        while rest.readableBytes > 0 {
            let count = min(begin(), rest.readableBytes)
            guard let part = rest.readSlice(length: count) else { return }
            output.writeImmutableBuffer(part)
            if room == 0 { try close() }
        }
    }

    /// Encrypts the open frame, and hands over everything.
    mutating func take() throws(WireError) -> ByteBuffer {
        try close()
        defer { output = ByteBuffer() }
        return output
    }

    /// Opens a frame if none is open; answers its room.
    private mutating func begin() -> Int {
        if open == nil {
            open = output.writerIndex
            output.writeInteger(UInt16(0))
        }
        return room
    }

    private mutating func close() throws(WireError) {
        guard let start = open else { return }
        open = nil
        let content = start + NoiseSealer.lengthByteCount
        let count = output.writerIndex - content
        output.writeRepeatingByte(0, count: NoiseCipher.tagByteCount)
        output.setInteger(UInt16(truncatingIfNeeded: count + NoiseCipher.tagByteCount), at: start)
        var failure: WireError?
        output.withUnsafeMutableReadableBytes { buffer in
            // The reader index never moves, so the indices are offsets from the first readable byte.
            guard let base = buffer.baseAddress else { return }
            do throws(WireError) { try cipher.seal(base + content, count: count) } catch { failure = error }
        }
        if let failure { throw failure }
    }
}

/// Unpacks encrypted frames. Keeps a part of one frame at most, 65,537 bytes. One owner at a time.
struct NoiseOpener: Sendable {
    private static let lengthByteCount = 2

    private var cipher: NoiseCipher
    private var partial = ByteBuffer()

    init(_ cipher: NoiseCipher) { self.cipher = cipher }

    /// The content of the next frame, or nil when the input is used up; an incomplete frame waits inside.
    mutating func next(_ input: inout ByteBuffer) throws(WireError) -> ByteBuffer? {
        while input.readableBytes > 0 {
            if partial.readableBytes > 0 {
                guard fillPartial(&input) else { continue }
                defer { partial.clear() }
                return try decrypt(partial)
            }
            let length = input.getInteger(at: input.readerIndex, as: UInt16.self).map { Int($0) }
            if let length, let frame = input.readSlice(length: NoiseOpener.lengthByteCount + length) {
                return try decrypt(frame)
            }
            partial.writeBuffer(&input)
        }
        return nil
    }

    /// Moves what the partial frame lacks; whether it is whole then.
    private mutating func fillPartial(_ input: inout ByteBuffer) -> Bool {
        fill(to: NoiseOpener.lengthByteCount, &input)
        guard let length = partial.getInteger(at: partial.readerIndex, as: UInt16.self) else { return false }
        let wanted = NoiseOpener.lengthByteCount + Int(length)
        fill(to: wanted, &input)
        return partial.readableBytes == wanted
    }

    private mutating func fill(to wanted: Int, _ input: inout ByteBuffer) {
        let missing = min(wanted - partial.readableBytes, input.readableBytes)
        if missing > 0, var part = input.readSlice(length: missing) { partial.writeBuffer(&part) }
    }

    /// Decrypts to memory of its own: readers may keep it, while the socket's memory is used again.
    private mutating func decrypt(_ frame: ByteBuffer) throws(WireError) -> ByteBuffer {
        let count = frame.readableBytes - NoiseOpener.lengthByteCount
        guard count >= NoiseCipher.tagByteCount else {
            throw WireError(.malformed, "a frame of \(count) bytes is shorter than its tag", at: "noise")
        }
        // At most 65,535 bytes. One more than the content, so that there is an address for an empty one.
        var plain = ByteBuffer()
        plain.reserveCapacity(count - NoiseCipher.tagByteCount + 1)
        var failure: WireError?
        frame.withUnsafeReadableBytes { source in
            _ = plain.writeWithUnsafeMutableBytes(minimumWritableBytes: count - NoiseCipher.tagByteCount) { target in
                guard let input = source.baseAddress, let output = target.baseAddress else { return 0 }
                do throws(WireError) {
                    try cipher.open(input + NoiseOpener.lengthByteCount, count: count, to: output)
                } catch { failure = error }
                return failure == nil ? count - NoiseCipher.tagByteCount : 0
            }
        }
        if let failure { throw failure }
        return plain
    }
}
