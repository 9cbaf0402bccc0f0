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
        case start(
            height: UInt64, chain: Digest, headerID: Digest, seed: Digest, ownKey: PublicKey?, parameters: CBORMap,
            validators: ValidatorSet)
        case timePassed
        case timer(id: UInt64)
        case transactions(count: UInt64, byteCount: UInt64)
        /// `headerID` is nil when there is nothing to put into a block.
        case proposalBuilt(height: UInt64, round: UInt32, headerID: Digest?, transactions: UInt64)
        case validated(height: UInt64, round: UInt32, headerID: Digest, code: ResultCode)
        /// The sender's signature was checked; an attached block is kept by the kernel.
        case message(sender: PublicKey, attachment: Digest?, payload: [UInt8])
        /// Nil: the key has signed something else at this height, round and step, or a later one.
        case voteSigned(Vote, Signature?)
        case committed(
            height: UInt64, headerID: Digest, blockTimeMilliseconds: UInt64, byCertificate: Bool, waiting: UInt64,
            validators: ValidatorSet?)
    }

    public let timeMilliseconds: UInt64
    public let kind: Kind

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
    case persist([UInt8])
    case send(recipient: PublicKey, attachment: Digest?, payload: [UInt8])
    case broadcast(attachment: Digest?, payload: [UInt8])
    case setTimer(id: UInt64, timeMilliseconds: UInt64)
    case cancelTimer(id: UInt64)
    case evidence(Evidence)
}

/// Two votes of one key that contradict each other.
public struct Evidence: Hashable, Sendable {
    public let offender: PublicKey
    public let first: Vote
    public let second: Vote
    public let firstSignature: Signature
    public let secondSignature: Signature

    public init(
        offender: PublicKey, first: Vote, second: Vote, firstSignature: Signature, secondSignature: Signature
    ) {
        self.offender = offender
        self.first = first
        self.second = second
        self.firstSignature = firstSignature
        self.secondSignature = secondSignature
    }

    /// Whether both signatures are good and the votes contradict each other: checked by the kernel, not believed.
    public var isProven: Bool {
        first.chain == second.chain && first.height == second.height && first.round == second.round
            && first.step == second.step && first.headerID != second.headerID
            && offender.isValid(firstSignature, for: first.message)
            && offender.isValid(secondSignature, for: second.message)
    }
}
