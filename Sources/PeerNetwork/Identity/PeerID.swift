import Primitives

/// Who a peer is: the multihash of its public key in libp2p's encoding (the peer-ids specification).
///
/// Vinculum's own nodes have Ed25519 keys, which are short enough to stand in the id itself. Ids of other key types are
/// carried and compared, since routing tables are full of them, but nobody can prove to us that it is one.
public struct PeerID: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// The multihash.
    public let bytes: [UInt8]

    /// The longest key that stands in the id itself, in bytes.
    private static let inlineLimit = 42
    private static let identity: UInt64 = 0x00
    private static let sha256: UInt64 = 0x12
    private static let libp2pKey: UInt64 = 0x72

    public init(_ key: PublicKey) {
        let encoded = LibP2PKey(key).bytes
        bytes = [UInt8(PeerID.identity), UInt8(encoded.count)] + encoded
    }

    /// A multihash of the two kinds that peer ids have: identity for short keys, SHA-256 for long ones.
    public init(multihash: some Collection<UInt8>) throws(FormatError) {
        var rest = Array(multihash)[...]
        let function = try Varint.read(&rest)
        let length = try Varint.read(&rest)
        guard length == UInt64(rest.count) else {
            throw FormatError(.wrongLength, "the digest has \(rest.count) bytes, not \(length)", at: "peer id")
        }
        switch function {
        case PeerID.identity where rest.count <= PeerID.inlineLimit && !rest.isEmpty: break
        case PeerID.sha256 where rest.count == 32: break
        default:
            throw FormatError(.unsupported, "neither a short key nor a SHA-256 digest", at: "peer id")
        }
        bytes = Array(multihash)
    }

    /// `12D3Koo…` and `Qm…` (base 58 of the multihash), or a CIDv1 of a libp2p key in any base that we read.
    public init(text: some StringProtocol) throws(FormatError) {
        if text.hasPrefix("1") || text.hasPrefix("Qm") {
            try self.init(multihash: try Base58BTC.decode(text))
            return
        }
        var rest = try Multibase.decode(text).bytes[...]
        guard try Varint.read(&rest) == 1, try Varint.read(&rest) == PeerID.libp2pKey else {
            throw FormatError(.wrongPrefix, "no CIDv1 of a libp2p key", at: "peer id")
        }
        try self.init(multihash: rest)
    }

    /// The Ed25519 key, where the id holds one.
    public var publicKey: PublicKey? {
        guard bytes.first == UInt8(PeerID.identity) else { return nil }
        return try? LibP2PKey(bytes.dropFirst(2)).ed25519
    }

    public var description: String { Base58BTC.encode(bytes) }

    /// The last six characters, which is what tells peers of one kind of key apart.
    public var short: String { String(description.suffix(6)) }

    public static func < (left: PeerID, right: PeerID) -> Bool { left.bytes.lexicographicallyPrecedes(right.bytes) }
}

/// A public key as libp2p writes it: protobuf of a type and the key's bytes, always in this order.
public struct LibP2PKey: Hashable, Sendable {
    public let type: UInt64
    public let key: [UInt8]

    private static let ed25519Type: UInt64 = 1
    /// An RSA key of 8,192 bits in DER has about 1,050 bytes.
    private static let byteLimit = 2048

    public init(_ key: PublicKey) {
        type = LibP2PKey.ed25519Type
        self.key = key.bytes
    }

    public init(_ encoded: some Collection<UInt8>) throws(FormatError) {
        var reader = ProtobufReader(Array(encoded))
        var type: UInt64?
        var key: [UInt8]?
        while let field = try reader.next() {
            switch field.number {
            case 1: type = try field.varint()
            case 2: key = try field.bytes(atMost: LibP2PKey.byteLimit)
            default: break
            }
        }
        guard let type, let key else { throw FormatError(.truncated, "type or key is missing", at: "public key") }
        guard type != LibP2PKey.ed25519Type || key.count == PublicKey.byteCount else {
            throw FormatError(.wrongLength, "an Ed25519 key of \(key.count) bytes", at: "public key")
        }
        self.type = type
        self.key = key
    }

    public var bytes: [UInt8] {
        var writer = ProtobufWriter()
        writer.varint(1, type)
        writer.bytes(2, key)
        return writer.bytes
    }

    /// Nil for another type of key.
    public var ed25519: PublicKey? { type == LibP2PKey.ed25519Type ? PublicKey(bytes: key) : nil }
}
