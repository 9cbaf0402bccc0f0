import Ledger
import Primitives
import Tokens

/// Rewards of blocks and epochs, and whoever was absent.
extension StakingModule {
    /// Gives the proposer's share of the block's fees to the proposer and its delegators, and counts its proposal.
    func shareFees(
        _ state: inout EpochState, _ parameters: StakingParameters, _ context: inout ModuleContext
    ) throws(Refusal) {
        let fees = try context.balance(of: StakingPaths.fees)
        if !fees.isZero { try context.transfer(from: StakingPaths.fees, to: StakingPaths.rewards, amount: fees) }
        guard let key = context.block.proposer.publicKey,
            let account = try context.load(AccountID.self, at: StakingPaths.key(key))
        else {
            state.undistributed = try state.undistributed.plus(fees)
            return
        }
        if !fees.isZero { try earn(fees, account, &context) }
        guard parameters.absenceProposals > 0 else { return }
        let count = try context.load(UInt64.self, at: StakingPaths.proposals(key)) ?? 0
        try context.save(count + 1, at: StakingPaths.proposals(key))
    }

    private func earn(_ amount: Amount, _ account: AccountID, _ context: inout ModuleContext) throws(Refusal) {
        var validator = try OpenValidator(account, &context)
        validator.earn(amount)
        try context.save(validator.record, at: StakingPaths.validator(account))
    }

    func endEpoch(
        _ state: inout EpochState, _ parameters: StakingParameters, _ context: inout ModuleContext
    ) throws(Refusal) {
        try issue(&state, parameters, &context)
        let active = try context.load(ActiveSet.self, at: StakingPaths.activeSet) ?? ActiveSet([])
        // Where power is stake alone, nobody asks what work is worth.
        let insights = parameters.powerRule == .contribution ? try judge(state, active, &context) : []
        try reward(insights, &state, parameters, &context)
        try distribute(&state, active, &context)
        try jailAbsent(active, state, parameters, &context)
        let members = try Election.hold(parameters, &context)
        _ = try Election.announce(members, parameters, &context)
        try Epochs.turn(&state, parameters, &context)
    }

    /// Makes the new tokens of the time since the epoch began, as far as the limit permits.
    private func issue(
        _ state: inout EpochState, _ parameters: StakingParameters, _ context: inout ModuleContext
    ) throws(Refusal) {
        let elapsed = context.block.timeMilliseconds - state.startMilliseconds
        let year = StakingParameters.yearDays * 86_400_000
        let due = try? parameters.issuancePerYear.multiplied(by: UInt128(elapsed), dividedBy: UInt128(year))
        let room = (try? parameters.issuanceLimit.subtracting(state.issued)) ?? .zero
        let amount = min(due ?? room, room)
        guard !amount.isZero, try TokensModule.issue(amount, to: StakingPaths.rewards, &context) else { return }
        state.issued = try state.issued.plus(amount)
        state.undistributed = try state.undistributed.plus(amount)
    }

    /// Gives those who appraise their part of what waits, by stake and insight.
    private func reward(
        _ insights: [(account: AccountID, share: UInt128)], _ state: inout EpochState,
        _ parameters: StakingParameters, _ context: inout ModuleContext
    ) throws(Refusal) {
        let whole = insights.reduce(UInt128(0)) { $0 + $1.share }
        guard whole > 0, !state.undistributed.isZero else { return }
        let part = try state.undistributed.share(
            UInt128(parameters.appraisalShare), of: UInt128(StakingParameters.millionths))
        for insight in insights {
            let earned = try part.share(insight.share, of: whole)
            guard !earned.isZero else { continue }
            try earn(earned, insight.account, &context)
            state.undistributed = try state.undistributed.minus(earned)
        }
    }

    /// Shares out what waits, by the weights with which the epoch began. Whoever is in jail gets nothing.
    private func distribute(
        _ state: inout EpochState, _ active: ActiveSet, _ context: inout ModuleContext
    ) throws(Refusal) {
        guard !state.undistributed.isZero else { return }
        var earning: [(member: ActiveSet.Member, validator: OpenValidator)] = []
        for member in active.members {
            let validator = try OpenValidator(member.operatorAccount, &context)
            if !validator.record.isJailed { earning.append((member, validator)) }
        }
        let whole = earning.reduce(UInt128(0)) { $0 + UInt128($1.member.weight) }
        guard whole > 0 else { return }
        let all = state.undistributed
        for index in earning.indices {
            let part = try all.share(UInt128(earning[index].member.weight), of: whole)
            guard !part.isZero else { continue }
            earning[index].validator.earn(part)
            state.undistributed = try state.undistributed.minus(part)
            try context.save(
                earning[index].validator.record, at: StakingPaths.validator(earning[index].validator.operatorAccount))
        }
    }

    /// Jails validators that have proposed nothing although many proposals were theirs by their power. Never a third
    /// of the power at once: then it is the chain that does not work, and not they.
    private func jailAbsent(
        _ active: ActiveSet, _ state: EpochState, _ parameters: StakingParameters, _ context: inout ModuleContext
    ) throws(Refusal) {
        guard parameters.absenceProposals > 0 else { return }
        let total = active.members.reduce(UInt64(0)) { $0 + $1.power }
        let blocks = context.block.height + 1 - state.firstHeight
        var jailed: UInt64 = 0
        for member in active.members where try isAbsent(member, of: total, blocks: blocks, parameters, &context) {
            var validator = try OpenValidator(member.operatorAccount, &context)
            guard 3 * (jailed + member.power) < total, !validator.record.isJailed else { continue }
            jailed += member.power
            let until = context.block.timeMilliseconds + parameters.jailMilliseconds
            validator.record.jailedUntil = max(1, until)
            try validator.save(parameters, &context)
            try StakingEvent.jailed.emit([member.operatorAccount], &context, items: 1) { $0.unsigned(until) }
        }
        for entry in try context.scan(prefix: StakingPaths.allProposals.bytes, limit: 2 * ValidatorSet.maximumCount) {
            try context.acting(as: StakingPaths.module) { (context) throws(Refusal) in try context.delete(entry.path) }
        }
    }

    private func isAbsent(
        _ member: ActiveSet.Member, of total: UInt64, blocks: UInt64, _ parameters: StakingParameters,
        _ context: inout ModuleContext
    ) throws(Refusal) -> Bool {
        let (share, least) = (UInt128(blocks) * UInt128(member.power), UInt128(parameters.absenceProposals))
        guard total > 0, share >= least * UInt128(total) else { return false }
        return try context.load(UInt64.self, at: StakingPaths.proposals(member.key)) == nil
    }
}
