import Primitives

/// What engines of one chain send one another: votes that prove themselves, a block, and bytes of the engine's own.
public struct ConsensusMessage: Hashable, Sendable, CBORCodable {
    public let attachment: Block?
    public let votes: [CastVote]
    public let payload: [UInt8]

    /// Of the payload; engines keep theirs far below.
    public static let payloadByteLimit = 64 << 10

    public init(attachment: Block?, votes: [CastVote], payload: [UInt8]) {
        self.attachment = attachment
        self.votes = votes
        self.payload = payload
    }

    public func encode(to encoder: inout CBOREncoder) {
        encoder.array(count: 3)
        encoder.array(count: attachment == nil ? 0 : 1)
        if let attachment { encoder.value(attachment) }
        encoder.list(votes)
        encoder.bytes(payload)
    }

    public init(from decoder: inout CBORDecoder) throws(CBORError) {
        try decoder.array(count: 3)
        switch try decoder.array() {
        case 0: attachment = nil
        case 1: attachment = try decoder.value()
        default: throw decoder.invalid("one block at most comes with a message")
        }
        votes = try decoder.list(of: CastVote.self, maximum: CastVote.limit)
        payload = try decoder.bytes()
        guard payload.count <= ConsensusMessage.payloadByteLimit else {
            throw decoder.invalid("\(payload.count) bytes of payload")
        }
    }
}

/// Checks the signatures of votes before the kernel sees them, each once: the same votes come from many sides. A value;
/// whoever receives messages has one, on any thread.
public struct VoteChecker: Sendable {
    /// Why a message is dropped; its sender pays for it.
    public enum Fault: Error, Hashable, Sendable {
        case wrongChain
        /// Nobody in the sets of the heights that matter.
        case unknownSigner(PublicKey)
        case badSignature(PublicKey)
    }

    private let chain: CID
    private var known: RecentDigests
    /// Signatures that were computed, and not remembered.
    public private(set) var checkedCount = 0

    /// - Parameter limit: votes that are remembered, twice; a round of 150 validators has 301.
    public init(chain: CID, limit: Int = 4_096) {
        self.chain = chain
        known = RecentDigests(limit: limit)
    }

    /// Throws for the first vote that is not of this chain, not by one of `signers`, or not signed: cheap refusals
    /// before any signature is computed.
    public mutating func check(_ votes: [CastVote], signers: (PublicKey) -> Bool) throws(Fault) {
        for cast in votes {
            guard cast.vote.chain == chain else { throw .wrongChain }
            guard signers(cast.by.key) else { throw .unknownSigner(cast.by.key) }
        }
        for cast in votes {
            let digest = Digest.blake2b256(cast.encoded())
            if known.contains(digest) { continue }
            checkedCount += 1
            guard cast.isSigned else { throw .badSignature(cast.by.key) }
            known.insert(digest)
        }
    }
}
