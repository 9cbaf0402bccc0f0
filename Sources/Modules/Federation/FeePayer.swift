import Ledger
import Primitives

/// Sites need no tokens: a job's escrow may pay for the transactions of its parties.
public enum EscrowFees {
    /// Whether the escrow of a job pays up to `fee` for a transaction of `sender`: only while the job has not ended,
    /// only for the job's members, aggregator and drawn auditors, only out of what is not kept for pay, and of that no
    /// more than one party's share. Nobody keeps the others from their work by using up what is there for all.
    static func authorise(
        _ id: Digest, sender: AccountID, fee: Amount, _ context: inout ModuleContext
    ) throws(Refusal) {
        let job = try OpenJob(id, &context)
        guard !job.record.status.hasEnded else { throw FederationCode.feeNotCovered.refusal("the job has ended") }
        guard try job.isParty(sender, &context) else {
            throw FederationCode.feeNotCovered.refusal("\(sender) has no part in job \(id)")
        }
        let (balance, fund) = (try context.balance(of: job.escrow), job.record.payFund)
        let needed = try exact { () throws(AmountError) in try fund.adding(fee) }
        guard balance >= needed else {
            throw FederationCode.feeNotCovered.refusal("the fee allowance is used up")
        }
        let (ofAll, own) = (try paid(id, &context), try paid(id, by: sender, &context))
        let allowance = try exact { () throws(AmountError) in try balance.subtracting(fund).adding(ofAll) }
        let share = Amount(baseUnits: allowance.baseUnits / UInt128(job.partyCount))
        let used = try exact { () throws(AmountError) in try own.adding(fee) }
        guard used <= share else {
            throw FederationCode.feeNotCovered.refusal(
                "the share of \(sender) in the fee allowance, \(share), is used up")
        }
    }

    /// Counts what the escrow has paid for a transaction of `sender`.
    static func note(_ fee: Amount, _ job: Digest, of sender: AccountID, _ context: inout ModuleContext) throws(Refusal)
    {
        let (ofAll, own) = (try paid(job, &context), try paid(job, by: sender, &context))
        try context.save(
            try exact { () throws(AmountError) in try ofAll.adding(fee) }, at: FederationPaths.feesPaid(job))
        try context.save(
            try exact { () throws(AmountError) in try own.adding(fee) }, at: FederationPaths.feesPaid(job, sender))
    }

    private static func paid(
        _ job: Digest, by sender: AccountID? = nil, _ context: inout ModuleContext
    ) throws(Refusal) -> Amount {
        let path = sender.map { FederationPaths.feesPaid(job, $0) } ?? FederationPaths.feesPaid(job)
        return try context.load(Amount.self, at: path) ?? .zero
    }
}

extension OpenJob {
    /// Who may have the escrow pay, at a time.
    fileprivate var partyCount: UInt32 { UInt32(terms.members.count) + terms.auditorsPerRound + 1 }

    fileprivate func isParty(_ account: AccountID, _ context: inout ModuleContext) throws(Refusal) -> Bool {
        if account == record.aggregator || round?.auditors.contains(account) == true { return true }
        guard terms.index(of: account) != nil else { return false }
        let status = try member(account, &context).status
        return status == .invited || status == .active
    }
}
