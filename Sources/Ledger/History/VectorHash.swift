import Primitives

/// Merkle tree hashes of RFC 9162, section 2.1, over BLAKE2b-256: a leaf is H(0x00 ‖ entry), a node H(0x01 ‖ left ‖
/// right).
enum VectorHash {
    static func leaf(_ entry: [UInt8]) -> Digest { .blake2b256([0] + entry) }

    static func leaf(_ entry: Digest) -> Digest {
        withUnsafeTemporaryAllocation(byteCount: 33, alignment: 8) { buffer in
            buffer[0] = 0
            entry.withUnsafeBytes { UnsafeMutableRawBufferPointer(rebasing: buffer[1...]).copyMemory(from: $0) }
            return .blake2b256(UnsafeRawBufferPointer(buffer))
        }
    }

    static func node(_ left: Digest, _ right: Digest) -> Digest {
        withUnsafeTemporaryAllocation(byteCount: 65, alignment: 8) { buffer in
            buffer[0] = 1
            left.withUnsafeBytes { UnsafeMutableRawBufferPointer(rebasing: buffer[1..<33]).copyMemory(from: $0) }
            right.withUnsafeBytes { UnsafeMutableRawBufferPointer(rebasing: buffer[33...]).copyMemory(from: $0) }
            return .blake2b256(UnsafeRawBufferPointer(buffer))
        }
    }

    /// The root of an empty vector: the hash of no bytes.
    static let empty = Digest.blake2b256([])

    /// The root over hashes of leaves, or of equal complete subtrees of which the last may be smaller.
    static func root(_ hashes: [Digest]) -> Digest {
        guard var level = hashes.isEmpty ? nil : hashes else { return empty }
        // Pairing from the left and carrying an odd last one up is the recursive definition, level by level.
        while level.count > 1 {
            var next: [Digest] = []
            next.reserveCapacity((level.count + 1) / 2)
            for index in stride(from: 0, to: level.count - 1, by: 2) {
                next.append(node(level[index], level[index + 1]))
            }
            if level.count % 2 == 1 { next.append(level[level.count - 1]) }
            level = next
        }
        return level[0]
    }

    /// The siblings on the way from the hash at `index` to the root, lowest first.
    static func path(_ hashes: [Digest], to index: Int) -> [Digest] {
        var path: [Digest] = []
        var level = hashes
        var place = index
        while level.count > 1 {
            let sibling = place ^ 1
            if sibling < level.count { path.append(level[sibling]) }
            var next: [Digest] = []
            next.reserveCapacity((level.count + 1) / 2)
            for pair in stride(from: 0, to: level.count - 1, by: 2) { next.append(node(level[pair], level[pair + 1])) }
            if level.count % 2 == 1 { next.append(level[level.count - 1]) }
            level = next
            place /= 2
        }
        return path
    }

    /// The root that a leaf and its path lead to in a vector of `size` (RFC 9162, section 2.1.3.2); nil if the path has
    /// not the length that index and size demand.
    static func root(leaf: Digest, index: UInt64, size: UInt64, path: [Digest]) -> Digest? {
        guard index < size else { return nil }
        var (place, last) = (index, size - 1)
        var digest = leaf
        for sibling in path {
            guard last > 0 else { return nil }
            if place & 1 == 1 || place == last {
                digest = node(sibling, digest)
                while place & 1 == 0 && place > 0 {
                    place >>= 1
                    last >>= 1
                }
            } else {
                digest = node(digest, sibling)
            }
            place >>= 1
            last >>= 1
        }
        return last == 0 ? digest : nil
    }
}
