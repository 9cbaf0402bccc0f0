import Federation
import Primitives

/// The objects that a job's rounds have named on the ledger: updates, evidence and models. Says which of them nothing
/// needs any more.
///
/// What stays: the model that the job has now, which is its result at the end; the model it began with and its public
/// data; and all that the last settled rounds and the open one name, which is what auditors compare with, what the next
/// model is computed from, and what a party reads that was away for a while.
struct RoundObjects {
    let job: JobReader
    /// How many settled rounds of a running job stay whole.
    let keepRounds: UInt32

    /// What may go, of rounds up to and with `through`.
    struct Leftovers: Equatable {
        var objects: Set<CID>
        var through: UInt32
    }

    /// Rounds that are looked through at once: each costs some reads of the state.
    static let roundsAtOnce: UInt32 = 64

    /// What may go of the rounds after `done`, whose own are gone already; nil where there is nothing to do yet.
    func leftovers(after done: UInt32) async throws -> Leftovers? {
        guard let record = try await job.record(), let last = lastOver(record), last > done else { return nil }
        let through = min(last, done + Self.roundsAtOnce)
        var objects: Set<CID> = []
        for round in done + 1...through { objects.formUnion(try await named(round)) }
        return Leftovers(objects: objects.subtracting(try await needed(record, after: last)), through: through)
    }

    /// The last round whose objects are over: every one of an ended job, else those before the rounds that stay.
    private func lastOver(_ record: JobRecord) -> UInt32? {
        if record.status.hasEnded { return record.round }
        let settled = record.round > 0 ? record.round - 1 : 0
        return settled > keepRounds ? settled - keepRounds : nil
    }

    private func needed(_ record: JobRecord, after last: UInt32) async throws -> Set<CID> {
        var needed: Set = [job.terms.initialModel, job.terms.holdout, record.model]
        guard !record.status.hasEnded, last < record.round else { return needed }
        for round in last + 1...record.round { needed.formUnion(try await named(round)) }
        return needed
    }

    /// Everything that the ledger names as an object of a round.
    private func named(_ number: UInt32) async throws -> Set<CID> {
        guard let round = try await job.round(number) else { return [] }
        var named: Set = [round.modelBefore]
        for model in [round.proposal?.model, round.modelAfter] { if let model { named.insert(model) } }
        if let lineage = try await job.lineage(number) {
            named.formUnion([lineage.previous, lineage.model] + lineage.updates + lineage.evidence)
        }
        for submission in try await job.submissions(number, of: round).values {
            for object in [submission.update, submission.evidence] { if let object { named.insert(object) } }
        }
        // An auditor whom the others have outvoted has stored its evidence too.
        for auditor in round.auditors + round.lostAuditors {
            guard let verdict = try await job.verdict(number, auditor) else { continue }
            for outcome in verdict.outcomes { if let evidence = outcome.evidence { named.insert(evidence) } }
        }
        return named
    }
}
