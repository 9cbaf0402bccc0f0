import Ledger
import Primitives

/// Sites need no tokens: a job's escrow may pay for the transactions of its parties.
public enum EscrowFees {
    /// Whether the escrow account `payer` pays `fee` for a transaction of `sender`: only while the job has not
    /// ended, only for the job's members, aggregator and drawn auditors, and only out of what is not kept for pay.
    public static func authorise(
        payer: AccountID, sender: AccountID, fee: Amount, _ context: inout ModuleContext
    ) throws(Refusal) {
        guard let id = try context.load(Digest.self, at: FederationPaths.escrow(payer)) else {
            throw FederationCode.feeNotCovered.refusal("\(payer) is not the escrow of a job")
        }
        let job = try OpenJob(id, &context)
        guard !job.record.status.hasEnded else { throw FederationCode.feeNotCovered.refusal("the job has ended") }
        guard try job.isParty(sender, &context) else {
            throw FederationCode.feeNotCovered.refusal("\(sender) has no part in job \(id)")
        }
        let (balance, fund) = (try context.balance(of: payer), job.record.payFund)
        let needed = try exact { () throws(AmountError) in try fund.adding(fee) }
        guard balance >= needed else {
            throw FederationCode.feeNotCovered.refusal("the fee allowance is used up")
        }
    }
}

extension OpenJob {
    fileprivate func isParty(_ account: AccountID, _ context: inout ModuleContext) throws(Refusal) -> Bool {
        if account == record.aggregator || round?.auditors.contains(account) == true { return true }
        guard terms.index(of: account) != nil else { return false }
        let status = try member(account, &context).status
        return status == .invited || status == .active
    }
}
