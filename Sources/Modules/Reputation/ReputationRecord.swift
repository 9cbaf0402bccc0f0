import Primitives

/// What an account is known for; each is scored apart, so that a good site is not thereby a good auditor.
public enum ReputationDomain: UInt8, CaseIterable, Sendable {
    case site = 0
    case auditor = 1
    case aggregator = 2
    case provider = 3
    case requester = 4
}

/// Steps of trust that other rules refer to.
public enum ReputationTier: UInt8, CaseIterable, Comparable, Sendable {
    /// Below -250,000: not drawn, not matched.
    case barred = 0
    /// Everyone starts here: without a record there is no trust.
    case newcomer = 1
    /// From 50,000.
    case proven = 2
    /// From 250,000.
    case trusted = 3
    /// From 600,000.
    case senior = 4

    public init(of score: Int64) {
        switch score {
        case ..<(-250_000): self = .barred
        case ..<50_000: self = .newcomer
        case ..<250_000: self = .proven
        case ..<600_000: self = .trusted
        default: self = .senior
        }
    }

    public static func < (left: ReputationTier, right: ReputationTier) -> Bool { left.rawValue < right.rawValue }
}

/// A score between -1,000,000 and 1,000,000. Tuple: [score, time of the score (ms), good, bad].
public struct ReputationRecord: Hashable, Sendable, CBORCodable {
    /// As of `timeMilliseconds`; readers want `score(at:)`.
    public private(set) var score: Int64
    public private(set) var timeMilliseconds: UInt64
    /// How many changes were for the better, and for the worse.
    public private(set) var good: UInt64
    public private(set) var bad: UInt64

    public static let bound: Int64 = 1_000_000
    /// Scores fade by a 32nd each day of the chain's time: half is gone after 22 days, in both directions.
    public static let fadePeriodMilliseconds: UInt64 = 86_400_000
    public static let fadeDivisor: Int64 = 32

    public init(timeMilliseconds: UInt64) {
        score = 0
        self.timeMilliseconds = timeMilliseconds
        good = 0
        bad = 0
    }

    /// The faded score. After 1,000 periods nothing is left.
    public func score(at now: UInt64) -> Int64 { faded(to: now).score }

    public func tier(at now: UInt64) -> ReputationTier { ReputationTier(of: score(at: now)) }

    private func faded(to now: UInt64) -> (score: Int64, time: UInt64) {
        guard now > timeMilliseconds else { return (score, timeMilliseconds) }
        let periods = (now - timeMilliseconds) / ReputationRecord.fadePeriodMilliseconds
        let time = timeMilliseconds + periods * ReputationRecord.fadePeriodMilliseconds
        guard periods < 1_000 else { return (0, time) }
        var rest = score
        for _ in 0..<periods where rest != 0 {
            // Rounded away from zero, so that small scores fade out too.
            let step =
                (rest.magnitude + UInt64(ReputationRecord.fadeDivisor) - 1) / UInt64(ReputationRecord.fadeDivisor)
            rest -= rest > 0 ? Int64(step) : -Int64(step)
        }
        return (rest, time)
    }

    /// Adds `change`. A gain counts for less the nearer the score is to its bound, a loss in full.
    mutating func adjust(by change: Int64, at now: UInt64) {
        (score, timeMilliseconds) = faded(to: now)
        let change = min(max(change, -2 * ReputationRecord.bound), ReputationRecord.bound)
        if change >= 0 {
            let room = min(ReputationRecord.bound - score, ReputationRecord.bound)
            score += change * room / ReputationRecord.bound
            good &+= 1
        } else {
            score = max(score + change, -ReputationRecord.bound)
            bad &+= 1
        }
    }

    public func encode(to encoder: inout CBOREncoder) {
        encoder.array(count: 4)
        encoder.integer(score)
        encoder.unsigned(timeMilliseconds)
        encoder.unsigned(good)
        encoder.unsigned(bad)
    }

    public init(from decoder: inout CBORDecoder) throws(CBORError) {
        try decoder.array(count: 4)
        score = try decoder.integer()
        guard (-ReputationRecord.bound...ReputationRecord.bound).contains(score) else {
            throw decoder.invalid("a score out of bounds")
        }
        timeMilliseconds = try decoder.unsigned()
        good = try decoder.unsigned()
        bad = try decoder.unsigned()
    }
}
