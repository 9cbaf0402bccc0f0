import Ledger
import Primitives

/// The rules of a chain's staking: in its genesis, and in the state at `StakingPaths.parameters`. Tuple: in the order
/// of the fields.
public struct StakingParameters: Hashable, Sendable, CBORCodable {
    /// An epoch ends with the first block that is so much later than its start.
    public var epochMilliseconds: UInt64 = 86_400_000
    /// How long a day of lock-ups and unbonding is: shorter only on networks for trying things out.
    public var dayMilliseconds: UInt64 = 86_400_000
    /// From the end of the epoch in which stake left its validator until it is paid out. Evidence counts as long.
    public var unbondingDays: UInt64 = 21
    /// Own stake of the levels entry, validator and supernode; ascending.
    public var levels: [Amount] = [10_000, 100_000, 1_000_000].map { Amount(tokens: $0) }
    /// The level that a validator needs to be active.
    public var activeLevel = StakeLevel.validator
    public var leastDelegation = Amount(tokens: 1)
    /// New tokens for validators and their delegators: so many in 365 days, and never more than the limit in all.
    public var issuancePerYear = Amount.zero
    public var issuanceLimit = Amount.zero
    public var powerRule = PowerRule.stake
    public var quorumRule = QuorumRule.twoThirds
    /// What contradictory votes cost, in 1e-6 of the stake behind them.
    public var equivocationSlash: UInt64 = 50_000
    public var amnesiaSlash: UInt64 = 50_000
    /// The part of a slash that is whoever's who proved the offence, in 1e-6; the rest is burned.
    public var reporterShare: UInt64 = 50_000
    /// A validator that proposed nothing in an epoch in which so many proposals were its share is jailed; 0: never.
    public var absenceProposals: UInt64 = 64
    public var jailMilliseconds: UInt64 = 600_000
    /// The part of an epoch's rewards that is shared by insight among those who appraise, in 1e-6. Of what nobody earns
    /// so, all have their part.
    public var appraisalShare: UInt64 = 100_000

    public static let millionths: UInt64 = 1_000_000
    static let yearDays: UInt64 = 365
    /// The longest of any period, so that sums of times fit: 100 years.
    static let longestMilliseconds: UInt64 = 3_153_600_000_000

    public init() {}

    /// For a chain of one validator at a time: nobody else could propose.
    public static let solo: StakingParameters = {
        var parameters = StakingParameters()
        parameters.absenceProposals = 0
        return parameters
    }()

    var unbondingMilliseconds: UInt64 { unbondingDays * dayMilliseconds }

    /// From when on stake is paid out that left in an epoch; nil while the epoch runs.
    public func maturity(of epoch: EpochRecord) -> UInt64? {
        guard epoch.lastHeight > 0 else { return nil }
        let (end, overflow) = epoch.endMilliseconds.addingReportingOverflow(unbondingMilliseconds)
        return overflow ? .max : end
    }

    func lockMilliseconds(_ term: LockTerm) -> UInt64 { term.days * dayMilliseconds }

    /// The level that own stake reaches.
    public func level(of stake: Amount) -> StakeLevel {
        StakeLevel(rawValue: UInt8(levels.filter { $0 <= stake }.count)) ?? .none
    }

    /// Why the values contradict themselves; nil if they do not.
    var fault: String? {
        if levels.count != 3 || zip(levels, levels.dropFirst()).contains(where: { $0 >= $1 }) {
            return "levels are three amounts, ascending"
        }
        // Weights of rewards stay far from the ends of their range.
        if leastDelegation < Amount(tokens: 1) || levels.first.map({ $0 < leastDelegation }) ?? true {
            return "the least delegation is one token or more, and no level is below it"
        }
        if activeLevel == .none { return "active validators need a level" }
        if !(1...StakingParameters.longestMilliseconds).contains(epochMilliseconds)
            || !(1...86_400_000).contains(dayMilliseconds) || !(1...3_650).contains(unbondingDays)
            || jailMilliseconds > StakingParameters.longestMilliseconds
        {
            return "a period is zero or too long"
        }
        // Stake that leaves must stay within reach of evidence for longer than an epoch, or there is no reach.
        if unbondingMilliseconds < epochMilliseconds { return "unbonding is shorter than an epoch" }
        // Where one leads, the others propose nothing.
        if quorumRule == .majority, absenceProposals > 0 { return "nobody is absent where a leader makes all blocks" }
        let millionths = [equivocationSlash, amnesiaSlash, reporterShare, appraisalShare]
        return millionths.contains { $0 > StakingParameters.millionths } ? "a share is above a million" : nil
    }

    public func encode(to encoder: inout CBOREncoder) {
        encoder.array(count: 16)
        encoder.unsigned(epochMilliseconds)
        encoder.unsigned(dayMilliseconds)
        encoder.unsigned(unbondingDays)
        encoder.list(levels)
        encoder.unsigned(activeLevel.rawValue)
        encoder.value(leastDelegation)
        encoder.value(issuancePerYear)
        encoder.value(issuanceLimit)
        encoder.unsigned(powerRule.rawValue)
        encoder.unsigned(quorumRule.rawValue)
        for number in [
            equivocationSlash, amnesiaSlash, reporterShare, absenceProposals, jailMilliseconds, appraisalShare,
        ] {
            encoder.unsigned(number)
        }
    }

    public init(from decoder: inout CBORDecoder) throws(CBORError) {
        try decoder.array(count: 16)
        epochMilliseconds = try decoder.unsigned()
        dayMilliseconds = try decoder.unsigned()
        unbondingDays = try decoder.unsigned()
        levels = try decoder.list(maximum: 3)
        activeLevel = try decoder.choice()
        leastDelegation = try decoder.value()
        issuancePerYear = try decoder.value()
        issuanceLimit = try decoder.value()
        powerRule = try decoder.choice()
        quorumRule = try decoder.choice()
        equivocationSlash = try decoder.unsigned()
        amnesiaSlash = try decoder.unsigned()
        reporterShare = try decoder.unsigned()
        absenceProposals = try decoder.unsigned()
        jailMilliseconds = try decoder.unsigned()
        appraisalShare = try decoder.unsigned()
        if let fault { throw decoder.invalid(fault) }
    }
}
