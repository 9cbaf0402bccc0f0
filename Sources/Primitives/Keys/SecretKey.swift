import CSodium

/// An Ed25519 secret key (RFC 8032). Its memory is overwritten when the last reference goes. Safe from any thread.
///
/// Sendable, although it holds a pointer: the 64 bytes are written in `init` only, before anyone else has the
/// reference, and are read-only until `deinit`, which runs once and after all reads.
public final class SecretKey: @unchecked Sendable {
    /// libsodium's form: the seed of 32 bytes, then the public key.
    private let memory: UnsafeMutablePointer<UInt8>
    public let publicKey: PublicKey

    public static let seedByteCount = 32

    /// A new key from the operating system's random source.
    public static func generate() -> SecretKey {
        Sodium.start()
        return SecretKey { seed in randombytes_buf(seed, seedByteCount) }
    }

    /// The key of a seed of 32 bytes; nil for another length. The caller wipes its own copy.
    public convenience init?(seed: some Collection<UInt8>) {
        guard seed.count == SecretKey.seedByteCount else { return nil }
        self.init { place in
            for (index, byte) in seed.enumerated() { place[index] = byte }
        }
    }

    /// The closure writes 32 bytes of seed.
    init(fillingSeed body: (UnsafeMutablePointer<UInt8>) -> Void) {
        Sodium.start()
        memory = UnsafeMutablePointer<UInt8>.allocate(capacity: 64)
        memory.initialize(repeating: 0, count: 64)
        var seed = [UInt8](repeating: 0, count: SecretKey.seedByteCount)
        let secret = memory
        let key = seed.withUnsafeMutableBufferPointer { buffer -> Bytes32 in
            guard let base = buffer.baseAddress else { return Bytes32() }
            body(base)
            let key = Bytes32 { _ = crypto_sign_seed_keypair($0, secret, base) }
            sodium_memzero(base, SecretKey.seedByteCount)
            return key
        }
        publicKey = PublicKey(storage: key)
    }

    deinit {
        sodium_memzero(memory, 64)
        memory.deallocate()
    }

    /// The seed, for as long as the closure runs.
    func withSeed<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        body(UnsafeRawBufferPointer(start: memory, count: SecretKey.seedByteCount))
    }

    /// A digest that only the holder of this key can compute: of a purpose and a name, under the key's seed.
    public func secretDigest(of purpose: String, _ name: String) -> Digest {
        var hasher = DigestHasher()
        hasher.update(signedBytes(kind: purpose, body: []))
        withSeed { hasher.update($0) }
        hasher.update(Array(name.utf8))
        return hasher.finish()
    }

    /// Signs the bytes as they are. Prefer `sign(domain:message:)`.
    public func sign(_ message: [UInt8]) -> Signature {
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 64) { output in
            // Of 64 bytes, so the address exists; all zeros is no signature of anything.
            guard let base = output.baseAddress else { return Signature.zero }
            _ = crypto_sign_detached(base, nil, message, UInt64(message.count), memory)
            return Signature(unchecked: base)
        }
    }

    /// Signs `signedBytes(kind: domain, body: message)`.
    public func sign(domain: String, message: [UInt8]) -> Signature {
        sign(signedBytes(kind: domain, body: message))
    }
}
