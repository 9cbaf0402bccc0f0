/// A content identifier, version 1 (multiformats), of DAG-CBOR or raw bytes, under BLAKE2b-256 or SHA-256.
///
/// What this system makes is BLAKE2b-256; SHA-256 is read, since much of the world's content is named by it. Other
/// codecs and hashes are refused as unsupported, so that a CID is always one that can be checked.
public struct CID: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// What the content is, by its number in the multicodec table.
    public enum Codec: UInt8, Hashable, Sendable {
        case raw = 0x55
        case dagCBOR = 0x71
    }

    /// The hash, by its number in the multicodec table.
    public enum HashFunction: UInt16, Hashable, Sendable {
        case sha256 = 0x12
        case blake2b256 = 0xb220
    }

    public let codec: Codec
    public let hashFunction: HashFunction
    public let digest: Digest

    public init(codec: Codec, hashFunction: HashFunction = .blake2b256, digest: Digest) {
        self.codec = codec
        self.hashFunction = hashFunction
        self.digest = digest
    }

    public static func of(dagCBOR bytes: [UInt8]) -> CID { CID(codec: .dagCBOR, digest: .blake2b256(bytes)) }

    public static func of(raw bytes: [UInt8]) -> CID { CID(codec: .raw, digest: .blake2b256(bytes)) }

    /// Reads the text of a CID in base 32, `b…`, the one text form that is written here.
    public init(text: some StringProtocol) throws(FormatError) {
        guard text.first == "b" else { throw FormatError(.wrongPrefix, "a CID in base 32 starts with b", at: "CID") }
        self = try CID(bytes: try Base32.decode(text.dropFirst()))
    }

    /// Reads the binary form; bytes that follow it are an error.
    public init(bytes: some Sequence<UInt8>) throws(FormatError) {
        var rest = ArraySlice(bytes)
        let version = try Varint.read(&rest)
        guard version == 1 else { throw FormatError(.unsupported, "version \(version); only 1 is read", at: "CID") }
        let codecNumber = try Varint.read(&rest)
        guard let codec = UInt8(exactly: codecNumber).flatMap(Codec.init(rawValue:)) else {
            throw FormatError(.unsupported, "codec \(codecNumber), neither raw nor DAG-CBOR", at: "CID")
        }
        let hashNumber = try Varint.read(&rest)
        guard let hash = UInt16(exactly: hashNumber).flatMap(HashFunction.init(rawValue:)) else {
            throw FormatError(.unsupported, "hash \(hashNumber), neither BLAKE2b-256 nor SHA-256", at: "CID")
        }
        let length = try Varint.read(&rest)
        guard length == 32 else { throw FormatError(.wrongLength, "a digest of \(length) bytes", at: "CID") }
        guard rest.count <= 32 else { throw FormatError(.trailingBytes, "bytes follow the digest", at: "CID") }
        guard let digest = Digest(bytes: rest) else { throw FormatError(.truncated, "ends in the digest", at: "CID") }
        self.init(codec: codec, hashFunction: hash, digest: digest)
    }

    /// The binary form: 36 bytes (SHA-256) or 38 (BLAKE2b-256).
    public var bytes: [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(38)
        bytes.append(1)
        bytes.append(codec.rawValue)
        Varint.append(UInt64(hashFunction.rawValue), to: &bytes)
        bytes.append(32)
        digest.withUnsafeBytes { bytes.append(contentsOf: $0) }
        return bytes
    }

    public var text: String { "b" + Base32.encode(bytes) }
    public var description: String { text }

    /// Whether `content` is what this identifier names.
    public func matches(_ content: [UInt8]) -> Bool {
        content.withUnsafeBytes { matches($0) }
    }

    public func matches(_ content: UnsafeRawBufferPointer) -> Bool {
        switch hashFunction {
        case .blake2b256: Digest.blake2b256(content) == digest
        case .sha256: Digest.sha256(content) == digest
        }
    }

    /// The order of the binary forms.
    public static func < (left: CID, right: CID) -> Bool {
        if left.codec != right.codec { return left.codec.rawValue < right.codec.rawValue }
        // 0x12 encodes as 12, 0xb220 as a0 e4 02: the order of the numbers is the order of the bytes.
        if left.hashFunction != right.hashFunction { return left.hashFunction.rawValue < right.hashFunction.rawValue }
        return left.digest < right.digest
    }
}
