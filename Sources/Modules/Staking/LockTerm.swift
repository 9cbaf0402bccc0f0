import Primitives

/// For how long stake is promised, and what the promise adds to its share of rewards; append-only. It adds nothing to
/// votes: a bonus there would let less than a third of stake reach a third of power.
public enum LockTerm: UInt8, CaseIterable, Comparable, Sendable {
    /// 30 days, the least.
    case month = 0
    /// 182 days, +20 %.
    case halfYear = 1
    /// 365 days, +50 %.
    case year = 2

    public var days: UInt64 {
        switch self {
        case .month: 30
        case .halfYear: 182
        case .year: 365
        }
    }

    /// What one share weighs among rewards while the lock-up lasts, in tenths.
    public var weightTenths: UInt128 {
        switch self {
        case .month: 10
        case .halfYear: 12
        case .year: 15
        }
    }

    /// What one share weighs after it.
    static let plainWeightTenths: UInt128 = 10

    public static func < (left: LockTerm, right: LockTerm) -> Bool { left.rawValue < right.rawValue }
}

/// What the validator's own stake makes it; append-only. Other modules may ask for one.
public enum StakeLevel: UInt8, CaseIterable, Comparable, Sendable {
    /// Below the least stake.
    case none = 0
    /// From 10,000 tokens, unless the genesis says otherwise.
    case entry = 1
    /// From 100,000.
    case validator = 2
    /// From 1,000,000.
    case supernode = 3

    public static func < (left: StakeLevel, right: StakeLevel) -> Bool { left.rawValue < right.rawValue }
}

/// What power in votes is computed from; append-only.
public enum PowerRule: UInt8, CaseIterable, Sendable {
    /// Stake alone.
    case stake = 0
    /// Stake, times what the Reputation module knows of the operator's work: `PowerTable`.
    case contribution = 1
}

/// What power makes a certificate; append-only.
public enum QuorumRule: UInt8, CaseIterable, Sendable {
    /// More than two thirds, for engines that tolerate liars.
    case twoThirds = 0
    /// More than half, for engines that tolerate crashes.
    case majority = 1

    /// The least power that is enough of `total`.
    public func threshold(of total: UInt64) -> UInt64 {
        switch self {
        case .twoThirds: total - (total - 1) / 3
        case .majority: total / 2 + 1
        }
    }
}
