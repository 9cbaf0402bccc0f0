import Ledger
import Primitives

/// What one validator thinks of another's work. Tuple: [operator, score].
public struct Appraisal: Hashable, Sendable, CBORCodable {
    public let subject: AccountID
    /// 0 to 1,000,000.
    public let score: UInt64

    public init(subject: AccountID, score: UInt64) {
        self.subject = subject
        self.score = score
    }

    public func encode(to encoder: inout CBOREncoder) {
        encoder.array(count: 2)
        encoder.value(subject)
        encoder.unsigned(score)
    }

    public init(from decoder: inout CBORDecoder) throws(CBORError) {
        try decoder.array(count: 2)
        subject = try decoder.value()
        score = try decoder.unsigned()
        guard score <= PowerTable.scoreLimit else { throw decoder.invalid("a score above \(PowerTable.scoreLimit)") }
    }
}

/// Binds a validator to what it thinks, before anybody can read it. Body of `appraise`. Tuple: [commitment].
public struct AppraiseBody: Hashable, Sendable, CBORCodable {
    public let commitment: Digest

    public init(commitment: Digest) { self.commitment = commitment }

    public func encode(to encoder: inout CBOREncoder) {
        encoder.array(count: 1)
        encoder.digest(commitment)
    }

    public init(from decoder: inout CBORDecoder) throws(CBORError) {
        try decoder.array(count: 1)
        commitment = try decoder.digest()
    }
}

/// Says what the commitment of the epoch before was to. Body of `reveal_appraisals`. Tuple: [salt, appraisals].
public struct RevealAppraisalsBody: Hashable, Sendable, CBORCodable {
    /// At random, so that nobody finds the scores by trying.
    public let salt: Digest
    /// Sorted by subject, none twice. Whoever is not there has the score 0.
    public let appraisals: [Appraisal]

    public init(salt: Digest, appraisals: [Appraisal]) {
        self.salt = salt
        self.appraisals = appraisals.sorted { $0.subject < $1.subject }
    }

    /// BLAKE2b-256 of `vinculum/appraisal/1`, a zero byte, [chain, operator, number of the epoch, salt, appraisals].
    public func commitment(chain: CID, operatorAccount: AccountID, epoch: UInt64) -> Digest {
        var encoder = CBOREncoder()
        encoder.array(count: 5)
        encoder.link(chain)
        encoder.value(operatorAccount)
        encoder.unsigned(epoch)
        encoder.digest(salt)
        encoder.list(appraisals)
        return .blake2b256(signedBytes(kind: "appraisal", body: encoder.finish()))
    }

    public func encode(to encoder: inout CBOREncoder) {
        encoder.array(count: 2)
        encoder.digest(salt)
        encoder.list(appraisals)
    }

    public init(from decoder: inout CBORDecoder) throws(CBORError) {
        try decoder.array(count: 2)
        salt = try decoder.digest()
        appraisals = try decoder.list(maximum: ValidatorSet.maximumCount)
        guard zip(appraisals, appraisals.dropFirst()).allSatisfy({ $0.subject < $1.subject }) else {
            throw decoder.invalid("appraisals are sorted by subject, none twice")
        }
    }
}

/// What a validator has committed itself to, or revealed, in an epoch. Tuple: [number of the epoch, commitment,
/// appraisals].
public struct AppraisalRecord: Hashable, Sendable, CBORCodable {
    public let epoch: UInt64
    public let commitment: Digest
    /// Empty until they are revealed, an epoch later.
    public var appraisals: [Appraisal] = []

    public init(epoch: UInt64, commitment: Digest) {
        self.epoch = epoch
        self.commitment = commitment
    }

    public func encode(to encoder: inout CBOREncoder) {
        encoder.array(count: 3)
        encoder.unsigned(epoch)
        encoder.digest(commitment)
        encoder.list(appraisals)
    }

    public init(from decoder: inout CBORDecoder) throws(CBORError) {
        try decoder.array(count: 3)
        epoch = try decoder.unsigned()
        commitment = try decoder.digest()
        appraisals = try decoder.list(maximum: ValidatorSet.maximumCount)
    }
}

/// How stake judges a validator's work. Tuple: [score, last].
public struct Standing: Hashable, Sendable, CBORCodable {
    /// Goes a quarter of the way to the newest judgement in each epoch: it comes slowly and fades.
    public var score: UInt64 = 0
    /// The judgement of the last epoch.
    public var last: UInt64 = 0

    public init() {}

    mutating func take(_ judgement: UInt64) {
        last = judgement
        let distance = judgement > score ? judgement - score : score - judgement
        // At least one, so that what nobody supports ends at nothing.
        let step = min(distance, max(1, distance / 4))
        score = judgement > score ? score + step : score - step
    }

    public func encode(to encoder: inout CBOREncoder) {
        encoder.array(count: 2)
        encoder.unsigned(score)
        encoder.unsigned(last)
    }

    public init(from decoder: inout CBORDecoder) throws(CBORError) {
        try decoder.array(count: 2)
        score = try decoder.unsigned()
        last = try decoder.unsigned()
    }
}
