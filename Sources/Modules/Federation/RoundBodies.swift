import Primitives
import Privacy

/// A member commits to its stored, protected update; its cost is spent in the same step.
/// Body of `commit`. Tuple: [job, round, commitment, cost].
public struct CommitBody: Hashable, Sendable, CBORCodable {
    public var job: Digest
    public var round: UInt32
    public var commitment: Digest
    public var cost: CostVector

    public init(job: Digest, round: UInt32, commitment: Digest, cost: CostVector) {
        self.job = job
        self.round = round
        self.commitment = commitment
        self.cost = cost
    }

    public func encode(to encoder: inout CBOREncoder) {
        encoder.array(count: 4)
        encoder.digest(job)
        encoder.unsigned(round)
        encoder.digest(commitment)
        encoder.value(cost)
    }

    public init(from decoder: inout CBORDecoder) throws(CBORError) {
        try decoder.array(count: 4)
        job = try decoder.digest()
        round = try decoder.unsigned(as: UInt32.self)
        commitment = try decoder.digest()
        cost = try decoder.value()
    }
}

/// A member opens its commitment after the object is uploaded.
/// Body of `reveal`. Tuple: [job, round, update, salt, size (bytes)].
public struct RevealBody: Hashable, Sendable, CBORCodable {
    public var job: Digest
    public var round: UInt32
    public var update: CID
    public var salt: Digest
    public var size: UInt64

    public init(job: Digest, round: UInt32, update: CID, salt: Digest, size: UInt64) {
        self.job = job
        self.round = round
        self.update = update
        self.salt = salt
        self.size = size
    }

    public func encode(to encoder: inout CBOREncoder) {
        encoder.array(count: 5)
        encoder.digest(job)
        encoder.unsigned(round)
        encoder.link(update)
        encoder.digest(salt)
        encoder.unsigned(size)
    }

    public init(from decoder: inout CBORDecoder) throws(CBORError) {
        try decoder.array(count: 5)
        job = try decoder.digest()
        round = try decoder.unsigned(as: UInt32.self)
        update = try decoder.link()
        salt = try decoder.digest()
        size = try decoder.unsigned(as: UInt64.self)
    }
}

/// A drawn auditor judges every revealed update, by ascending member index.
/// Body of `verdict`. Tuple: [job, round, outcomes].
public struct VerdictBody: Hashable, Sendable, CBORCodable {
    public var job: Digest
    public var round: UInt32
    public var outcomes: [MemberOutcome]

    public init(job: Digest, round: UInt32, outcomes: [MemberOutcome]) {
        self.job = job
        self.round = round
        self.outcomes = outcomes
    }

    public func encode(to encoder: inout CBOREncoder) {
        encoder.array(count: 3)
        encoder.digest(job)
        encoder.unsigned(round)
        encoder.list(outcomes)
    }

    public init(from decoder: inout CBORDecoder) throws(CBORError) {
        try decoder.array(count: 3)
        job = try decoder.digest()
        round = try decoder.unsigned(as: UInt32.self)
        outcomes = try decoder.list(maximum: JobTerms.maximumMembers)
    }
}

/// The aggregator proposes the next global model.
/// Body of `propose`. Tuple: [job, round, [model, root, included]].
public struct ProposeBody: Hashable, Sendable, CBORCodable {
    public var job: Digest
    public var round: UInt32
    public var proposal: ModelProposal

    public init(job: Digest, round: UInt32, proposal: ModelProposal) {
        self.job = job
        self.round = round
        self.proposal = proposal
    }

    public func encode(to encoder: inout CBOREncoder) {
        encoder.array(count: 3)
        encoder.digest(job)
        encoder.unsigned(round)
        encoder.value(proposal)
    }

    public init(from decoder: inout CBORDecoder) throws(CBORError) {
        try decoder.array(count: 3)
        job = try decoder.digest()
        round = try decoder.unsigned(as: UInt32.self)
        proposal = try decoder.value()
    }
}

/// A drawn auditor has recomputed the proposed model: equal or not.
/// Body of `confirm`. Tuple: [job, round, model, root, equal].
public struct ConfirmBody: Hashable, Sendable, CBORCodable {
    public var job: Digest
    public var round: UInt32
    public var model: CID
    public var root: Digest
    public var isEqual: Bool

    public init(job: Digest, round: UInt32, model: CID, root: Digest, isEqual: Bool) {
        self.job = job
        self.round = round
        self.model = model
        self.root = root
        self.isEqual = isEqual
    }

    public func encode(to encoder: inout CBOREncoder) {
        encoder.array(count: 5)
        encoder.digest(job)
        encoder.unsigned(round)
        encoder.link(model)
        encoder.digest(root)
        encoder.bool(isEqual)
    }

    public init(from decoder: inout CBORDecoder) throws(CBORError) {
        try decoder.array(count: 5)
        job = try decoder.digest()
        round = try decoder.unsigned(as: UInt32.self)
        model = try decoder.link()
        root = try decoder.digest()
        isEqual = try decoder.bool()
    }
}

/// Two signed statements of one member for one round (`UpdateStatement`) that name different updates.
/// Body of `evidence`. Tuple: [job, round, member, update A, signature A, update B, signature B].
public struct EvidenceBody: Hashable, Sendable, CBORCodable {
    public var job: Digest
    public var round: UInt32
    public var member: AccountID
    public var first: CID
    public var firstSignature: Signature
    public var second: CID
    public var secondSignature: Signature

    public init(
        job: Digest, round: UInt32, member: AccountID, first: CID, firstSignature: Signature, second: CID,
        secondSignature: Signature
    ) {
        self.job = job
        self.round = round
        self.member = member
        self.first = first
        self.firstSignature = firstSignature
        self.second = second
        self.secondSignature = secondSignature
    }

    public func encode(to encoder: inout CBOREncoder) {
        encoder.array(count: 7)
        encoder.digest(job)
        encoder.unsigned(round)
        encoder.value(member)
        encoder.link(first)
        encoder.value(firstSignature)
        encoder.link(second)
        encoder.value(secondSignature)
    }

    public init(from decoder: inout CBORDecoder) throws(CBORError) {
        try decoder.array(count: 7)
        job = try decoder.digest()
        round = try decoder.unsigned(as: UInt32.self)
        member = try decoder.value()
        first = try decoder.link()
        firstSignature = try decoder.value()
        second = try decoder.link()
        secondSignature = try decoder.value()
    }
}
