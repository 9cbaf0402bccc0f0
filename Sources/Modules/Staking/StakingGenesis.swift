import Ledger
import Primitives

/// A validator of a chain's first set. Its stake comes out of the operator's balance in the genesis. Tuple: [operator,
/// key, commission, most commission, stake, term].
public struct Founder: Hashable, Sendable, CBORCodable {
    public let operatorAccount: AccountID
    public let key: PublicKey
    /// In 1e-6 of rewards.
    public let commission: UInt64
    public let maximumCommission: UInt64
    public let stake: Amount
    public let term: LockTerm

    /// A fifth of rewards.
    public static let usualMostCommission: UInt64 = 200_000

    public init(
        operatorAccount: AccountID, key: PublicKey, commission: UInt64 = 0, maximumCommission: UInt64 = 0,
        stake: Amount, term: LockTerm = .month
    ) {
        self.operatorAccount = operatorAccount
        self.key = key
        self.commission = commission
        self.maximumCommission = maximumCommission
        self.stake = stake
        self.term = term
    }

    public func encode(to encoder: inout CBOREncoder) {
        encoder.array(count: 6)
        encoder.value(operatorAccount)
        encoder.value(key)
        encoder.unsigned(commission)
        encoder.unsigned(maximumCommission)
        encoder.value(stake)
        encoder.unsigned(term.rawValue)
    }

    public init(from decoder: inout CBORDecoder) throws(CBORError) {
        try decoder.array(count: 6)
        operatorAccount = try decoder.value()
        key = try decoder.value()
        commission = try decoder.unsigned()
        maximumCommission = try decoder.unsigned()
        stake = try decoder.value()
        term = try decoder.choice()
    }
}

/// The section `staking` of a genesis. The set of validators that the genesis names has to be the one that these rules
/// make of the founders. Tuple: [parameters, founders].
public struct StakingGenesis: Hashable, Sendable, CBORCodable {
    public let parameters: StakingParameters
    public let founders: [Founder]

    public init(parameters: StakingParameters, founders: [Founder]) {
        self.parameters = parameters
        self.founders = founders
    }

    public func encode(to encoder: inout CBOREncoder) {
        encoder.array(count: 2)
        encoder.value(parameters)
        encoder.list(founders)
    }

    public init(from decoder: inout CBORDecoder) throws(CBORError) {
        try decoder.array(count: 2)
        parameters = try decoder.value()
        founders = try decoder.list(maximum: ValidatorSet.maximumCount)
    }

    /// The section as the genesis holds it.
    public func section() throws(CBORError) -> CBORValue { try CBORValue.decode(encoded()) }

    /// The set of validators that the genesis has to name; nil if the founders make none.
    public func validators() -> ValidatorSet? {
        let active = founders.filter { parameters.level(of: $0.stake) >= parameters.activeLevel }
        let table = PowerTable(active.map { .init(tokens: PowerTable.tokens($0.stake), score: 0) })
        return parameters.set(zip(active, table.powers).map { .init(key: $0.key, power: $1) })
    }
}

extension StakingParameters {
    /// A set with the threshold that the rules ask for; nil if these make none.
    func set(_ validators: [ValidatorSet.Validator]) -> ValidatorSet? {
        let total = validators.reduce(UInt64(0)) { $0 + $1.power }
        guard total > 0 else { return nil }
        return ValidatorSet(validators, threshold: quorumRule.threshold(of: total))
    }
}
