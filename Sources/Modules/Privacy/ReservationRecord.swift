import Primitives

/// What a job may still spend of a dataset. Tuple: [cost a round, rounds reserved, rounds left, spent by the job,
/// released].
public struct ReservationRecord: Hashable, Sendable, CBORCodable {
    public let costPerRound: CostVector
    public let rounds: UInt32
    /// Rounds for which the cost still stands in the dataset's `reserved`.
    public internal(set) var roundsLeft: UInt32
    /// Everything that this job has spent, repeated bytes included.
    public internal(set) var spent: CostVector
    public internal(set) var isReleased: Bool

    init(costPerRound: CostVector, rounds: UInt32) {
        self.costPerRound = costPerRound
        self.rounds = rounds
        roundsLeft = rounds
        spent = .zero
        isReleased = false
    }

    public func encode(to encoder: inout CBOREncoder) {
        encoder.array(count: 5)
        encoder.value(costPerRound)
        encoder.unsigned(rounds)
        encoder.unsigned(roundsLeft)
        encoder.value(spent)
        encoder.bool(isReleased)
    }

    public init(from decoder: inout CBORDecoder) throws(CBORError) {
        try decoder.array(count: 5)
        costPerRound = try decoder.value()
        rounds = try decoder.unsigned(as: UInt32.self)
        roundsLeft = try decoder.unsigned(as: UInt32.self)
        spent = try decoder.value()
        isReleased = try decoder.bool()
    }
}

/// One use of a budget, kept for good: an old backup cannot spend it again. Tuple: [cost, height].
public struct SpendRecord: Hashable, Sendable, CBORCodable {
    public let cost: CostVector
    public let height: UInt64

    public func encode(to encoder: inout CBOREncoder) {
        encoder.array(count: 2)
        encoder.value(cost)
        encoder.unsigned(height)
    }

    init(cost: CostVector, height: UInt64) {
        self.cost = cost
        self.height = height
    }

    public init(from decoder: inout CBORDecoder) throws(CBORError) {
        try decoder.array(count: 2)
        cost = try decoder.value()
        height = try decoder.unsigned()
    }
}
