import Primitives

/// A point of the key space: the SHA-256 digest of a peer id or of an object's key (libp2p kad-dht, "Distance").
public struct KademliaKey: Hashable, Sendable {
    /// The digest as four words, most significant first.
    let words: (UInt64, UInt64, UInt64, UInt64)

    /// The number of bits, and so the largest common prefix.
    public static let bitCount = 256

    init(words: (UInt64, UInt64, UInt64, UInt64)) { self.words = words }

    public init(hashing bytes: [UInt8]) {
        words = Digest.sha256(bytes).withUnsafeBytes { buffer in
            func word(_ index: Int) -> UInt64 {
                UInt64(bigEndian: buffer.loadUnaligned(fromByteOffset: 8 * index, as: UInt64.self))
            }
            return (word(0), word(1), word(2), word(3))
        }
    }

    public init(_ peer: PeerID) { self.init(hashing: peer.bytes) }

    /// How far apart two keys are: their exclusive or, read as a number.
    public func distance(to other: KademliaKey) -> KademliaDistance {
        KademliaDistance(
            words: (
                words.0 ^ other.words.0, words.1 ^ other.words.1, words.2 ^ other.words.2, words.3 ^ other.words.3
            ))
    }

    /// The number of leading bits that both share.
    public func commonPrefixLength(with other: KademliaKey) -> Int { distance(to: other).leadingZeroBits }

    public static func == (left: KademliaKey, right: KademliaKey) -> Bool { left.words == right.words }

    public func hash(into hasher: inout Hasher) {
        hasher.combine(words.0)
        hasher.combine(words.1)
    }
}

/// The exclusive or of two keys. Smaller is nearer.
public struct KademliaDistance: Hashable, Comparable, Sendable {
    let words: (UInt64, UInt64, UInt64, UInt64)

    var leadingZeroBits: Int {
        if words.0 != 0 { return words.0.leadingZeroBitCount }
        if words.1 != 0 { return 64 + words.1.leadingZeroBitCount }
        if words.2 != 0 { return 128 + words.2.leadingZeroBitCount }
        return 192 + words.3.leadingZeroBitCount
    }

    public static func == (left: KademliaDistance, right: KademliaDistance) -> Bool { left.words == right.words }
    public static func < (left: KademliaDistance, right: KademliaDistance) -> Bool { left.words < right.words }

    public func hash(into hasher: inout Hasher) {
        hasher.combine(words.0)
        hasher.combine(words.1)
    }
}

/// A peer with the addresses where it was reached or is said to be.
public struct KademliaContact: Hashable, Sendable {
    public let id: PeerID
    public var addresses: [Multiaddr]

    public init(id: PeerID, addresses: [Multiaddr] = []) {
        self.id = id
        self.addresses = addresses
    }
}
