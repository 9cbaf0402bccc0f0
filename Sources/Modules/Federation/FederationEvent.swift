import Ledger
import Primitives

/// Kinds of events of the Federation module. Every payload is a CBOR array that starts with the job, and names
/// members by their
/// index in the terms; the accounts of an event are those who may have to act or are concerned, so that a party can
/// drive
/// itself by following its own account.
public enum FederationEvent: String, CaseIterable, Sendable {
    /// [job, escrow]; accounts: requester, aggregator, members
    case jobSubmitted = "job_submitted"
    /// [job, member, dataset, rounds reserved]; requester, member
    case memberAccepted = "member_accepted"
    /// [job, member, round (0 before the job), reason]; requester, aggregator, member
    case memberRefused = "member_refused"
    /// [job, member]; requester, aggregator, member
    case memberWithdrawn = "member_withdrawn"
    /// [job, member]; requester, aggregator, member: too many missed rounds
    case memberRemoved = "member_removed"
    /// [job, round, member, submission state, forfeited]; requester, member
    case memberSlashed = "member_slashed"
    /// [job]; requester, aggregator: all have answered, `start` is open
    case jobReady = "job_ready"
    /// [job, round, model, deadline (ms)]; aggregator, participants
    case roundOpened = "round_opened"
    /// [job, round, member, commitment]; member, aggregator
    case memberCommitted = "member_committed"
    /// [job, round, members committed, deadline (ms)]; aggregator, committed members: reveals are open from the next
    /// block
    case commitsClosed = "commits_closed"
    /// [job, round, auditors wanted]; aggregator: `advance` in a later block fetches the beacon if no other
    /// transaction does
    case drawWaits = "draw_waits"
    /// [job, round, auditors so far]; the auditors drawn, aggregator
    case auditorsDrawn = "auditors_drawn"
    /// [job, round, member, update, size]; member, aggregator
    case memberRevealed = "member_revealed"
    /// [job, round, member]; member: silent until a deadline
    case memberDropped = "member_dropped"
    /// [job, round, members revealed, deadline (ms)]; aggregator, auditors: verdicts are open
    case revealsClosed = "reveals_closed"
    /// [job, round]; auditor, aggregator
    case verdictGiven = "verdict_given"
    /// [job, round]; the lost auditor
    case auditorLost = "auditor_lost"
    /// [job, round, [[member, outcome, score]…], deadline (ms)]; aggregator, participants
    case verdictsDecided = "verdicts_decided"
    /// [job, round, model, root, deadline (ms)]; auditors, aggregator
    case modelProposed = "model_proposed"
    /// [job, round, model]; auditors, aggregator: too few confirmed it
    case modelRejected = "model_rejected"
    /// [job, round, model, root]; aggregator, participants
    case modelPublished = "model_published"
    /// [job, round, deadline (ms)]; requester, aggregator: the requester may name another until the deadline
    case aggregatorLost = "aggregator_lost"
    /// [job, aggregator]; requester, the new aggregator
    case aggregatorReplaced = "aggregator_replaced"
    /// [job, round, amount paid now, amount held back]; the account paid
    case partyPaid = "party_paid"
    /// [job, round, model, published or not]; requester, aggregator, participants
    case roundSettled = "round_settled"
    /// [job, amount]; member
    case heldBackReleased = "held_back_released"
    /// [job]; requester
    case jobClosing = "job_closing"
    /// [job, end, model, refund]; requester, aggregator, members
    case jobEnded = "job_ended"
    /// [auditor]; auditor. Payload without a job.
    case auditorRegistered = "auditor_registered"
    /// [auditor]; auditor. Payload without a job.
    case auditorRetired = "auditor_retired"

    /// Kinds that tell members and auditors what they have done or were given, and ask nothing of them: each is
    /// followed by another kind when a duty begins.
    public static let acknowledgements: Set<String> = Set(
        [
            memberAccepted, memberRefused, memberCommitted, memberRevealed, memberDropped, verdictGiven,
            verdictsDecided, partyPaid, heldBackReleased, auditorRegistered, auditorRetired,
        ].map(\.rawValue))

    /// Emits the event: `items` writes what follows the job.
    func emit(
        _ job: Digest, _ accounts: [AccountID], _ context: inout ModuleContext, items count: Int = 0,
        _ items: (inout CBOREncoder) -> Void = { _ in }
    ) throws(Refusal) {
        try context.emit(
            module: FederationPaths.module, kind: rawValue, path: FederationPaths.job(job).bytes, about: job, accounts,
            items: count, items)
    }
}
