import Ledger
import Primitives

/// Becoming a validator, its commission, and coming back from jail.
extension StakingModule {
    func register(
        _ body: RegisterBody, _ parameters: StakingParameters, _ context: inout ModuleContext
    ) throws(Refusal) {
        // As much work as checking one more signature of the transaction.
        try context.charge(units: context.parameters.fees.unitsPerSignature)
        let message = RegisterBody.message(chain: context.chain, operatorAccount: context.sender)
        guard body.key.isValid(body.proof, for: message) else {
            throw StakingCode.keyUnproven.refusal("\(body.key) has not signed that it is \(context.sender)'s")
        }
        try add(
            Founder(
                operatorAccount: context.sender, key: body.key, commission: body.commission,
                maximumCommission: body.maximumCommission, stake: body.stake, term: body.term), parameters, &context)
    }

    /// A validator of the genesis: everybody who accepts the genesis has accepted its key.
    func found(_ founder: Founder, _ parameters: StakingParameters, _ context: inout ModuleContext) throws(Refusal) {
        try add(founder, parameters, &context)
    }

    private func add(
        _ founder: Founder, _ parameters: StakingParameters, _ context: inout ModuleContext
    ) throws(Refusal) {
        let account = founder.operatorAccount
        guard try context.load(ValidatorRecord.self, at: StakingPaths.validator(account)) == nil else {
            throw StakingCode.alreadyRegistered.refusal("\(account)")
        }
        guard try context.load(AccountID.self, at: StakingPaths.key(founder.key)) == nil else {
            throw StakingCode.keyTaken.refusal("\(founder.key)")
        }
        guard founder.maximumCommission <= StakingParameters.millionths else {
            throw StakingCode.invalidField.refusal("a commission above 1,000,000 millionths")
        }
        guard founder.commission <= founder.maximumCommission else {
            throw StakingCode.commissionTooHigh.refusal("\(founder.commission) of \(founder.maximumCommission)")
        }
        guard parameters.level(of: founder.stake) > .none else {
            throw StakingCode.amountTooSmall.refusal("\(founder.stake) reaches no level")
        }
        let record = ValidatorRecord(
            key: founder.key, commission: founder.commission, maximumCommission: founder.maximumCommission)
        var validator = OpenValidator(account, record)
        try context.save(account, at: StakingPaths.key(founder.key))
        try StakingEvent.registered.emit([account], &context, items: 3) { encoder in
            encoder.value(founder.key)
            encoder.unsigned(founder.commission)
            encoder.unsigned(founder.maximumCommission)
        }
        try bond(founder.stake, founder.term, of: account, with: &validator, parameters, &context)
        try validator.save(parameters, &context)
    }

    func setCommission(_ body: CommissionBody, _ context: inout ModuleContext) throws(Refusal) {
        var validator = try OpenValidator(context.sender, &context)
        guard body.commission <= validator.record.maximumCommission else {
            throw StakingCode.commissionTooHigh.refusal("\(body.commission) of \(validator.record.maximumCommission)")
        }
        validator.record.commission = body.commission
        try context.save(validator.record, at: StakingPaths.validator(context.sender))
        try StakingEvent.commissionSet.emit([context.sender], &context, items: 1) { $0.unsigned(body.commission) }
    }

    func unjail(_ parameters: StakingParameters, _ context: inout ModuleContext) throws(Refusal) {
        var validator = try OpenValidator(context.sender, &context)
        guard validator.record.isJailed else { throw StakingCode.notJailed.refusal("\(context.sender)") }
        guard !validator.record.isBarred else { throw StakingCode.validatorBarred.refusal("\(context.sender)") }
        guard context.block.timeMilliseconds >= validator.record.jailedUntil else {
            throw StakingCode.jailed.refusal("until \(validator.record.jailedUntil)")
        }
        validator.record.jailedUntil = 0
        try validator.save(parameters, &context)
        try StakingEvent.unjailed.emit([context.sender], &context)
    }
}
