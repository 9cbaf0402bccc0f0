import Ledger
import Primitives

/// Stake of holders with validators: bonding, promising anew, leaving.
extension StakingModule {
    func delegate(
        _ body: DelegateBody, _ parameters: StakingParameters, _ context: inout ModuleContext
    ) throws(Refusal) {
        guard body.amount >= parameters.leastDelegation else {
            throw StakingCode.amountTooSmall.refusal("\(body.amount); the least is \(parameters.leastDelegation)")
        }
        var validator = try OpenValidator(body.validator, &context)
        guard !validator.record.isBarred else { throw StakingCode.validatorBarred.refusal("\(body.validator)") }
        try bond(body.amount, body.term, of: context.sender, with: &validator, parameters, &context)
        try validator.save(parameters, &context)
    }

    /// Moves tokens of the holder into the stake of a validator that the caller saves.
    func bond(
        _ amount: Amount, _ term: LockTerm, of holder: AccountID, with validator: inout OpenValidator,
        _ parameters: StakingParameters, _ context: inout ModuleContext
    ) throws(Refusal) {
        let id = PositionID(holder: holder, validator: validator.operatorAccount, term: term)
        try context.transfer(from: holder, to: StakingPaths.stakes, amount: amount)
        var position = try context.load(PositionRecord.self, at: StakingPaths.position(id)) ?? PositionRecord()
        let earned = validator.settle(&position)
        let shares = try validator.record.bonded.add(amount)
        guard PowerTable.tokens(validator.record.bonded.stake) < PowerTable.tokenLimit else {
            throw StakingCode.stakeTooLarge.refusal("\(validator.record.bonded.stake)")
        }
        try validator.change(
            &position, of: holder, shares: position.shares + shares, weightTenths: position.weightTenths)
        try lock(&position, id, for: term, with: &validator, parameters, &context)
        try context.save(position, at: StakingPaths.position(id))
        try pay(earned, to: holder, &context)
        let end = position.lockedUntil
        try StakingEvent.delegated.emit([holder, validator.operatorAccount], &context, items: 3) { encoder in
            encoder.value(amount)
            encoder.unsigned(term.rawValue)
            encoder.unsigned(end)
        }
    }

    /// Begins the lock-up of a settled position anew, with its bonus.
    private func lock(
        _ position: inout PositionRecord, _ id: PositionID, for term: LockTerm, with validator: inout OpenValidator,
        _ parameters: StakingParameters, _ context: inout ModuleContext
    ) throws(Refusal) {
        try forgetBonus(position, id, &context)
        position.lockedUntil = context.block.timeMilliseconds + parameters.lockMilliseconds(term)
        try validator.change(&position, of: id.holder, shares: position.shares, weightTenths: term.weightTenths)
        guard term.weightTenths > LockTerm.plainWeightTenths else { return }
        try context.save(true, at: StakingPaths.bonusEnd(position.lockedUntil, id))
    }

    private func forgetBonus(
        _ position: PositionRecord, _ id: PositionID, _ context: inout ModuleContext
    ) throws(Refusal) {
        guard position.weightTenths > LockTerm.plainWeightTenths else { return }
        try context.remove(at: StakingPaths.bonusEnd(position.lockedUntil, id))
    }

    func relock(
        _ body: RelockBody, _ parameters: StakingParameters, _ context: inout ModuleContext
    ) throws(Refusal) {
        let holder = context.sender
        guard body.to >= body.from else { throw StakingCode.invalidField.refusal("a shorter term than before") }
        var validator = try OpenValidator(body.validator, &context)
        guard !validator.record.isBarred else { throw StakingCode.validatorBarred.refusal("\(body.validator)") }
        let from = PositionID(holder: holder, validator: body.validator, term: body.from)
        let to = PositionID(holder: holder, validator: body.validator, term: body.to)
        guard var old = try context.load(PositionRecord.self, at: StakingPaths.position(from)) else {
            throw StakingCode.positionUnknown.refusal("\(holder) with \(body.validator)")
        }
        var earned = validator.settle(&old)
        var position = old
        if from != to {
            let shares = old.shares
            try forgetBonus(old, from, &context)
            try validator.change(&old, of: holder, shares: 0, weightTenths: LockTerm.plainWeightTenths)
            try context.remove(at: StakingPaths.position(from))
            position = try context.load(PositionRecord.self, at: StakingPaths.position(to)) ?? PositionRecord()
            earned = try earned.plus(validator.settle(&position))
            try validator.change(
                &position, of: holder, shares: position.shares + shares, weightTenths: position.weightTenths)
        }
        try lock(&position, to, for: body.to, with: &validator, parameters, &context)
        try context.save(position, at: StakingPaths.position(to))
        try validator.save(parameters, &context)
        try pay(earned, to: holder, &context)
        let end = position.lockedUntil
        try StakingEvent.relocked.emit([holder, body.validator], &context, items: 3) { encoder in
            encoder.unsigned(body.from.rawValue)
            encoder.unsigned(body.to.rawValue)
            encoder.unsigned(end)
        }
    }

    func unbond(
        _ body: UnbondBody, _ parameters: StakingParameters, _ context: inout ModuleContext
    ) throws(Refusal) {
        let holder = context.sender
        let id = PositionID(holder: holder, validator: body.validator, term: body.term)
        var validator = try OpenValidator(body.validator, &context)
        guard var position = try context.load(PositionRecord.self, at: StakingPaths.position(id)) else {
            throw StakingCode.positionUnknown.refusal("\(holder) with \(body.validator)")
        }
        // Nobody is bound to a validator that will never validate again.
        guard validator.record.isBarred || context.block.timeMilliseconds >= position.lockedUntil else {
            throw StakingCode.locked.refusal("until \(position.lockedUntil)")
        }
        let shares = try leaving(body.amount, position, validator.record.bonded, parameters)
        let earned = validator.settle(&position)
        let rest = position.shares - shares
        if rest == 0 { try forgetBonus(position, id, &context) }
        try validator.change(&position, of: holder, shares: rest, weightTenths: position.weightTenths)
        let amount = try validator.record.bonded.remove(shares)
        if rest == 0 {
            try context.remove(at: StakingPaths.position(id))
        } else {
            try context.save(position, at: StakingPaths.position(id))
        }
        try validator.save(parameters, &context)
        let epoch = try putAside(amount, of: holder, from: body.validator, &context)
        try pay(earned, to: holder, &context)
        try StakingEvent.unbonding.emit([holder, body.validator], &context, items: 2) { encoder in
            encoder.value(amount)
            encoder.unsigned(epoch)
        }
    }

    /// The shares that leave; all of them where no amount is named.
    private func leaving(
        _ amount: Amount?, _ position: PositionRecord, _ bonded: SharePool, _ parameters: StakingParameters
    ) throws(Refusal) -> UInt128 {
        guard let amount else { return position.shares }
        guard !amount.isZero else { throw StakingCode.amountTooSmall.refusal("an amount above zero is needed") }
        let shares = bonded.shares(worth: amount)
        guard shares < position.shares else {
            guard amount <= bonded.value(of: position.shares) else {
                throw Refusal(.insufficientBalance, "\(bonded.value(of: position.shares)) is bonded")
            }
            return position.shares
        }
        guard bonded.value(of: position.shares - shares) >= parameters.leastDelegation else {
            throw StakingCode.amountTooSmall.refusal(
                "less than \(parameters.leastDelegation) would stay; unbond all, or less")
        }
        return shares
    }

    /// Puts what has left a validator into the bucket of the epoch, where slashes still reach it.
    private func putAside(
        _ amount: Amount, of holder: AccountID, from operatorAccount: AccountID, _ context: inout ModuleContext
    ) throws(Refusal) -> UInt64 {
        guard let state = try context.load(EpochState.self, at: StakingPaths.epochState) else {
            throw Refusal(.stateCorrupt, "there is no epoch")
        }
        let epoch = state.firstHeight
        // A position that was slashed to nothing.
        guard !amount.isZero else { return epoch }
        let path = StakingPaths.bucket(operatorAccount, epoch: epoch)
        var bucket = try context.load(SharePool.self, at: path) ?? SharePool()
        let shares = try bucket.add(amount)
        try context.save(bucket, at: path)
        let own = StakingPaths.withdrawal(holder, operatorAccount, epoch: epoch)
        let before = try context.load(Amount.self, at: own) ?? .zero
        try context.save(try before.plus(Amount(baseUnits: shares)), at: own)
        return epoch
    }

    /// Pays rewards out of the module's account.
    func pay(_ amount: Amount, to holder: AccountID, _ context: inout ModuleContext) throws(Refusal) {
        guard !amount.isZero else { return }
        try context.transfer(from: StakingPaths.rewards, to: holder, amount: amount)
        try StakingEvent.rewarded.emit([holder], &context, items: 1) { $0.value(amount) }
    }
}
