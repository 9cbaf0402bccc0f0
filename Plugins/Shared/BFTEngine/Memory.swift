package import PluginKit

/// What must survive a crash: written before each vote, and read at the start (CON-6).
package struct EngineMemory: Equatable, Sendable {
    /// A block that the validator is bound to, or may propose again.
    package struct Bond: Equatable, Sendable {
        package var round: UInt32
        package var headerID: Bytes32

        package init(round: UInt32, headerID: Bytes32) {
            self.round = round
            self.headerID = headerID
        }
    }

    /// The height that is being decided.
    package var height: UInt64 = 0
    package var round: UInt32 = 0
    /// The newest vote that the host was asked to sign at this height.
    package var asked: ConsensusVote?
    /// What the validator has committed to.
    package var locked: Bond?
    /// The newest block with a quorum of prepare votes, which prove it to others.
    package var valid: Bond?
    package var proof: [CastVote] = []
    /// This validator's signed votes of the round and of those before it that are kept.
    package var ownVotes: [CastVote] = []
    /// The host refused a vote: the key has signed what is not written here (CON-13).
    package var isForgetful = false

    package init() {}

    private static let version: UInt8 = 1
    // key, signature, chain, height, round, step, header id, proof round
    private static let castSize = 32 + 64 + voteSize
    private static let voteSize = 32 + 8 + 4 + 1 + 32 + 4
    private static let bondSize = 1 + 4 + 32
    private static let headSize = 1 + 8 + 4 + 1 + 1 + voteSize + 2 * bondSize + 2 + 1

    package var bytes: [UInt8] {
        var bytes: [UInt8] = [Self.version]
        bytes.reserveCapacity(Self.headSize + (proof.count + ownVotes.count) * Self.castSize)
        bytes.appendBigEndian(height, 8)
        bytes.appendBigEndian(UInt64(round), 4)
        bytes.append(isForgetful ? 1 : 0)
        bytes.append(asked == nil ? 0 : 1)
        Self.append(
            asked ?? ConsensusVote(chain: .zero, height: 0, round: 0, step: .propose, headerID: .zero), to: &bytes)
        for bond in [locked, valid] {
            bytes.append(bond == nil ? 0 : 1)
            bytes.appendBigEndian(UInt64(bond?.round ?? 0), 4)
            bytes += (bond?.headerID ?? .zero).bytes
        }
        bytes.appendBigEndian(UInt64(proof.count), 2)
        bytes.append(UInt8(clamping: ownVotes.count))
        for cast in proof + ownVotes {
            bytes += cast.key.bytes
            bytes += cast.signature.bytes
            Self.append(cast.vote, to: &bytes)
        }
        return bytes
    }

    private static func append(_ vote: ConsensusVote, to bytes: inout [UInt8]) {
        bytes += vote.chain.bytes
        bytes.appendBigEndian(vote.height, 8)
        bytes.appendBigEndian(UInt64(vote.round), 4)
        bytes.append(UInt8(clamping: vote.step.rawValue))
        bytes += vote.headerID.bytes
        bytes.appendBigEndian(UInt64(vote.proofRound), 4)
    }

    /// Nil for bytes that ``bytes`` does not write.
    package init?(_ bytes: [UInt8]) {
        guard bytes.count >= Self.headSize, bytes[0] == Self.version, bytes[13] <= 1, bytes[14] <= 1 else {
            return nil
        }
        height = bytes.bigEndian(at: 1, 8)
        round = UInt32(truncatingIfNeeded: bytes.bigEndian(at: 9, 4))
        guard round <= BFTEngine.roundLimit else { return nil }
        isForgetful = bytes[13] == 1
        guard let vote = Self.vote(bytes, at: 15) else { return nil }
        asked = bytes[14] == 1 ? vote : nil
        var offset = 15 + Self.voteSize
        locked = Self.bond(bytes, at: offset)
        valid = Self.bond(bytes, at: offset + Self.bondSize)
        offset += 2 * Self.bondSize
        let proofCount = Int(bytes.bigEndian(at: offset, 2))
        let ownCount = Int(bytes[offset + 2])
        guard bytes.count == Self.headSize + (proofCount + ownCount) * Self.castSize else { return nil }
        var casts: [CastVote] = []
        for index in 0..<proofCount + ownCount {
            guard let cast = Self.cast(bytes, at: Self.headSize + index * Self.castSize) else { return nil }
            casts.append(cast)
        }
        proof = Array(casts[..<proofCount])
        ownVotes = Array(casts[proofCount...])
        guard self.bytes == bytes else { return nil }
    }

    private static func vote(_ bytes: [UInt8], at offset: Int) -> ConsensusVote? {
        guard let chain = Bytes32(Array(bytes[offset..<offset + 32])),
            let step = ConsensusVote.Step(rawValue: UInt32(bytes[offset + 44])),
            let headerID = Bytes32(Array(bytes[(offset + 45)..<(offset + 77)]))
        else { return nil }
        return ConsensusVote(
            chain: chain, height: bytes.bigEndian(at: offset + 32, 8),
            round: UInt32(truncatingIfNeeded: bytes.bigEndian(at: offset + 40, 4)), step: step, headerID: headerID,
            proofRound: UInt32(truncatingIfNeeded: bytes.bigEndian(at: offset + 77, 4)))
    }

    private static func cast(_ bytes: [UInt8], at offset: Int) -> CastVote? {
        guard let key = Bytes32(Array(bytes[offset..<offset + 32])),
            let signature = Bytes64(Array(bytes[(offset + 32)..<(offset + 96)])),
            let vote = vote(bytes, at: offset + 96)
        else { return nil }
        return CastVote(key: key, vote: vote, signature: signature)
    }

    private static func bond(_ bytes: [UInt8], at offset: Int) -> Bond? {
        guard bytes[offset] == 1, let id = Bytes32(Array(bytes[(offset + 5)..<(offset + 37)])) else { return nil }
        return Bond(round: UInt32(truncatingIfNeeded: bytes.bigEndian(at: offset + 1, 4)), headerID: id)
    }
}
