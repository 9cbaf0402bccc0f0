import Federation
import Primitives

/// What the ledger waits for from a job's aggregator.
public enum AggregatorDuty: Hashable, Sendable {
    case wait
    /// All have answered, or the time to answer is over, and there are enough members.
    case start
    /// Aggregate what was accepted and propose the next model.
    case propose(round: UInt32)
    /// A deadline has passed, too few members have accepted, or a draw waits for a block to take its beacon from.
    case advance
    case done

    /// How long after the deadline a model is still proposed, in milliseconds.
    static let proposalGrace: UInt64 = 5_000

    /// - Parameter nowMilliseconds: the wall clock. The chain's own time stands still while nothing happens, and a
    ///   deadline that has passed is just such a time.
    public static func next(
        _ job: JobReader, _ account: AccountID, nowMilliseconds now: UInt64
    ) async throws -> AggregatorDuty {
        guard let record = try await job.record(), !record.status.hasEnded else { return .done }
        guard record.aggregator == account else { return .wait }
        if record.status == .inviting {
            guard record.answered == record.invited || now > record.acceptDeadlineMilliseconds else { return .wait }
            // With too few members the job cannot start, and is ended.
            return record.active >= job.terms.minimumMembers ? .start : .advance
        }
        guard let round = try await job.round(record.round) else { return .wait }
        // A proposal is taken late too, until somebody says that the time is over: that is said of itself when
        // proposing has not worked for so long.
        if round.phase == .propose, now <= round.deadlineMilliseconds &+ Self.proposalGrace {
            return .propose(round: record.round)
        }
        if round.auditorsToDraw > 0 || now > round.deadlineMilliseconds { return .advance }
        return .wait
    }
}
