import Primitives

/// Names a task and nothing else.
/// Body of `cancel` and `advance`. Tuple: [task].
public struct TaskBody: Hashable, Sendable, CBORCodable {
    public var task: Digest

    public init(task: Digest) {
        self.task = task
    }

    public func encode(to encoder: inout CBOREncoder) {
        encoder.array(count: 1)
        encoder.digest(task)
    }

    public init(from decoder: inout CBORDecoder) throws(CBORError) {
        try decoder.array(count: 1)
        task = try decoder.digest()
    }
}

/// A provider takes an offer back.
/// Body of `withdraw_offer`. Tuple: [offer].
public struct WithdrawOfferBody: Hashable, Sendable, CBORCodable {
    public var offer: Digest

    public init(offer: Digest) {
        self.offer = offer
    }

    public func encode(to encoder: inout CBOREncoder) {
        encoder.array(count: 1)
        encoder.digest(offer)
    }

    public init(from decoder: inout CBORDecoder) throws(CBORError) {
        try decoder.array(count: 1)
        offer = try decoder.digest()
    }
}

/// Asks for work; the escrow moves from the sender.
/// Body of `submit`. Tuple: [terms].
public struct SubmitTaskBody: Hashable, Sendable, CBORCodable {
    public var terms: TaskTerms

    public init(terms: TaskTerms) {
        self.terms = terms
    }

    public func encode(to encoder: inout CBOREncoder) {
        encoder.array(count: 1)
        encoder.value(terms)
    }

    public init(from decoder: inout CBORDecoder) throws(CBORError) {
        try decoder.array(count: 1)
        terms = try decoder.value()
    }
}

/// A provider has computed a result and commits to it.
/// Body of `commit`. Tuple: [task, commitment].
public struct TaskCommitBody: Hashable, Sendable, CBORCodable {
    public var task: Digest
    public var commitment: Digest

    public init(task: Digest, commitment: Digest) {
        self.task = task
        self.commitment = commitment
    }

    public func encode(to encoder: inout CBOREncoder) {
        encoder.array(count: 2)
        encoder.digest(task)
        encoder.digest(commitment)
    }

    public init(from decoder: inout CBORDecoder) throws(CBORError) {
        try decoder.array(count: 2)
        task = try decoder.digest()
        commitment = try decoder.digest()
    }
}

/// A provider opens its commitment.
/// Body of `reveal`. Tuple: [task, result, salt].
public struct TaskRevealBody: Hashable, Sendable, CBORCodable {
    public var task: Digest
    public var result: CID
    public var salt: Digest

    public init(task: Digest, result: CID, salt: Digest) {
        self.task = task
        self.result = result
        self.salt = salt
    }

    public func encode(to encoder: inout CBOREncoder) {
        encoder.array(count: 3)
        encoder.digest(task)
        encoder.link(result)
        encoder.digest(salt)
    }

    public init(from decoder: inout CBORDecoder) throws(CBORError) {
        try decoder.array(count: 3)
        task = try decoder.digest()
        result = try decoder.link()
        salt = try decoder.digest()
    }
}

/// The requester opens the answer of a benchmark.
/// Body of `answer`. Tuple: [task, result, salt].
public struct AnswerBody: Hashable, Sendable, CBORCodable {
    public var task: Digest
    public var result: CID
    public var salt: Digest

    public init(task: Digest, result: CID, salt: Digest) {
        self.task = task
        self.result = result
        self.salt = salt
    }

    public func encode(to encoder: inout CBOREncoder) {
        encoder.array(count: 3)
        encoder.digest(task)
        encoder.link(result)
        encoder.digest(salt)
    }

    public init(from decoder: inout CBORDecoder) throws(CBORError) {
        try decoder.array(count: 3)
        task = try decoder.digest()
        result = try decoder.link()
        salt = try decoder.digest()
    }
}

/// A drawn auditor says of each replica, by index, whether its result is right. Body of `verdict`. Tuple: [task,
/// [outcome…]]: 1
/// accepted, 2 rejected, and 0 for a replica that was lost or revealed nothing.
public struct TaskVerdictBody: Hashable, Sendable, CBORCodable {
    public var task: Digest
    public var outcomes: [ReplicaOutcome]

    public init(task: Digest, outcomes: [ReplicaOutcome]) {
        self.task = task
        self.outcomes = outcomes
    }

    public func encode(to encoder: inout CBOREncoder) {
        encoder.array(count: 2)
        encoder.digest(task)
        encoder.array(count: outcomes.count)
        for outcome in outcomes { encoder.unsigned(outcome.rawValue) }
    }

    public init(from decoder: inout CBORDecoder) throws(CBORError) {
        try decoder.array(count: 2)
        task = try decoder.digest()
        outcomes = try decoder.outcomes()
    }
}

/// What providers and requesters commit to before anyone shows a result.
public enum TaskCommitment {
    /// BLAKE2b-256 of `vinculum/task-result/1`, a zero byte and [chain, task, provider, salt, result].
    public static func result(chain: CID, task: Digest, provider: AccountID, salt: Digest, result: CID) -> Digest {
        var encoder = CBOREncoder()
        encoder.array(count: 5)
        encoder.link(chain)
        encoder.digest(task)
        encoder.value(provider)
        encoder.digest(salt)
        encoder.link(result)
        return .blake2b256(signedBytes(kind: "task-result", body: encoder.finish()))
    }

    /// BLAKE2b-256 of `vinculum/task-answer/1`, a zero byte and [chain, requester, salt, result].
    public static func answer(chain: CID, requester: AccountID, salt: Digest, result: CID) -> Digest {
        var encoder = CBOREncoder()
        encoder.array(count: 4)
        encoder.link(chain)
        encoder.value(requester)
        encoder.digest(salt)
        encoder.link(result)
        return .blake2b256(signedBytes(kind: "task-answer", body: encoder.finish()))
    }
}
