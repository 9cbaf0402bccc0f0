import Primitives

/// An engine that brings validators to agree on the next block: sans-IO, one event in, one batch of effects out.
/// Mirrors the consensus interface for plugins (`vinculum/draft/consensus.h`), whose requirements CON-1 to CON-10 hold
/// here.
public protocol ConsensusEngine: Sendable {
    /// The id that headers name.
    var id: String { get }

    /// A step that throws has no effect, and may be repeated.
    mutating func step(_ event: ConsensusEvent) throws(ConsensusFault) -> [ConsensusEffect]

    /// Enough for another instance to go on from here.
    func snapshot() throws(ConsensusFault) -> [UInt8]
}

/// An engine's call failed.
public struct ConsensusFault: Error, Hashable, Sendable, CustomStringConvertible {
    public let code: Int32
    public let reason: String

    public init(code: Int32, reason: String) {
        self.code = code
        self.reason = reason
    }

    public var description: String { "the consensus engine failed: \(reason) [\(code)]" }
}

/// What an engine is told. Times are milliseconds since 1970-01-01 UTC.
public struct ConsensusEvent: Hashable, Sendable {
    public enum Kind: Hashable, Sendable {
        case start(ConsensusStart)
        case timePassed
        case timer(id: UInt64)
        case transactions(count: UInt64, byteCount: UInt64)
        /// `headerID` is nil when there is nothing to put into a block.
        case proposalBuilt(height: UInt64, round: UInt32, headerID: Digest?, transactions: UInt64)
        /// `blockTimeMilliseconds` is the header's; 0 for a block that the kernel does not have.
        case validated(
            height: UInt64, round: UInt32, headerID: Digest, code: ResultCode, blockTimeMilliseconds: UInt64)
        /// The sender and the votes' signatures were checked; an attached block is kept if this step asks to
        /// validate it.
        case message(sender: PublicKey, attachment: Digest?, votes: [CastVote], payload: [UInt8])
        /// Nil: the key has signed something else at this height, round and step, or a later one.
        case voteSigned(Vote, Signature?)
        /// The disk or the signer did not answer: the same vote may be asked for again.
        case voteUnavailable(Vote)
        case committed(
            height: UInt64, headerID: Digest, blockTimeMilliseconds: UInt64, byCertificate: Bool, waiting: UInt64,
            validators: ValidatorSet?)
    }

    public let timeMilliseconds: UInt64
    public let kind: Kind

    /// What the kernel knows when an engine's life begins.
    public struct ConsensusStart: Hashable, Sendable {
        /// Of the last committed block.
        public let height: UInt64
        public let chain: Digest
        public let headerID: Digest
        /// All the randomness that the engine gets.
        public let seed: Digest
        public let ownKey: PublicKey?
        public let parameters: CBORMap
        /// Of the next height.
        public let validators: ValidatorSet
        /// Blocks that were persisted with the engine's state, and are here again.
        public let blocks: [Digest]
        /// Of the last committed block.
        public let blockTimeMilliseconds: UInt64
    }

    public init(timeMilliseconds: UInt64, _ kind: Kind) {
        self.timeMilliseconds = timeMilliseconds
        self.kind = kind
    }
}

/// What an engine asks for.
public enum ConsensusEffect: Hashable, Sendable {
    case propose(height: UInt64, round: UInt32, timeMilliseconds: UInt64)
    case validate(height: UInt64, round: UInt32, headerID: Digest)
    case signVote(Vote)
    case decide(height: UInt64, round: UInt32, headerID: Digest, signatures: [SignedBy])
    case persist([UInt8], blocks: [Digest] = [])
    /// `recipient` nil: to all other validators.
    case send(recipient: PublicKey?, attachment: Digest?, votes: [CastVote], payload: [UInt8], ConsensusPriority)
    case setTimer(id: UInt64, timeMilliseconds: UInt64)
    case cancelTimer(id: UInt64)
    case evidence(Evidence)
    /// The kernel may drop what it keeps of this block.
    case release(Digest)
}

/// What goes first where the line is full: votes, then blocks, then what is asked for again when it is lost.
public enum ConsensusPriority: UInt8, Hashable, Comparable, Sendable {
    case vote = 0
    case block = 1
    case catchUp = 2

    public static func < (left: ConsensusPriority, right: ConsensusPriority) -> Bool { left.rawValue < right.rawValue }
}
