public import CVinculum

/// 32 bytes held inline: a digest, a block id or a public key. Ordered as bytes are.
public struct Bytes32: Hashable, Comparable, Sendable {
    // Big-endian words, so that comparing words compares bytes.
    var words: (UInt64, UInt64, UInt64, UInt64)

    public static let zero = Bytes32(words: (0, 0, 0, 0))

    init(words: (UInt64, UInt64, UInt64, UInt64)) { self.words = words }

    /// Nil unless there are exactly 32 bytes.
    public init?(_ bytes: [UInt8]) {
        guard bytes.count == 32 else { return nil }
        self = bytes.withUnsafeBytes { Bytes32(loading: $0) }
    }

    public init(_ digest: vin_digest) { self = withUnsafeBytes(of: digest) { Bytes32(loading: $0) } }
    public init(_ key: vin_public_key) { self = withUnsafeBytes(of: key) { Bytes32(loading: $0) } }

    // `source` holds at least 32 bytes: every caller has a value of that size.
    init(loading source: UnsafeRawBufferPointer) {
        func word(_ index: Int) -> UInt64 {
            UInt64(bigEndian: source.loadUnaligned(fromByteOffset: index * 8, as: UInt64.self))
        }
        words = (word(0), word(1), word(2), word(3))
    }

    public var isZero: Bool { words.0 | words.1 | words.2 | words.3 == 0 }

    public var bytes: [UInt8] {
        let raw = (words.0.bigEndian, words.1.bigEndian, words.2.bigEndian, words.3.bigEndian)
        return withUnsafeBytes(of: raw) { Array($0) }
    }

    public var digest: vin_digest {
        let raw = (words.0.bigEndian, words.1.bigEndian, words.2.bigEndian, words.3.bigEndian)
        return withUnsafeBytes(of: raw) { $0.loadUnaligned(as: vin_digest.self) }
    }

    public var publicKey: vin_public_key {
        let raw = (words.0.bigEndian, words.1.bigEndian, words.2.bigEndian, words.3.bigEndian)
        return withUnsafeBytes(of: raw) { $0.loadUnaligned(as: vin_public_key.self) }
    }

    public static func == (left: Bytes32, right: Bytes32) -> Bool { left.words == right.words }
    public static func < (left: Bytes32, right: Bytes32) -> Bool { left.words < right.words }

    public func hash(into hasher: inout Hasher) {
        hasher.combine(words.0)
        hasher.combine(words.1)
        hasher.combine(words.2)
        hasher.combine(words.3)
    }
}

/// The 64 bytes of a signature.
public struct Bytes64: Hashable, Sendable {
    public let first: Bytes32
    public let second: Bytes32

    public static let zero = Bytes64(first: .zero, second: .zero)

    init(first: Bytes32, second: Bytes32) {
        self.first = first
        self.second = second
    }

    /// Nil unless there are exactly 64 bytes.
    public init?(_ bytes: [UInt8]) {
        guard bytes.count == 64, let first = Bytes32(Array(bytes[0..<32])), let second = Bytes32(Array(bytes[32...]))
        else { return nil }
        self.init(first: first, second: second)
    }

    public init(_ signature: vin_signature) {
        self = withUnsafeBytes(of: signature) { raw in
            Bytes64(
                first: Bytes32(loading: raw), second: Bytes32(loading: UnsafeRawBufferPointer(rebasing: raw[32...])))
        }
    }

    public var bytes: [UInt8] { first.bytes + second.bytes }

    public var signature: vin_signature {
        bytes.withUnsafeBytes { $0.loadUnaligned(as: vin_signature.self) }
    }
}
