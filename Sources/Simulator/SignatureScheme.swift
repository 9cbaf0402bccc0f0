package import PluginHost
package import Primitives

/// How votes are signed: with Ed25519, or with something that costs nothing.
package struct SignatureScheme: Sendable {
    /// Sorted. The first are those of validators, by number; what follows belongs to nobody.
    package let keys: [PublicKey]
    package let sign: @Sendable (_ key: Int, ConsensusVote) -> Signature?
    package let isValid: @Sendable (CastVote) -> Bool

    package init(
        keys: [PublicKey], sign: @escaping @Sendable (Int, ConsensusVote) -> Signature?,
        isValid: @escaping @Sendable (CastVote) -> Bool
    ) {
        self.keys = keys
        self.sign = sign
        self.isValid = isValid
    }

    /// A stand-in that nobody can forge inside the simulator: 64 bytes mixed from key and vote.
    package static func cheap(count: Int, seed: UInt64) -> SignatureScheme {
        var random = SeededRandom(seed: seed ^ 0x5157)
        var keys: [PublicKey] = []
        while keys.count < count { if let key = PublicKey(bytes: random.bytes(32)) { keys.append(key) } }
        keys.sort()
        let sorted = keys
        return SignatureScheme(
            keys: sorted, sign: { mixed(sorted[$0], $1) }, isValid: { mixed($0.key, $0.vote) == $0.signature })
    }

    /// Also for a key that is no validator's.
    static func mixed(_ key: PublicKey, _ vote: ConsensusVote) -> Signature? {
        var word = vote.height &* 31 &+ UInt64(vote.round) &* 7 &+ UInt64(vote.step.rawValue)
        word = SeededRandom.mix(word ^ UInt64(vote.proofRound) << 40)
        key.withUnsafeBytes { word = add($0, to: word) }
        vote.headerID.withUnsafeBytes { word = add($0, to: word) }
        vote.chain.withUnsafeBytes { word = add($0, to: word) }
        var random = SeededRandom(seed: word)
        return Signature(bytes: random.bytes(64))
    }

    private static func add(_ bytes: UnsafeRawBufferPointer, to word: UInt64) -> UInt64 {
        var word = word
        for offset in stride(from: 0, to: bytes.count - 7, by: 8) {
            let next = UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
            word = SeededRandom.mix(word ^ next)
        }
        return word
    }
}
