import Ledger
import Market
import Primitives

/// What a requester asks of the market, in the ledger's terms.
public enum MarketRequest {
    /// Terms of a task that small machines can do.
    ///
    /// - Parameters:
    ///   - price: the most that a replica costs.
    ///   - deadline: for each phase; the whole takes at most four of them.
    ///   - answer: of a benchmark, as `TaskCommitment.answer` commits to it.
    public static func terms(
        program: Digest, input: CID, kind: TaskKind, price: Amount, replicas: UInt32, auditors: UInt32,
        auditorFee: Amount, deadline: Duration, memoryMebibytes: UInt32 = 512, answer: Digest? = nil
    ) -> TaskTerms {
        let milliseconds = UInt64(clamping: Int64(deadline / .milliseconds(1)))
        return TaskTerms(
            program: program, input: input, kind: kind,
            hardware: Hardware(cores: 1, memoryMebibytes: memoryMebibytes), units: 1, highestPricePerUnit: price,
            replicas: replicas, auditors: auditors, auditorFee: auditorFee, matchMilliseconds: milliseconds,
            executeMilliseconds: milliseconds, revealMilliseconds: milliseconds, auditMilliseconds: milliseconds,
            answer: answer)
    }
}
