import CSodium

/// An Ed25519 public key (RFC 8032). Signatures are accepted exactly as libsodium's `crypto_sign_verify_detached`
/// accepts them: canonical S, no key or R of small order.
public struct PublicKey: Hashable, Comparable, Sendable, CustomStringConvertible {
    @usableFromInline let storage: Bytes32

    init(storage: Bytes32) { self.storage = storage }

    /// Any 32 bytes; whether they are a point shows when a signature is verified. Nil for another length.
    public init?(bytes: some Collection<UInt8>) {
        guard let storage = Bytes32(bytes) else { return nil }
        self.storage = storage
    }

    public static let byteCount = 32

    public var bytes: [UInt8] { storage.bytes }
    public var hex: String { storage.withBytes { Hex.encode($0) } }
    public var description: String { didKey }

    public static func < (left: PublicKey, right: PublicKey) -> Bool { left.storage < right.storage }

    /// The bytes, for as long as the closure runs.
    public func withUnsafeBytes<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        storage.withBytes(body)
    }

    // MARK: Verification (any thread; about 48 us)

    public func isValid(_ signature: Signature, for message: [UInt8]) -> Bool {
        message.withUnsafeBytes { isValid(signature, for: $0) }
    }

    public func isValid(_ signature: Signature, for message: UnsafeRawBufferPointer) -> Bool {
        Sodium.start()
        let input = message.baseAddress?.assumingMemoryBound(to: UInt8.self)
        return signature.withUnsafeBytes { signatureBytes in
            storage.withBytes { key in
                // Inline values of 64 and 32 bytes: the addresses exist.
                guard let first = signatureBytes.baseAddress, let second = key.baseAddress else { return false }
                return crypto_sign_verify_detached(
                    first.assumingMemoryBound(to: UInt8.self), input, UInt64(message.count),
                    second.assumingMemoryBound(to: UInt8.self)) == 0
            }
        }
    }

    /// Whether the signature is over `signedBytes(kind: domain, body: message)`.
    public func isValid(_ signature: Signature, domain: String, message: [UInt8]) -> Bool {
        isValid(signature, for: signedBytes(kind: domain, body: message))
    }

    // MARK: did:key

    /// Prefix of an Ed25519 public key in the multicodec table, as a varint.
    private static let multicodec: [UInt8] = [0xed, 0x01]
    private static let didPrefix = "did:key:"

    /// The key as a decentralised identifier: `did:key:z6Mk…`.
    public var didKey: String {
        PublicKey.didPrefix + Multibase.base58btc.encode(PublicKey.multicodec + bytes)
    }

    /// Reads `did:key:z6Mk…`; other types of key and other bases are refused.
    public init(didKey text: some StringProtocol) throws(FormatError) {
        guard text.hasPrefix(PublicKey.didPrefix) else {
            throw FormatError(.wrongPrefix, "starts with did:key:", at: "did:key")
        }
        let (base, bytes) = try Multibase.decode(text.dropFirst(PublicKey.didPrefix.count))
        guard base == .base58btc else { throw FormatError(.nonCanonical, "not in base58btc", at: "did:key") }
        guard bytes.starts(with: PublicKey.multicodec) else {
            throw FormatError(.unsupported, "not an Ed25519 key", at: "did:key")
        }
        guard let storage = Bytes32(bytes.dropFirst(2)) else {
            throw FormatError(.wrongLength, "a key of \(bytes.count - 2) bytes, not 32", at: "did:key")
        }
        self.storage = storage
    }
}

extension PublicKey: CBORCodable {
    /// A byte string of 32 bytes.
    public func encode(to encoder: inout CBOREncoder) { storage.withBytes { encoder.bytes($0) } }

    public init(from decoder: inout CBORDecoder) throws(CBORError) {
        storage = Bytes32(unchecked: try decoder.fixedBytes(PublicKey.byteCount))
    }
}

/// An Ed25519 signature: 64 bytes inline.
public struct Signature: Hashable, Sendable, CustomStringConvertible {
    private let first: Bytes32
    private let second: Bytes32

    init(unchecked source: UnsafeRawPointer) {
        first = Bytes32(unchecked: source)
        second = Bytes32(unchecked: source + 32)
    }

    /// Nil unless there are 64 bytes.
    public init?(bytes: some Collection<UInt8>) {
        guard let first = Bytes32(bytes.prefix(32)), let second = Bytes32(bytes.dropFirst(32)) else { return nil }
        self.first = first
        self.second = second
    }

    static let zero = Signature(first: Bytes32(), second: Bytes32())

    private init(first: Bytes32, second: Bytes32) {
        self.first = first
        self.second = second
    }

    public static let byteCount = 64

    public var bytes: [UInt8] { first.bytes + second.bytes }
    public var description: String { Hex.encode(bytes) }

    /// The bytes, for as long as the closure runs.
    public func withUnsafeBytes<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        // Two values of four words each, without padding between them.
        Swift.withUnsafeBytes(of: (first, second)) { body($0) }
    }
}

extension Signature: CBORCodable {
    /// A byte string of 64 bytes.
    public func encode(to encoder: inout CBOREncoder) { withUnsafeBytes { encoder.bytes($0) } }

    public init(from decoder: inout CBORDecoder) throws(CBORError) {
        self.init(unchecked: try decoder.fixedBytes(Signature.byteCount))
    }
}
