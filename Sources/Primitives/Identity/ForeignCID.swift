/// A content identifier that this system neither makes nor can check: version 0, or another codec or hash than those
/// of `CID`. Values whose shape the reader does not know may hold one, and keep it as it is; no record does.
public struct ForeignCID: Hashable, Sendable, CustomStringConvertible {
    /// The binary form.
    public let bytes: [UInt8]

    /// Reads the binary form: SHA-256 of 32 bytes alone (version 0), or version 1, codec, hash, length and a digest of
    /// that length. Refuses what `CID` reads: one identifier has one type.
    public init(bytes: [UInt8]) throws(FormatError) {
        self.bytes = bytes
        if bytes.count == 34, bytes.starts(with: [0x12, 0x20]) { return }
        var rest = bytes[...]
        let version = try Varint.read(&rest)
        guard version == 1 else {
            throw FormatError(.unsupported, "version \(version); only 0 and 1 are read", at: "CID")
        }
        let codec = try Varint.read(&rest)
        let hash = try Varint.read(&rest)
        let length = try Varint.read(&rest)
        guard length == UInt64(rest.count) else {
            throw FormatError(.wrongLength, "a digest of \(rest.count) bytes, not \(length)", at: "CID")
        }
        let isOurs =
            UInt8(exactly: codec).flatMap(CID.Codec.init(rawValue:)) != nil
            && UInt16(exactly: hash).flatMap(CID.HashFunction.init(rawValue:)) != nil
        guard !isOurs else { throw FormatError(.wrongLength, "a digest of \(length) bytes", at: "CID") }
    }

    /// Version 0 in base 58, version 1 in base 32 with its prefix.
    public var text: String { bytes[0] == 0x12 ? Base58BTC.encode(bytes) : Multibase.base32.encode(bytes) }
    public var description: String { text }
}
