import Ledger
import Primitives

/// What a client shows of a job, from the values of two leaves: `FederationPaths.job` and `.terms`.
public struct JobView: Hashable, Sendable {
    public let job: Digest
    public let record: JobRecord
    public let terms: JobTerms

    /// From the bytes of both leaves, proven or not.
    public init(job: Digest, record: [UInt8], terms: [UInt8]) throws(CBORError) {
        self.job = job
        self.record = try JobRecord.decode(record)
        self.terms = try JobTerms.decode(terms)
    }

    public var escrow: AccountID { JobRecord.escrow(of: job) }
    public var roundPath: [UInt8] { FederationPaths.round(job, record.round).bytes }

    public func memberPath(_ account: AccountID) -> [UInt8] { FederationPaths.member(job, account).bytes }
}

/// What a client shows of a round, from the value of `FederationPaths.round`.
public struct RoundView: Hashable, Sendable {
    public let job: Digest
    public let number: UInt32
    public let record: RoundRecord

    public init(job: Digest, number: UInt32, record: [UInt8]) throws(CBORError) {
        self.job = job
        self.number = number
        self.record = try RoundRecord.decode(record)
    }

    public func submissionPath(_ account: AccountID) -> [UInt8] {
        FederationPaths.submission(job, number, account).bytes
    }

    public func verdictPath(_ auditor: AccountID) -> [UInt8] { FederationPaths.verdict(job, number, auditor).bytes }
    public var lineagePath: [UInt8] { FederationPaths.lineage(job, number).bytes }

    /// Auditors who may act now and have not: they judge in the audit phase and confirm in the confirm phase.
    public func isDrawn(_ account: AccountID) -> Bool { record.auditors.contains(account) }
}

/// What a member has to know of itself, from the values of `FederationPaths.member` and, if there is one,
/// `.submission`.
public struct MemberView: Hashable, Sendable {
    public let record: MemberRecord
    public let submission: SubmissionRecord?

    public init(record: [UInt8], submission: [UInt8]?) throws(CBORError) {
        self.record = try MemberRecord.decode(record)
        if let submission { self.submission = try SubmissionRecord.decode(submission) } else { self.submission = nil }
    }
}
