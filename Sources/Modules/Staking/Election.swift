import Ledger
import Primitives
import Reputation

/// Who validates in the next epoch: the largest of those who may, and their power.
enum Election {
    static func hold(
        _ parameters: StakingParameters, _ context: inout ModuleContext
    ) throws(Refusal) -> [ActiveSet.Member] {
        let seats = Int(clamping: min(context.parameters.validatorLimit, UInt64(ValidatorSet.maximumCount)))
        let prefix = StakingPaths.ranks.bytes
        var standing: [(account: AccountID, key: PublicKey)] = []
        var candidates: [PowerTable.Candidate] = []
        for entry in try context.scan(prefix: prefix, limit: seats) {
            let name = entry.path.dropFirst(prefix.count)
            guard let inverted = UInt64(bigEndianBytes: name.prefix(8)),
                let account = try? AccountID(bytes: name.dropFirst(8)), let key = try? PublicKey.decode(entry.value)
            else { throw Refusal(.stateCorrupt, "a place among the validators") }
            standing.append((account, key))
            let score = parameters.powerRule == .contribution ? try score(of: account, &context) : 0
            candidates.append(PowerTable.Candidate(tokens: UInt64.max - inverted, score: score))
        }
        let table = PowerTable(candidates)
        return standing.indices.map { index in
            ActiveSet.Member(
                operatorAccount: standing[index].account, key: standing[index].key, power: table.powers[index],
                weight: table.weights[index])
        }
    }

    /// What the Reputation module knows of an operator's work, the best of what it did as a site, auditor, aggregator
    /// or provider, faded to now; and no more than stake stands for, since whoever orders work from itself has a record
    /// too. Whoever is barred from any of them has no score.
    static func score(of account: AccountID, _ context: inout ModuleContext) throws(Refusal) -> UInt64 {
        var scores: [Int64] = []
        for domain in StakingModule.workDomains { scores.append(try Scores.score(account, domain, &context)) }
        let work = StakingModule.work(scores)
        guard work > 0 else { return 0 }
        let standing = try context.load(Standing.self, at: StakingPaths.standing(account))?.score ?? 0
        return min(work, standing)
    }

    /// Tells the ledger who certifies from the second block on. Where nobody stands the set stays as it is: a chain
    /// without validators would end.
    ///
    /// - Returns: whether there is a set.
    static func announce(
        _ members: [ActiveSet.Member], _ parameters: StakingParameters, _ context: inout ModuleContext
    ) throws(Refusal) -> Bool {
        guard let set = parameters.set(members.map { .init(key: $0.key, power: $0.power) }) else { return false }
        try context.save(ActiveSet(members), at: StakingPaths.activeSet)
        guard try context.validatorSchedule()?.validators != set else { return true }
        let schedule = try context.scheduleValidators(set)
        let digest = set.digest
        try StakingEvent.validatorsChanged.emit(members.map(\.operatorAccount), &context, items: 3) { encoder in
            encoder.unsigned(schedule.height)
            encoder.digest(digest)
            encoder.unsigned(UInt64(members.count))
        }
        return true
    }
}
