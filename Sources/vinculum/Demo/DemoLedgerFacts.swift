import Federation
import Ledger
import Node
import Primitives
import Privacy

/// What the ledger says of a finished job, read once; reports and checks are made from it.
struct DemoLedgerFacts: Sendable {
    /// One site's records.
    struct Site: Sendable {
        var account: AccountID
        var member: MemberRecord
        var dataset: DatasetRecord?
        var reservation: ReservationRecord?
        /// Costs of single updates.
        var spends: [SpendRecord]
        /// By round.
        var submissions: [UInt32: SubmissionRecord]
        /// Bytes of evidence that it stored as an auditor.
        var evidenceBytes: Int
    }

    var job: Digest
    var terms: JobTerms
    var record: JobRecord
    var sites: [Site]
    var lineage: LineageRecord?
    var scan: TransactionScan
    var status: NodeStatus

    var escrow: AccountID { JobRecord.escrow(of: job) }

    static func read(_ ledger: DemoLedger, job: Digest, accounts: [AccountID]) async throws -> DemoLedgerFacts {
        let terms = try await ledger.needed(JobTerms.self, at: FederationPaths.terms(job))
        let record = try await ledger.needed(JobRecord.self, at: FederationPaths.job(job))
        // Both lie below `folder/` job and continue with the round (4 bytes) and the account.
        let submissions = try await ledger.records(
            SubmissionRecord.self, below: RecordPath(FederationPaths.module, "s", [job.bytes]))
        let verdicts = try await ledger.records(
            VerdictRecord.self, below: RecordPath(FederationPaths.module, "v", [job.bytes]))
        var sites: [Site] = []
        for account in accounts {
            var site = Site(
                account: account,
                member: try await ledger.needed(MemberRecord.self, at: FederationPaths.member(job, account)),
                dataset: nil, reservation: nil, spends: [], submissions: [:], evidenceBytes: 0)
            for (suffix, submission) in submissions where suffix.dropFirst(4).elementsEqual(account.bytes) {
                site.submissions[number(suffix)] = submission
            }
            if let dataset = site.member.dataset {
                site.dataset = try await ledger.record(DatasetRecord.self, at: PrivacyPaths.dataset(dataset))
                site.reservation = try await ledger.record(
                    ReservationRecord.self, at: PrivacyPaths.reservation(dataset: dataset, job: job))
                site.spends = try await ledger.records(
                    SpendRecord.self, below: RecordPath(PrivacyPaths.module, "s", [dataset.bytes, job.bytes])
                ).map(\.record)
            }
            let evidence = Set(
                verdicts.filter { $0.suffix.dropFirst(4).elementsEqual(account.bytes) }
                    .flatMap { $0.record.outcomes.compactMap(\.evidence) })
            for id in evidence.sorted() {
                let size = try await ledger.asking { try await ledger.service.objectSize(id) }
                site.evidenceBytes += Int(size ?? 0)
            }
            sites.append(site)
        }
        var lineage: LineageRecord?
        for round in (1...terms.rounds).reversed() where lineage == nil {
            lineage = try await ledger.record(LineageRecord.self, at: FederationPaths.lineage(job, round))
        }
        var scan = TransactionScan()
        try await scan.advance(ledger, job: job)
        return DemoLedgerFacts(
            job: job, terms: terms, record: record, sites: sites, lineage: lineage, scan: scan,
            status: try await ledger.asking { try await ledger.service.status() })
    }

    private static func number(_ suffix: [UInt8]) -> UInt32 { suffix.prefix(4).reduce(0) { $0 << 8 | UInt32($1) } }
}

extension DemoLedgerFacts.Site {
    var committed: Int { submissions.values.count { $0.commitment != nil } }
    var accepted: Int { submissions.values.count { $0.outcome == .accepted } }
    /// Updates that were judged bad, or were proven to be.
    var flagged: Int { submissions.values.count { Self.flag($0) != nil } }
    var refused: Int { submissions.values.count { $0.state == .refused } }
    var updateBytes: Int { submissions.values.filter { $0.update != nil }.reduce(0) { $0 + Int(clamping: $1.size) } }

    /// The fault that a submission shows, in the words of the truth where they are the same.
    static func flag(_ submission: SubmissionRecord) -> String? {
        switch (submission.state, submission.outcome) {
        case (.replayed, _), (_, .provenReplay?): "replay"
        case (.falselyOpened, _), (.equivocated, _): "false opening"
        case (_, .suspectedNoise?): "noise"
        case (_, .lowScore?): "low score"
        case (_, .malformed?): "malformed"
        default: nil
        }
    }

    /// What the ledger concluded of the site: slashed for a proven fault, or most of its judged updates rejected.
    var verdict: String {
        let flags = submissions.values.compactMap(Self.flag)
        if member.status == .slashed { return flags.first { $0 == "replay" } ?? "fault" }
        guard flags.count * 2 > accepted + flags.count else { return "honest" }
        let counts = Dictionary(grouping: flags, by: { $0 }).mapValues(\.count)
        return counts.max { ($0.value, $0.key) < ($1.value, $1.key) }?.key ?? "honest"
    }
}
