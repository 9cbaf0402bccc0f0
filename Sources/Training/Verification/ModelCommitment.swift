import Primitives

/// What binds a model: the Merkle root over its bytes in leaves of 64 KiB, and their number. A node that holds one leaf
/// can show that it belongs to the model without the rest.
///
/// The tree is that of RFC 9162 (leaf 0x00, node 0x01) with BLAKE2b-256, over the file's bytes as they are.
public struct ModelCommitment: Hashable, Sendable {
    public static let leafByteCount = 65_536

    public let root: Digest
    public let byteCount: Int

    public init(of bytes: [UInt8]) {
        byteCount = bytes.count
        root = Self.root(ArraySlice(Self.leaves(bytes)))
    }

    /// The hashes of the leaves, which show by comparison where two models differ.
    public static func leaves(_ bytes: [UInt8]) -> [Digest] {
        bytes.withUnsafeBytes { all in
            stride(from: 0, to: all.count, by: leafByteCount).map { start in
                var hasher = DigestHasher()
                hasher.update([0x00])
                hasher.update(UnsafeRawBufferPointer(rebasing: all[start..<min(all.count, start + leafByteCount)]))
                return hasher.finish()
            }
        }
    }

    private static func root(_ leaves: ArraySlice<Digest>) -> Digest {
        guard leaves.count > 1 else { return leaves.first ?? Digest.blake2b256([UInt8]()) }
        var half = 1
        while half * 2 < leaves.count { half *= 2 }
        let middle = leaves.startIndex + half
        var hasher = DigestHasher()
        hasher.update([0x01])
        hasher.update(root(leaves[..<middle]).bytes)
        hasher.update(root(leaves[middle...]).bytes)
        return hasher.finish()
    }
}
