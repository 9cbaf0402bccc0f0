import Primitives

/// Offers a job; the escrow moves from the sender.
/// Body of `submit`. Tuple: [terms, escrow].
public struct SubmitBody: Hashable, Sendable, CBORCodable {
    public var terms: JobTerms
    public var escrow: Amount

    public init(terms: JobTerms, escrow: Amount) {
        self.terms = terms
        self.escrow = escrow
    }

    public func encode(to encoder: inout CBOREncoder) {
        encoder.array(count: 2)
        encoder.value(terms)
        encoder.value(escrow)
    }

    public init(from decoder: inout CBORDecoder) throws(CBORError) {
        try decoder.array(count: 2)
        terms = try decoder.value()
        escrow = try decoder.value()
    }
}

/// A member accepts and reserves budget for `rounds` rounds.
/// Body of `accept`. Tuple: [job, dataset, policy digest, rounds].
public struct AcceptBody: Hashable, Sendable, CBORCodable {
    public var job: Digest
    public var dataset: Digest
    public var policy: Digest
    public var rounds: UInt32

    public init(job: Digest, dataset: Digest, policy: Digest, rounds: UInt32) {
        self.job = job
        self.dataset = dataset
        self.policy = policy
        self.rounds = rounds
    }

    public func encode(to encoder: inout CBOREncoder) {
        encoder.array(count: 4)
        encoder.digest(job)
        encoder.digest(dataset)
        encoder.digest(policy)
        encoder.unsigned(rounds)
    }

    public init(from decoder: inout CBORDecoder) throws(CBORError) {
        try decoder.array(count: 4)
        job = try decoder.digest()
        dataset = try decoder.digest()
        policy = try decoder.digest()
        rounds = try decoder.unsigned(as: UInt32.self)
    }
}

/// A member refuses the job (round 0) or the current round; the reason is a `SiteReason`.
/// Body of `refuse`. Tuple: [job, round, reason].
public struct RefuseBody: Hashable, Sendable, CBORCodable {
    public var job: Digest
    public var round: UInt32
    public var reason: UInt32

    public init(job: Digest, round: UInt32, reason: UInt32) {
        self.job = job
        self.round = round
        self.reason = reason
    }

    public func encode(to encoder: inout CBOREncoder) {
        encoder.array(count: 3)
        encoder.digest(job)
        encoder.unsigned(round)
        encoder.unsigned(reason)
    }

    public init(from decoder: inout CBORDecoder) throws(CBORError) {
        try decoder.array(count: 3)
        job = try decoder.digest()
        round = try decoder.unsigned(as: UInt32.self)
        reason = try decoder.unsigned(as: UInt32.self)
    }
}

/// Names a job and nothing else.
/// Body of `withdraw`, `start`, `advance`, `close` and `abort`. Tuple: [job].
public struct JobBody: Hashable, Sendable, CBORCodable {
    public var job: Digest

    public init(job: Digest) {
        self.job = job
    }

    public func encode(to encoder: inout CBOREncoder) {
        encoder.array(count: 1)
        encoder.digest(job)
    }

    public init(from decoder: inout CBORDecoder) throws(CBORError) {
        try decoder.array(count: 1)
        job = try decoder.digest()
    }
}

/// The requester names another aggregator for a lost one.
/// Body of `replace_aggregator`. Tuple: [job, aggregator].
public struct ReplaceBody: Hashable, Sendable, CBORCodable {
    public var job: Digest
    public var aggregator: AccountID

    public init(job: Digest, aggregator: AccountID) {
        self.job = job
        self.aggregator = aggregator
    }

    public func encode(to encoder: inout CBOREncoder) {
        encoder.array(count: 2)
        encoder.digest(job)
        encoder.value(aggregator)
    }

    public init(from decoder: inout CBORDecoder) throws(CBORError) {
        try decoder.array(count: 2)
        job = try decoder.digest()
        aggregator = try decoder.value()
    }
}

/// An auditor offers itself, or replaces its list of verifiers.
/// Body of `register_auditor`. Tuple: [verifiers].
public struct RegisterAuditorBody: Hashable, Sendable, CBORCodable {
    public var verifiers: [PluginReference]

    public init(verifiers: [PluginReference]) {
        self.verifiers = verifiers
    }

    public func encode(to encoder: inout CBOREncoder) {
        encoder.array(count: 1)
        encoder.list(verifiers)
    }

    public init(from decoder: inout CBORDecoder) throws(CBORError) {
        try decoder.array(count: 1)
        verifiers = try decoder.list(maximum: 16)
    }
}

/// An auditor leaves and takes its bond.
/// Body of `retire_auditor`. Tuple: [].
public struct RetireAuditorBody: Hashable, Sendable, CBORCodable {

    public init() {
    }

    public func encode(to encoder: inout CBOREncoder) {
        encoder.array(count: 0)
    }

    public init(from decoder: inout CBORDecoder) throws(CBORError) {
        try decoder.array(count: 0)
    }
}
