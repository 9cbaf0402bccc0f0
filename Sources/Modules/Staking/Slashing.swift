import Ledger
import Primitives
import Tokens

/// What proven contradictions cost. Only two signed votes slash; silence, which nobody can prove, does not.
extension StakingModule {
    /// Entries of one validator that a slash goes through: one an epoch, and no more epochs than are kept.
    private static let bucketLimit = 1 << 16

    func report(
        _ evidence: Evidence, _ parameters: StakingParameters, _ context: inout ModuleContext
    ) throws(Refusal) {
        try context.charge(units: 2 * context.parameters.fees.unitsPerSignature)
        guard evidence.first.chain == context.chain, evidence.isProven, let offence = evidence.offence else {
            throw StakingCode.evidenceUnproven.refusal("the votes do not contradict each other, or are not signed")
        }
        let height = evidence.first.height
        guard height <= context.block.height else {
            throw StakingCode.evidenceTooEarly.refusal("height \(height) at \(context.block.height)")
        }
        guard let account = try context.load(AccountID.self, at: StakingPaths.key(evidence.offender)) else {
            throw StakingCode.validatorUnknown.refusal("\(evidence.offender) is no validator's key")
        }
        guard let epoch = try Epochs.backing(height: height, parameters, &context) else {
            throw StakingCode.evidenceTooOld.refusal("height \(height)")
        }
        var validator = try OpenValidator(account, &context)
        guard !validator.record.isBarred else { throw StakingCode.alreadyPunished.refusal("\(account)") }
        let share = offence == .equivocation ? parameters.equivocationSlash : parameters.amnesiaSlash
        var cut = try validator.record.bonded.slash(share)
        cut = try cut.plus(try slashBuckets(of: account, since: epoch, share, &context))
        validator.record.jailedUntil = ValidatorRecord.barred
        try validator.save(parameters, &context)
        let reward = try cut.share(UInt128(parameters.reporterShare), of: UInt128(StakingParameters.millionths))
        try context.transfer(from: StakingPaths.stakes, to: context.sender, amount: reward)
        try TokensModule.destroy(try cut.minus(reward), from: StakingPaths.stakes, &context)
        try StakingEvent.slashed.emit([account, context.sender], &context, items: 4) { encoder in
            encoder.text(offence.rawValue)
            encoder.unsigned(height)
            encoder.value(cut)
            encoder.value(reward)
        }
    }

    /// Slashes what left the validator in an epoch or later, and so backed its votes.
    private func slashBuckets(
        of account: AccountID, since epoch: UInt64, _ share: UInt64, _ context: inout ModuleContext
    ) throws(Refusal) -> Amount {
        let prefix = StakingPaths.buckets(of: account).bytes
        var sum = Amount.zero
        // Newest first.
        for entry in try context.scan(prefix: prefix, limit: StakingModule.bucketLimit) {
            guard let inverted = UInt64(bigEndianBytes: entry.path.dropFirst(prefix.count)),
                var bucket = try? SharePool.decode(entry.value)
            else { throw Refusal(.stateCorrupt, "a bucket of \(account)") }
            guard UInt64.max - inverted >= epoch else { break }
            sum = try sum.plus(try bucket.slash(share))
            try context.save(bucket, at: StakingPaths.bucket(account, epoch: UInt64.max - inverted))
        }
        return sum
    }
}
