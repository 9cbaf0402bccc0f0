import Primitives

/// The only thing that a validator's key signs for an engine.
public struct Vote: Hashable, Sendable, CBORCodable {
    public enum Step: UInt32, Hashable, Comparable, Sendable {
        /// "I propose this block in this round", by the round's proposer.
        case propose = 0
        /// "I have validated this block."
        case prepare = 1
        /// "This block is decided if enough of us say so." A certificate holds these.
        case commit = 2

        public static func < (left: Step, right: Step) -> Bool { left.rawValue < right.rawValue }
    }

    public let chain: CID
    public let height: UInt64
    public let round: UInt32
    public let step: Step
    /// Zero: a vote for no block in this round.
    public let headerID: Digest
    /// One more than the round whose prepare votes prove that the vote may be given although its signer, or another,
    /// has committed to another block before; 0: no such proof. Always 0 in commit votes, and not part of them.
    public let proofRound: UInt32

    public init(chain: CID, height: UInt64, round: UInt32, step: Step, headerID: Digest, proofRound: UInt32 = 0) {
        self.proofRound = step == .commit ? 0 : proofRound
        self.chain = chain
        self.height = height
        self.round = round
        self.step = step
        self.headerID = headerID
    }

    /// What is signed: `vinculum/vote/1`, a zero byte, the array of chain, height, round, step, header id and, unless
    /// it is a commit vote, the proof round.
    public var message: [UInt8] { signedBytes(kind: "vote", body: self) }

    public func encode(to encoder: inout CBOREncoder) {
        encoder.array(count: step == .commit ? 5 : 6)
        encoder.link(chain)
        encoder.unsigned(height)
        encoder.unsigned(round)
        encoder.unsigned(step.rawValue)
        encoder.digest(headerID)
        if step != .commit { encoder.unsigned(proofRound) }
    }

    public init(from decoder: inout CBORDecoder) throws(CBORError) {
        let count = try decoder.array()
        chain = try decoder.link()
        height = try decoder.unsigned()
        round = try decoder.unsigned(as: UInt32.self)
        guard let step = Step(rawValue: try decoder.unsigned(as: UInt32.self)) else {
            throw decoder.invalid("an unknown step of a vote")
        }
        self.step = step
        headerID = try decoder.digest()
        proofRound = step == .commit ? 0 : try decoder.unsigned(as: UInt32.self)
        guard count == (step == .commit ? 5 : 6), proofRound <= round else {
            throw decoder.invalid("a commit vote has five elements, others a proof round up to their own")
        }
    }
}

/// Why a certificate, a header or a proof is not to be believed.
public struct TrustError: Error, Hashable, Sendable, CustomStringConvertible {
    public enum Code: String, Hashable, Sendable {
        case wrongChain, wrongValidatorSet, unknownSigner, badSignature, belowThreshold, wrongStateRoot, wrongHistory
        case malformed, notInOrder
        /// A certified block, with the transactions as they came, executes here to another header.
        case divergent
        /// The chain does not hold the block that the operator trusts.
        case wrongCheckpoint
    }

    public let code: Code
    public let reason: String

    public init(_ code: Code, _ reason: String) {
        self.code = code
        self.reason = reason
    }

    public var description: String { "\(reason) [\(code.rawValue)]" }
}

/// The proof that a block is final, in one format for every engine: commit votes for the header's id whose power
/// reaches the threshold of the set that the header names. Verified without the engine, offline.
public struct Certificate: Hashable, Sendable, CBORCodable {
    public let round: UInt32
    /// Sorted by key, none twice.
    public let signatures: [SignedBy]

    public init(round: UInt32, signatures: [SignedBy]) {
        self.round = round
        self.signatures = signatures.sorted { $0.key < $1.key }
    }

    /// Throws unless the certificate makes `header` final under `validators`.
    public func verify(_ header: Header, validators: ValidatorSet) throws(TrustError) {
        guard header.validatorSetDigest == validators.digest else {
            throw TrustError(.wrongValidatorSet, "the header names another set of validators")
        }
        guard zip(signatures, signatures.dropFirst()).allSatisfy({ $0.key < $1.key }) else {
            throw TrustError(.malformed, "signatures of a certificate are sorted by key, none twice")
        }
        let vote = Vote(chain: header.chain, height: header.height, round: round, step: .commit, headerID: header.id)
        let message = vote.message
        var reached: UInt64 = 0
        for entry in signatures {
            guard let power = validators.power(of: entry.key) else {
                throw TrustError(.unknownSigner, "\(entry.key) is no validator of this height")
            }
            guard entry.key.isValid(entry.signature, for: message) else {
                throw TrustError(.badSignature, "the signature of \(entry.key) is not over header \(header.id)")
            }
            reached += power
        }
        guard reached >= validators.threshold else {
            throw TrustError(.belowThreshold, "power \(reached) of \(validators.threshold) that are needed")
        }
    }

    public func encode(to encoder: inout CBOREncoder) {
        encoder.array(count: 2)
        encoder.unsigned(round)
        encoder.list(signatures)
    }

    public init(from decoder: inout CBORDecoder) throws(CBORError) {
        try decoder.array(count: 2)
        round = try decoder.unsigned(as: UInt32.self)
        signatures = try decoder.list(of: SignedBy.self, maximum: ValidatorSet.maximumCount)
    }
}

/// A header with the certificate that makes it final.
public struct CertifiedHeader: Hashable, Sendable, CBORCodable {
    public let header: Header
    public let certificate: Certificate

    public init(header: Header, certificate: Certificate) {
        self.header = header
        self.certificate = certificate
    }

    public func encode(to encoder: inout CBOREncoder) {
        encoder.array(count: 2)
        encoder.value(header)
        encoder.value(certificate)
    }

    public init(from decoder: inout CBORDecoder) throws(CBORError) {
        try decoder.array(count: 2)
        header = try decoder.value()
        certificate = try decoder.value()
    }
}
