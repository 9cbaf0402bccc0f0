/// The hash of a Merkle vector: RFC 9162 leaves it open, and its published values are for SHA-256.
public protocol MerkleHash: Sendable {
    /// The digest of the parts, one behind the other.
    static func digest(_ bytes: UnsafeRawBufferPointer) -> Digest
}

/// What this system's vectors use.
public enum BLAKE2bMerkleHash: MerkleHash {
    public static func digest(_ bytes: UnsafeRawBufferPointer) -> Digest { .blake2b256(bytes) }
}

/// What Certificate Transparency uses.
public enum SHA256MerkleHash: MerkleHash {
    public static func digest(_ bytes: UnsafeRawBufferPointer) -> Digest { .sha256(bytes) }
}

extension MerkleHash {
    /// The digest of no bytes: the root of an empty vector (RFC 9162, section 2.1.1).
    public static var empty: Digest { digest(UnsafeRawBufferPointer(start: nil, count: 0)) }

    /// HASH(0x00 ‖ entry).
    public static func leaf(_ entry: [UInt8]) -> Digest {
        withUnsafeTemporaryAllocation(byteCount: entry.count + 1, alignment: 8) { buffer in
            buffer[0] = 0
            UnsafeMutableRawBufferPointer(rebasing: buffer[1...]).copyBytes(from: entry)
            return digest(UnsafeRawBufferPointer(buffer))
        }
    }

    /// HASH(0x00 ‖ entry), for an entry that is a digest.
    public static func leaf(_ entry: Digest) -> Digest {
        withUnsafeTemporaryAllocation(byteCount: 33, alignment: 8) { buffer in
            buffer[0] = 0
            buffer.storeBytes(of: entry.storage.words, toByteOffset: 1, as: StateHash.Words.self)
            return digest(UnsafeRawBufferPointer(buffer))
        }
    }

    /// HASH(0x01 ‖ left ‖ right).
    public static func node(_ left: Digest, _ right: Digest) -> Digest {
        withUnsafeTemporaryAllocation(byteCount: 65, alignment: 8) { buffer in
            buffer[0] = 1
            buffer.storeBytes(of: left.storage.words, toByteOffset: 1, as: StateHash.Words.self)
            buffer.storeBytes(of: right.storage.words, toByteOffset: 33, as: StateHash.Words.self)
            return digest(UnsafeRawBufferPointer(buffer))
        }
    }
}
