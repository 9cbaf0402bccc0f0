import Federation
import Primitives
import Privacy

/// What the ledger waits for from a member of a job, found from the state alone, so that a restart at any instant goes
/// on where it was.
public enum MemberDuty: Hashable, Sendable {
    /// Nothing now; wait for the next block.
    case wait
    /// Accept or refuse the invitation.
    case answer
    /// Train, protect, store and commit the round's update, or refuse the round.
    case commit(round: UInt32, model: CID)
    /// Upload the update and open the commitment.
    case reveal(round: UInt32)
    /// The job is over for this member.
    case done

    /// - Parameter account: the member.
    public static func next(_ job: JobReader, _ account: AccountID) async throws -> MemberDuty {
        guard let record = try await job.record(), let member = try await job.member(account) else { return .done }
        if record.status.hasEnded { return .done }
        switch member.status {
        case .invited: return record.status == .inviting ? .answer : .done
        case .refused, .withdrawn, .removed, .slashed: return .done
        case .active: break
        }
        guard record.status == .running, let round = try await job.round(record.round),
            round.participants.contains(member.index)
        else { return .wait }
        let submission = try await job.submission(record.round, account)
        switch (round.phase, submission?.state) {
        case (.commit, nil): return .commit(round: record.round, model: round.modelBefore)
        case (.reveal, .committed?): return .reveal(round: record.round)
        default: return .wait
        }
    }
}
