import Primitives

/// The random source of a router: BLAKE2b-256 of a seed and a counter, four numbers a digest.
///
/// A run repeats from its seed, and nobody who sees some choices can tell the next ones, which peers could use to get
/// into a mesh. One owner at a time.
public struct GossipRandom: RandomNumberGenerator, Sendable {
    private let seed: Digest
    private var counter: UInt64 = 0
    private var block: [UInt64] = []

    /// A router in use takes the seed from the operating system's random source.
    public init(seed: Digest) { self.seed = seed }

    /// For tests and simulations.
    public init(seed: UInt64) {
        self.init(seed: Digest.blake2b256(GossipRandom.bytes(seed)))
    }

    private static func bytes(_ value: UInt64) -> [UInt8] {
        (0..<8).map { UInt8(truncatingIfNeeded: value >> UInt64(8 * $0)) }
    }

    public mutating func next() -> UInt64 {
        if let value = block.popLast() { return value }
        let bytes = Digest.blake2b256(seed.bytes + GossipRandom.bytes(counter)).bytes
        counter &+= 1
        block = stride(from: 0, to: bytes.count, by: 8).map { start in
            bytes[start..<start + 8].reversed().reduce(0) { $0 << 8 | UInt64($1) }
        }
        return block.removeLast()
    }
}
