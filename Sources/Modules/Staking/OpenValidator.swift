import Ledger
import Primitives

/// A validator taken up by one action: loaded once, saved once, and its place among the others kept right.
struct OpenValidator {
    let operatorAccount: AccountID
    var record: ValidatorRecord

    init(_ operatorAccount: AccountID, _ context: inout ModuleContext) throws(Refusal) {
        guard let record = try context.load(ValidatorRecord.self, at: StakingPaths.validator(operatorAccount)) else {
            throw StakingCode.validatorUnknown.refusal("\(operatorAccount) is no validator")
        }
        self.init(operatorAccount, record)
    }

    init(_ operatorAccount: AccountID, _ record: ValidatorRecord) {
        self.operatorAccount = operatorAccount
        self.record = record
    }

    /// The tokens that count in an election; 0 for a validator that may not be active.
    private func tokens(_ parameters: StakingParameters) -> UInt64 {
        guard !record.isJailed, parameters.level(of: record.ownStake) >= parameters.activeLevel else { return 0 }
        return PowerTable.tokens(record.bonded.stake)
    }

    mutating func save(_ parameters: StakingParameters, _ context: inout ModuleContext) throws(Refusal) {
        let tokens = tokens(parameters)
        if tokens != record.rank {
            if record.rank > 0 { try context.remove(at: StakingPaths.rank(record.rank, operatorAccount)) }
            if tokens > 0 { try context.save(record.key, at: StakingPaths.rank(tokens, operatorAccount)) }
            record.rank = tokens
        }
        try context.save(record, at: StakingPaths.validator(operatorAccount))
    }

    /// Divides a reward between operator and delegators. Never fails: the end of a block must not.
    mutating func earn(_ reward: Amount) {
        let part = try? reward.multiplied(
            by: UInt128(record.commission), dividedBy: UInt128(StakingParameters.millionths))
        guard let part, let owed = try? record.commissionOwed.adding(part), let rest = try? reward.subtracting(part)
        else { return record.rewards.add(reward) }
        record.commissionOwed = owed
        record.rewards.add(rest)
    }

    // MARK: Positions

    /// Takes what a position has earned out of the pool, before its weight changes.
    mutating func settle(_ position: inout PositionRecord) -> Amount {
        let earned = record.rewards.take(weight: position.weight, since: position.index)
        position.index = record.rewards.index
        return earned
    }

    /// Gives a settled position other shares or another weight.
    mutating func change(
        _ position: inout PositionRecord, of holder: AccountID, shares: UInt128, weightTenths: UInt128
    ) throws(Refusal) {
        let before = position.weight
        if holder == operatorAccount {
            guard record.ownShares >= position.shares else {
                throw Refusal(.stateCorrupt, "own shares of \(operatorAccount)")
            }
            record.ownShares = record.ownShares - position.shares + shares
        }
        position.shares = shares
        position.weightTenths = weightTenths
        try record.rewards.changeWeight(from: before, to: position.weight)
    }
}
