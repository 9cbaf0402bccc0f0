import Federation
import Primitives

/// What the ledger waits for from an auditor.
public enum AuditorDuty: Hashable, Sendable {
    case wait
    case judge(round: UInt32)
    case confirm(round: UInt32)

    public static func next(_ job: JobReader, _ account: AccountID) async throws -> AuditorDuty {
        guard let record = try await job.record(), record.status == .running,
            let round = try await job.round(record.round), round.auditors.contains(account)
        else { return .wait }
        switch round.phase {
        case .audit:
            return try await job.verdict(record.round, account) == nil ? .judge(round: record.round) : .wait
        case .confirm:
            let answered = round.confirmedBy.contains(account) || round.rejectedBy.contains(account)
            return answered ? .wait : .confirm(round: record.round)
        case .commit, .reveal, .propose, .settled:
            return .wait
        }
    }
}
