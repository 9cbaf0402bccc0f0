import Ledger
import Primitives

/// What holders take home: stake that has finished unbonding, and rewards.
extension StakingModule {
    /// Pays out all entries of the sender that have matured, as many as one transaction takes.
    func withdraw(_ parameters: StakingParameters, _ context: inout ModuleContext) throws(Refusal) {
        let holder = context.sender
        let prefix = StakingPaths.withdrawals(of: holder)
        var sum = Amount.zero
        var count = 0
        // Entries that have not matured may stand before those that have.
        for entry in try context.list(Amount.self, below: prefix, limit: 16 * StakingModule.entriesPerCall) {
            guard count < StakingModule.entriesPerCall else { break }
            guard let validator = try? AccountID(bytes: entry.suffix.prefix(AccountID.byteCount)),
                let epoch = UInt64(bigEndianBytes: entry.suffix.dropFirst(AccountID.byteCount))
            else { throw Refusal(.stateCorrupt, "an entry of \(holder)") }
            guard try Epochs.hasMatured(epoch, parameters, &context) else { continue }
            let path = StakingPaths.bucket(validator, epoch: epoch)
            guard var bucket = try context.load(SharePool.self, at: path) else {
                throw Refusal(.stateCorrupt, "the bucket of epoch \(epoch) of \(validator)")
            }
            sum = try sum.plus(try bucket.remove(entry.value.baseUnits))
            if bucket.shares == 0 { try context.remove(at: path) } else { try context.save(bucket, at: path) }
            try context.remove(at: StakingPaths.withdrawal(holder, validator, epoch: epoch))
            count += 1
        }
        guard count > 0 else { throw StakingCode.nothingMatured.refusal("\(holder)") }
        try context.transfer(from: StakingPaths.stakes, to: holder, amount: sum)
        try StakingEvent.withdrawn.emit([holder], &context, items: 1) { $0.value(sum) }
    }

    /// Pays out what the sender's positions have earned, and the commission of its validator.
    func collect(_ context: inout ModuleContext) throws(Refusal) {
        let holder = context.sender
        var sum = Amount.zero
        let prefix = StakingPaths.positions(of: holder)
        for entry in try context.list(PositionRecord.self, below: prefix, limit: StakingModule.entriesPerCall) {
            guard let id = PositionID(holder.bytes + entry.suffix) else {
                throw Refusal(.stateCorrupt, "a position of \(holder)")
            }
            var validator = try OpenValidator(id.validator, &context)
            var position = entry.value
            let earned = validator.settle(&position)
            guard !earned.isZero else { continue }
            sum = try sum.plus(earned)
            try context.save(position, at: StakingPaths.position(id))
            try context.save(validator.record, at: StakingPaths.validator(id.validator))
        }
        if var own = try context.load(ValidatorRecord.self, at: StakingPaths.validator(holder)),
            !own.commissionOwed.isZero
        {
            sum = try sum.plus(own.commissionOwed)
            own.commissionOwed = .zero
            try context.save(own, at: StakingPaths.validator(holder))
        }
        guard !sum.isZero else { throw StakingCode.nothingToCollect.refusal("\(holder)") }
        try pay(sum, to: holder, &context)
    }

    /// Ends the bonuses of lock-ups that are over.
    func endBonuses(_ context: inout ModuleContext) throws(Refusal) {
        let prefix = StakingPaths.bonusEnds
        for entry in try context.scan(prefix: prefix.bytes, limit: StakingModule.bonusEndsPerBlock) {
            let name = Array(entry.path.dropFirst(prefix.bytes.count))
            guard let end = UInt64(bigEndianBytes: name.prefix(8)), let id = PositionID(Array(name.dropFirst(8))),
                var position = try context.load(PositionRecord.self, at: StakingPaths.position(id))
            else { throw Refusal(.stateCorrupt, "the end of a bonus") }
            guard end <= context.block.timeMilliseconds else { return }
            var validator = try OpenValidator(id.validator, &context)
            let earned = validator.settle(&position)
            try validator.change(
                &position, of: id.holder, shares: position.shares, weightTenths: LockTerm.plainWeightTenths)
            try context.save(position, at: StakingPaths.position(id))
            try context.save(validator.record, at: StakingPaths.validator(id.validator))
            try context.remove(at: StakingPaths.bonusEnd(end, id))
            try pay(earned, to: id.holder, &context)
        }
    }
}
