import CSodium
import Primitives

/// Thirty-two secret bytes, overwritten when the last reference goes. Safe from any thread.
///
/// Sendable, although it holds a pointer: the bytes are written in `init` only, before anyone else has the reference,
/// and are read-only until `deinit`, which runs once and after all reads.
final class SecretBytes: @unchecked Sendable {
    static let count = 32
    private let memory: UnsafeMutablePointer<UInt8>

    /// The closure fills the bytes, which are zero before.
    init(_ fill: (UnsafeMutablePointer<UInt8>) -> Void) {
        memory = .allocate(capacity: SecretBytes.count)
        memory.initialize(repeating: 0, count: SecretBytes.count)
        fill(memory)
    }

    /// The first 32 bytes; those that are missing are zero.
    convenience init(_ bytes: [UInt8]) {
        self.init { memory in
            for (index, byte) in bytes.prefix(SecretBytes.count).enumerated() { memory[index] = byte }
        }
    }

    /// Bytes of the operating system's random source.
    static func random() -> SecretBytes {
        // The first use of libsodium in a process has to be one of `Primitives`, which makes it ready.
        var seed = SecureRandom.bytes(count: count)
        defer { sodium_memzero(&seed, count) }
        return SecretBytes(seed)
    }

    deinit {
        sodium_memzero(memory, SecretBytes.count)
        memory.deallocate()
    }

    /// The address of the bytes, valid while the object is.
    func withPointer<Result>(_ body: (UnsafePointer<UInt8>) -> Result) -> Result { body(UnsafePointer(memory)) }

    /// HMAC-SHA-256 (RFC 2104) with these bytes as the key.
    func hmac(_ message: [UInt8]) -> SecretBytes {
        SecretBytes { output in
            // Cannot fail: the lengths are the function's own.
            _ = crypto_auth_hmacsha256(output, message, UInt64(message.count), memory)
        }
    }

    /// HMAC-SHA-256 of 32 secret bytes and one more.
    func hmac(_ secret: SecretBytes?, _ last: UInt8) -> SecretBytes {
        var message = [UInt8](repeating: 0, count: secret == nil ? 0 : SecretBytes.count)
        secret?.withPointer { source in
            for index in message.indices { message[index] = source[index] }
        }
        message.append(last)
        defer { sodium_memzero(&message, message.count) }
        return hmac(message)
    }
}

/// An X25519 key pair (RFC 7748), as Noise uses it: a static one a node and an ephemeral one a handshake.
struct Curve25519Key: Sendable {
    static let byteCount = 32
    let secret: SecretBytes
    let publicBytes: [UInt8]

    init(_ secret: SecretBytes) {
        self.secret = secret
        publicBytes = [UInt8](unsafeUninitializedCapacity: Curve25519Key.byteCount) { buffer, filled in
            if let base = buffer.baseAddress {
                _ = secret.withPointer { crypto_scalarmult_base(base, $0) }
            }
            filled = Curve25519Key.byteCount
        }
    }

    static func generate() -> Curve25519Key { Curve25519Key(.random()) }

    /// The shared secret, as the input of a key derivation.
    ///
    /// Throws when the result would be zero, which happens for points of low order only: a peer that sends one knows
    /// the secret beforehand, so the exchange authenticates nothing (RFC 7748, section 6.1).
    func agree(with other: [UInt8]) throws(WireError) -> [UInt8] {
        guard other.count == Curve25519Key.byteCount else {
            throw WireError(.malformed, "a key of \(other.count) bytes", at: "noise")
        }
        var shared = [UInt8](repeating: 0, count: Curve25519Key.byteCount)
        let status = secret.withPointer { crypto_scalarmult(&shared, $0, other) }
        guard status == 0, shared.contains(where: { $0 != 0 }) else {
            throw WireError(.notAuthentic, "the peer's key is a point of low order", at: "noise")
        }
        return shared
    }
}
