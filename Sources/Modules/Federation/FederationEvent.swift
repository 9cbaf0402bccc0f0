import Ledger
import Primitives

/// Kinds of events of the Federation module. Every payload is a CBOR array that starts with the job, and names
/// members by their
/// index in the terms; the accounts of an event are those who may have to act or are concerned, so that a party can
/// drive
/// itself by following its own account.
public enum FederationEvent: String, CaseIterable, Sendable {
    /// [job, escrow]; accounts: requester, aggregator, members
    case jobSubmitted = "federation.job_submitted"
    /// [job, member, dataset, rounds reserved]; requester, member
    case memberAccepted = "federation.member_accepted"
    /// [job, member, round (0 before the job), reason]; requester, aggregator, member
    case memberRefused = "federation.member_refused"
    /// [job, member]; requester, aggregator, member
    case memberWithdrawn = "federation.member_withdrawn"
    /// [job, member]; requester, aggregator, member: too many missed rounds
    case memberRemoved = "federation.member_removed"
    /// [job, round, member, submission state, forfeited]; requester, member
    case memberSlashed = "federation.member_slashed"
    /// [job]; requester, aggregator: all have answered, `start` is open
    case jobReady = "federation.job_ready"
    /// [job, round, model, deadline (ms)]; aggregator, participants
    case roundOpened = "federation.round_opened"
    /// [job, round, member, commitment]; member, aggregator
    case memberCommitted = "federation.member_committed"
    /// [job, round, members committed, deadline (ms)]; aggregator, committed members: reveals are open from the next
    /// block
    case commitsClosed = "federation.commits_closed"
    /// [job, round, auditors wanted]; aggregator: `advance` in a later block fetches the beacon if no other
    /// transaction does
    case drawWaits = "federation.draw_waits"
    /// [job, round, auditors so far]; the auditors drawn, aggregator
    case auditorsDrawn = "federation.auditors_drawn"
    /// [job, round, member, update, size]; member, aggregator
    case memberRevealed = "federation.member_revealed"
    /// [job, round, member]; member: silent until a deadline
    case memberDropped = "federation.member_dropped"
    /// [job, round, members revealed, deadline (ms)]; aggregator, auditors: verdicts are open
    case revealsClosed = "federation.reveals_closed"
    /// [job, round]; auditor, aggregator
    case verdictGiven = "federation.verdict_given"
    /// [job, round]; the lost auditor
    case auditorLost = "federation.auditor_lost"
    /// [job, round, [[member, outcome, score]…], deadline (ms)]; aggregator, participants
    case verdictsDecided = "federation.verdicts_decided"
    /// [job, round, model, root, deadline (ms)]; auditors, aggregator
    case modelProposed = "federation.model_proposed"
    /// [job, round, model]; auditors, aggregator: too few confirmed it
    case modelRejected = "federation.model_rejected"
    /// [job, round, model, root]; aggregator, participants
    case modelPublished = "federation.model_published"
    /// [job, round, deadline (ms)]; requester, aggregator: the requester may name another until the deadline
    case aggregatorLost = "federation.aggregator_lost"
    /// [job, aggregator]; requester, the new aggregator
    case aggregatorReplaced = "federation.aggregator_replaced"
    /// [job, round, amount paid now, amount held back]; the account paid
    case partyPaid = "federation.party_paid"
    /// [job, round, model, published or not]; requester, aggregator, participants
    case roundSettled = "federation.round_settled"
    /// [job, amount]; member
    case heldBackReleased = "federation.held_back_released"
    /// [job]; requester
    case jobClosing = "federation.job_closing"
    /// [job, end, model, refund]; requester, aggregator, members
    case jobEnded = "federation.job_ended"
    /// [auditor]; auditor. Payload without a job.
    case auditorRegistered = "federation.auditor_registered"
    /// [auditor]; auditor. Payload without a job.
    case auditorRetired = "federation.auditor_retired"

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
