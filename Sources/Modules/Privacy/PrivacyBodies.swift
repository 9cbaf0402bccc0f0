import Ledger
import Primitives

/// Body of `register`. Tuple: [label, unit, relation, delta (1e-12), size band, most records a person, limits, parent
/// or null].
public struct DatasetRegistration: Hashable, Sendable, CBORCodable {
    public var label: Digest
    public var unit: PrivacyUnit
    public var relation: NeighbourRelation
    public var deltaTrillionths: UInt64
    public var sizeBand: UInt32
    public var maximumRecordsPerPerson: UInt32
    public var limits: CostVector
    public var parent: Digest?

    public init(
        label: Digest, unit: PrivacyUnit, relation: NeighbourRelation, deltaTrillionths: UInt64, sizeBand: UInt32,
        maximumRecordsPerPerson: UInt32 = 0, limits: CostVector, parent: Digest? = nil
    ) {
        self.label = label
        self.unit = unit
        self.relation = relation
        self.deltaTrillionths = deltaTrillionths
        self.sizeBand = sizeBand
        self.maximumRecordsPerPerson = maximumRecordsPerPerson
        self.limits = limits
        self.parent = parent
    }

    public func encode(to encoder: inout CBOREncoder) {
        encoder.array(count: 8)
        encoder.digest(label)
        encoder.unsigned(unit.rawValue)
        encoder.unsigned(relation.rawValue)
        encoder.unsigned(deltaTrillionths)
        encoder.unsigned(sizeBand)
        encoder.unsigned(maximumRecordsPerPerson)
        encoder.value(limits)
        encoder.optional(parent)
    }

    public init(from decoder: inout CBORDecoder) throws(CBORError) {
        try decoder.array(count: 8)
        label = try decoder.digest()
        unit = try decoder.choice()
        relation = try decoder.choice()
        deltaTrillionths = try decoder.unsigned()
        sizeBand = try decoder.unsigned(as: UInt32.self)
        maximumRecordsPerPerson = try decoder.unsigned(as: UInt32.self)
        limits = try decoder.value()
        parent = try decoder.optional()
    }
}

/// Body of `reserve`. Tuple: [dataset, job, cost a round, rounds].
public struct ReserveBody: Hashable, Sendable, CBORCodable {
    public var dataset: Digest
    public var job: Digest
    public var costPerRound: CostVector
    public var rounds: UInt32

    public init(dataset: Digest, job: Digest, costPerRound: CostVector, rounds: UInt32) {
        self.dataset = dataset
        self.job = job
        self.costPerRound = costPerRound
        self.rounds = rounds
    }

    public func encode(to encoder: inout CBOREncoder) {
        encoder.array(count: 4)
        encoder.digest(dataset)
        encoder.digest(job)
        encoder.value(costPerRound)
        encoder.unsigned(rounds)
    }

    public init(from decoder: inout CBORDecoder) throws(CBORError) {
        try decoder.array(count: 4)
        dataset = try decoder.digest()
        job = try decoder.digest()
        costPerRound = try decoder.value()
        rounds = try decoder.unsigned(as: UInt32.self)
    }
}

/// Body of `spend`. Tuple: [dataset, job, round, commitment, cost].
public struct SpendBody: Hashable, Sendable, CBORCodable {
    public var dataset: Digest
    public var job: Digest
    public var round: UInt32
    public var commitment: Digest
    public var cost: CostVector

    public init(dataset: Digest, job: Digest, round: UInt32, commitment: Digest, cost: CostVector) {
        self.dataset = dataset
        self.job = job
        self.round = round
        self.commitment = commitment
        self.cost = cost
    }

    public func encode(to encoder: inout CBOREncoder) {
        encoder.array(count: 5)
        encoder.digest(dataset)
        encoder.digest(job)
        encoder.unsigned(round)
        encoder.digest(commitment)
        encoder.value(cost)
    }

    public init(from decoder: inout CBORDecoder) throws(CBORError) {
        try decoder.array(count: 5)
        dataset = try decoder.digest()
        job = try decoder.digest()
        round = try decoder.unsigned(as: UInt32.self)
        commitment = try decoder.digest()
        cost = try decoder.value()
    }
}

/// Body of `release` [dataset, job].
public struct ReleaseBody: Hashable, Sendable, CBORCodable {
    public var dataset: Digest
    public var job: Digest

    public init(dataset: Digest, job: Digest) {
        self.dataset = dataset
        self.job = job
    }

    public func encode(to encoder: inout CBOREncoder) {
        encoder.array(count: 2)
        encoder.digest(dataset)
        encoder.digest(job)
    }

    public init(from decoder: inout CBORDecoder) throws(CBORError) {
        try decoder.array(count: 2)
        dataset = try decoder.digest()
        job = try decoder.digest()
    }
}

/// Body of `retire` [dataset].
public struct RetireBody: Hashable, Sendable, CBORCodable {
    public var dataset: Digest

    public init(dataset: Digest) { self.dataset = dataset }

    public func encode(to encoder: inout CBOREncoder) {
        encoder.array(count: 1)
        encoder.digest(dataset)
    }

    public init(from decoder: inout CBORDecoder) throws(CBORError) {
        try decoder.array(count: 1)
        dataset = try decoder.digest()
    }
}
