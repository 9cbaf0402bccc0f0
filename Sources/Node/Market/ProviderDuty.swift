import Market
import Primitives

/// What the ledger waits for from a provider, read from a task's record.
public enum ProviderDuty: Hashable, Sendable {
    case wait
    /// Compute, and commit to the result.
    case commit
    case reveal
    /// Compute again what others have revealed, and say whether it is right.
    case judge
    /// Time has run out: anybody may say so.
    case advance

    /// - Parameter now: milliseconds since 1970, by the provider's own clock; the ledger checks it by its own.
    public static func next(_ record: TaskRecord, _ account: AccountID, now: UInt64) -> ProviderDuty {
        let own = record.replicas.first { $0.provider == account && $0.outcome == .open }
        let isInTime = now <= record.deadlineMilliseconds
        switch record.status {
        case .executing where isInTime && own.map { $0.commitment == nil } == true: return .commit
        case .revealing where isInTime && own.map { $0.commitment != nil && $0.result == nil } == true: return .reveal
        case .judging where record.verdicts.contains { $0.auditor == account && $0.outcomes.isEmpty }: return .judge
        case .done, .cancelled: return .wait
        case .matching, .executing, .revealing, .judging:
            // A second of grace, so that the ledger's clock has passed it too.
            return now > record.deadlineMilliseconds &+ 1_000 ? .advance : .wait
        }
    }
}
