import Federation
import Primitives
import Privacy

/// What a data owner's policy says of a job.
public enum SiteDecision: Hashable, Sendable {
    /// Take part in so many rounds at most: what the budget allows.
    case accept(rounds: UInt32)
    /// `detail` is for the owner's log and never leaves.
    case refuse(SiteReason, detail: String)
}

/// The owner's policy, asked before anything is computed.
public protocol SiteJudgement: Sendable {
    /// The digest of the policy file, recorded on the ledger with an acceptance.
    var digest: Digest { get }
    /// What all jobs together may cost the dataset.
    var limits: CostVector { get }
    func judge(
        _ terms: JobTerms, requester: AccountID?, dataset: DatasetRecord?, cost: CostVector, spent: CostVector
    ) throws -> SiteDecision
}
