import Ledger
import Primitives

/// A validator, active or not. Tuple: in the order of the fields.
public struct ValidatorRecord: Hashable, Sendable, CBORCodable {
    public let key: PublicKey
    /// The operator's part of rewards before delegators, in 1e-6.
    public internal(set) var commission: UInt64
    /// The commission is never above this.
    public let maximumCommission: UInt64
    /// All bonded stake, the operator's included.
    public internal(set) var bonded = SharePool()
    /// The operator's own shares of it.
    public internal(set) var ownShares: UInt128 = 0
    public internal(set) var rewards = RewardPool()
    /// Earned by the operator and not collected.
    public internal(set) var commissionOwed = Amount.zero
    /// Out of the set until then (ms), and until its operator asks; `barred`: for good.
    public internal(set) var jailedUntil: UInt64 = 0
    /// Whole tokens under which it stands among those who may be active; 0: it does not.
    public internal(set) var rank: UInt64 = 0

    public static let barred = UInt64.max

    public init(key: PublicKey, commission: UInt64, maximumCommission: UInt64) {
        self.key = key
        self.commission = commission
        self.maximumCommission = maximumCommission
    }

    public var isJailed: Bool { jailedUntil > 0 }
    public var isBarred: Bool { jailedUntil == ValidatorRecord.barred }
    public var ownStake: Amount { bonded.value(of: ownShares) }

    public func encode(to encoder: inout CBOREncoder) {
        encoder.array(count: 9)
        encoder.value(key)
        encoder.unsigned(commission)
        encoder.unsigned(maximumCommission)
        encoder.value(bonded)
        encoder.value(Amount(baseUnits: ownShares))
        encoder.value(rewards)
        encoder.value(commissionOwed)
        encoder.unsigned(jailedUntil)
        encoder.unsigned(rank)
    }

    public init(from decoder: inout CBORDecoder) throws(CBORError) {
        try decoder.array(count: 9)
        key = try decoder.value()
        commission = try decoder.unsigned()
        maximumCommission = try decoder.unsigned()
        bonded = try decoder.value()
        ownShares = try decoder.value(Amount.self).baseUnits
        rewards = try decoder.value()
        commissionOwed = try decoder.value()
        jailedUntil = try decoder.unsigned()
        rank = try decoder.unsigned()
        guard commission <= maximumCommission, maximumCommission <= StakingParameters.millionths,
            ownShares <= bonded.shares
        else { throw decoder.invalid("no validator: a commission or shares out of range") }
    }
}

/// A holder's stake with one validator for one term. Tuple: [shares, locked until (ms), weight in tenths, index].
public struct PositionRecord: Hashable, Sendable, CBORCodable {
    public internal(set) var shares: UInt128 = 0
    public internal(set) var lockedUntil: UInt64 = 0
    /// Of one share among rewards: the term's until the lock-up ends, then ten.
    public internal(set) var weightTenths: UInt128 = LockTerm.plainWeightTenths
    /// Where the validator's reward index stood when rewards were last taken out.
    public internal(set) var index: UInt128 = 0

    public init() {}

    public var weight: UInt128 { shares * weightTenths }

    public func encode(to encoder: inout CBOREncoder) {
        encoder.array(count: 4)
        encoder.value(Amount(baseUnits: shares))
        encoder.unsigned(lockedUntil)
        encoder.unsigned(UInt64(weightTenths))
        encoder.value(Amount(baseUnits: index))
    }

    public init(from decoder: inout CBORDecoder) throws(CBORError) {
        try decoder.array(count: 4)
        shares = try decoder.value(Amount.self).baseUnits
        lockedUntil = try decoder.unsigned()
        weightTenths = UInt128(try decoder.unsigned())
        index = try decoder.value(Amount.self).baseUnits
        guard shares < SharePool.shareLimit, (10...15).contains(weightTenths) else {
            throw decoder.invalid("no position: shares or weight out of range")
        }
    }
}

/// Who validates in an epoch, as it was decided at the end of the one before. Tuple: an array of [operator, key, power,
/// weight].
public struct ActiveSet: Hashable, Sendable, CBORCodable {
    public struct Member: Hashable, Sendable, CBORCodable {
        public let operatorAccount: AccountID
        public let key: PublicKey
        /// In votes.
        public let power: UInt64
        /// Among rewards.
        public let weight: UInt64

        public func encode(to encoder: inout CBOREncoder) {
            encoder.array(count: 4)
            encoder.value(operatorAccount)
            encoder.value(key)
            encoder.unsigned(power)
            encoder.unsigned(weight)
        }

        init(operatorAccount: AccountID, key: PublicKey, power: UInt64, weight: UInt64) {
            self.operatorAccount = operatorAccount
            self.key = key
            self.power = power
            self.weight = weight
        }

        public init(from decoder: inout CBORDecoder) throws(CBORError) {
            try decoder.array(count: 4)
            operatorAccount = try decoder.value()
            key = try decoder.value()
            power = try decoder.unsigned()
            weight = try decoder.unsigned()
        }
    }

    public var members: [Member] = []

    init(_ members: [Member]) { self.members = members }

    public func encode(to encoder: inout CBOREncoder) { encoder.list(members) }

    public init(from decoder: inout CBORDecoder) throws(CBORError) {
        members = try decoder.list(maximum: ValidatorSet.maximumCount)
    }
}

/// The epoch that runs. Tuple: [number, first height, start (ms), oldest epoch, issued, undistributed].
public struct EpochState: Hashable, Sendable, CBORCodable {
    /// Of epochs since the genesis.
    public var number: UInt64 = 0
    /// Names the epoch.
    public var firstHeight: UInt64 = 0
    public var startMilliseconds: UInt64
    /// The first height of the oldest epoch whose record is kept.
    public var oldest: UInt64 = 0
    /// New tokens that were ever made for rewards.
    public var issued = Amount.zero
    /// Rewards that wait for the end of the epoch.
    public var undistributed = Amount.zero

    public init(startMilliseconds: UInt64) { self.startMilliseconds = startMilliseconds }

    public func encode(to encoder: inout CBOREncoder) {
        encoder.array(count: 6)
        for number in [number, firstHeight, startMilliseconds, oldest] { encoder.unsigned(number) }
        encoder.value(issued)
        encoder.value(undistributed)
    }

    public init(from decoder: inout CBORDecoder) throws(CBORError) {
        try decoder.array(count: 6)
        number = try decoder.unsigned()
        firstHeight = try decoder.unsigned()
        startMilliseconds = try decoder.unsigned()
        oldest = try decoder.unsigned()
        issued = try decoder.value()
        undistributed = try decoder.value()
    }
}

/// An epoch while stake that backed it may still be held. Tuple: [last height, end (ms)], both zero while it runs.
public struct EpochRecord: Hashable, Sendable, CBORCodable {
    public var lastHeight: UInt64 = 0
    public var endMilliseconds: UInt64 = 0

    public init() {}

    public func encode(to encoder: inout CBOREncoder) {
        encoder.array(count: 2)
        encoder.unsigned(lastHeight)
        encoder.unsigned(endMilliseconds)
    }

    public init(from decoder: inout CBORDecoder) throws(CBORError) {
        try decoder.array(count: 2)
        lastHeight = try decoder.unsigned()
        endMilliseconds = try decoder.unsigned()
    }
}
