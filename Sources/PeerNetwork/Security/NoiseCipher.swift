import CSodium

/// A `CipherState` of the Noise framework (revision 34, section 5.1) with ChaCha20-Poly1305: a key and a counter.
///
/// Works on memory that the caller owns, in place where the caller wants that. One owner at a time.
struct NoiseCipher: Sendable {
    /// Bytes that encryption adds.
    static let tagByteCount = 16
    private static let nonceByteCount = 12

    private let key: SecretBytes
    /// The number of the next message. The largest value is reserved (section 5.1).
    private var counter: UInt64

    init(key: SecretBytes, counter: UInt64 = 0) {
        self.key = key
        self.counter = counter
    }

    /// Encrypts `count` bytes in place; the tag takes the 16 bytes behind them, which must be there.
    mutating func seal(_ memory: UnsafeMutableRawPointer, count: Int) throws(WireError) {
        let bytes = memory.assumingMemoryBound(to: UInt8.self)
        try withNonce { key, nonce in
            // In place is allowed; the function cannot fail for lengths of frames.
            _ = crypto_aead_chacha20poly1305_ietf_encrypt(bytes, nil, bytes, UInt64(count), nil, 0, nil, nonce, key)
        }
    }

    /// Decrypts `count` bytes, tag included, to `output`, which may be where they are and takes `count` - 16 bytes.
    mutating func open(
        _ input: UnsafeRawPointer, count: Int, to output: UnsafeMutableRawPointer, associated: [UInt8] = []
    ) throws(WireError) {
        guard count >= NoiseCipher.tagByteCount else {
            throw WireError(.malformed, "a message of \(count) bytes is shorter than its tag", at: "noise")
        }
        var status: Int32 = -1
        try withNonce { key, nonce in
            status = crypto_aead_chacha20poly1305_ietf_decrypt(
                output.assumingMemoryBound(to: UInt8.self), nil, nil, input.assumingMemoryBound(to: UInt8.self),
                UInt64(count), associated, UInt64(associated.count), nonce, key)
        }
        guard status == 0 else { throw WireError(.notAuthentic, "a message does not decrypt", at: "noise") }
    }

    /// Encrypts a message of the handshake.
    mutating func seal(_ message: [UInt8], associated: [UInt8]) throws(WireError) -> [UInt8] {
        var sealed = message + [UInt8](repeating: 0, count: NoiseCipher.tagByteCount)
        try withNonce { key, nonce in
            _ = crypto_aead_chacha20poly1305_ietf_encrypt(
                &sealed, nil, message, UInt64(message.count), associated, UInt64(associated.count), nil, nonce, key)
        }
        return sealed
    }

    /// Decrypts a message of the handshake.
    mutating func open(_ message: [UInt8], associated: [UInt8]) throws(WireError) -> [UInt8] {
        var opened = message
        var failure: WireError?
        opened.withUnsafeMutableBytes { buffer in
            guard let base = buffer.baseAddress else { return }
            do throws(WireError) {
                try open(UnsafeRawPointer(base), count: buffer.count, to: base, associated: associated)
            } catch { failure = error }
        }
        if let failure { throw failure }
        guard opened.count >= NoiseCipher.tagByteCount else {
            throw WireError(.malformed, "an empty message", at: "noise")
        }
        opened.removeLast(NoiseCipher.tagByteCount)
        return opened
    }

    /// Four zero bytes and the counter, least significant byte first (section 12.3); counts up after the use.
    private mutating func withNonce(
        _ body: (UnsafePointer<UInt8>, UnsafePointer<UInt8>) -> Void
    ) throws(WireError) {
        guard counter < .max else {
            throw WireError(.nonceExhausted, "the counter of a direction is used up", at: "noise")
        }
        var nonce = (UInt32(0), UInt32(truncatingIfNeeded: counter).littleEndian, UInt32(counter >> 32).littleEndian)
        key.withPointer { key in
            withUnsafeBytes(of: &nonce) { bytes in
                // Twelve bytes inline, so the address exists.
                if let base = bytes.baseAddress { body(key, base.assumingMemoryBound(to: UInt8.self)) }
            }
        }
        counter += 1
    }
}
