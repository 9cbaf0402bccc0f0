import CSodium

/// A digest of 32 bytes, held inline; BLAKE2b-256 (RFC 7693) unless said otherwise. Ordered as its bytes are.
public struct Digest: Hashable, Comparable, Sendable, BitwiseCopyable, CustomStringConvertible {
    @usableFromInline var storage: Bytes32

    @inlinable
    init(storage: Bytes32) { self.storage = storage }

    /// Nil unless there are 32 bytes.
    public init?(bytes: some Collection<UInt8>) {
        guard let storage = Bytes32(bytes) else { return nil }
        self.storage = storage
    }

    /// Reads 64 hexadecimal digits.
    public init(hex: some StringProtocol) throws(FormatError) {
        let bytes = try Hex.decode(hex)
        guard let storage = Bytes32(bytes) else {
            throw FormatError(.wrongLength, "32 bytes are needed, not \(bytes.count)", at: "digest")
        }
        self.storage = storage
    }

    /// The number of bytes.
    public static let byteCount = 32

    /// Thirty-two zero bytes.
    public static let zero = Digest(storage: Bytes32())

    public var bytes: [UInt8] { storage.bytes }
    public var hex: String { storage.withBytes { Hex.encode($0) } }
    public var description: String { hex }

    /// The bytes, for as long as the closure runs.
    @inlinable
    public func withUnsafeBytes<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        storage.withBytes(body)
    }

    @inlinable
    public static func < (left: Digest, right: Digest) -> Bool { left.storage < right.storage }

    // MARK: BLAKE2b-256

    public static func blake2b256(_ bytes: [UInt8]) -> Digest {
        bytes.withUnsafeBytes { blake2b256($0) }
    }

    public static func blake2b256(_ span: RawSpan) -> Digest {
        span.withUnsafeBytes { blake2b256($0) }
    }

    public static func blake2b256(_ buffer: UnsafeRawBufferPointer) -> Digest {
        Sodium.start()
        let input = buffer.baseAddress?.assumingMemoryBound(to: UInt8.self)
        return Digest(
            storage: Bytes32 { output in
                // Cannot fail: the output length is within the function's limits and there is no key.
                _ = crypto_generichash(output, 32, input, UInt64(buffer.count), nil, 0)
            })
    }

    // MARK: SHA-256

    /// SHA-256 (FIPS 180-4), for what others have hashed.
    public static func sha256(_ bytes: [UInt8]) -> Digest {
        bytes.withUnsafeBytes { sha256($0) }
    }

    public static func sha256(_ buffer: UnsafeRawBufferPointer) -> Digest {
        Sodium.start()
        let input = buffer.baseAddress?.assumingMemoryBound(to: UInt8.self)
        return Digest(
            storage: Bytes32 { output in
                _ = crypto_hash_sha256(output, input, UInt64(buffer.count))
            })
    }
}
