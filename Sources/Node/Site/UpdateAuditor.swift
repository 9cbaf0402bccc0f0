import Federation
import PluginHost
import Primitives
import Training

/// An auditor's work: measures the revealed updates with the node's own kernels, and lets the job's verifier plugin
/// judge the integers.
///
/// Measures come from released updates and the public holdout alone, and the kernels give the same bits on every
/// machine, so honest auditors come to equal verdicts.
public struct UpdateAuditor: AuditWork {
    private let verifier: PluginLane<VerifierInstance>
    private let waits: [Duration]

    /// - Parameters:
    ///   - verifier: an instance of the plugin that the site holds for audits.
    ///   - waits: before an update that nobody has is asked for once more; after the last one it is missing.
    public init(verifier: PluginLane<VerifierInstance>, waits: [Duration] = [.milliseconds(500), .seconds(2)]) {
        self.verifier = verifier
        self.waits = waits
    }

    public func judge(_ job: JobReader, round number: UInt32, objects: any ObjectReader) async throws -> AuditFinding {
        let terms = try TrainingTerms(job.terms)
        guard let round = try await job.round(number) else { return AuditFinding(outcomes: [], evidence: []) }
        let job = try await job.readingSubmissions(number, of: round.participants)
        let submissions = try await job.submissions(number, of: round).filter { $0.value.state == .revealed }
        let revealed = submissions.keys.sorted()
        let found = try await updates(of: submissions, job, round: number, terms, objects)
        let measures = try await measure(found.updates, job, round, terms, objects)
        let reuses = try await EarlierUpdates.reuses(in: found.updates, job, round: number, terms, objects)
        let commitments = revealed.map { index in
            VerifierCommitment(
                member: index, isOpened: !found.missing.contains(index),
                commitment: submissions[index]?.commitment ?? .zero,
                update: submissions[index]?.update?.digest ?? .zero, sizeBytes: submissions[index]?.size ?? 0)
        }
        let results = revealed.filter { !found.missing.contains($0) }.flatMap { index in
            Self.results(member: index, measures[index], found.updates[index], terms, reuses[index])
        }
        let question = VerifierJob(
            job: job.job, round: number, members: UInt32(job.terms.members.count), isPrivate: true)
        let verdicts = try await verifier.call { (plugin) throws(PluginError) in
            try plugin.judge(question, commitments: commitments, results: results)
        }
        let evidence = Self.evidence(job.job, number, results, missing: found.missing)
        let id = CID.of(raw: evidence)
        return AuditFinding(outcomes: verdicts.map { Self.outcome($0, evidence: id) }, evidence: evidence)
    }

    public func confirmed(
        _ proposal: ModelProposal, _ job: JobReader, round: UInt32, objects: any ObjectReader
    ) async throws -> [UInt8]? {
        // Every accepted update is in the model, and nothing else. That of a member which was slashed since may be: the
        // ledger took the proposal as things stood then.
        guard let record = try await job.round(round) else { return nil }
        let job = try await job.readingSubmissions(round, of: record.participants)
        let judgedGood = try await job.submissions(round, of: record).filter { $0.value.outcome == .accepted }
        let included = Set(proposal.included)
        guard !included.isEmpty, proposal.included == included.sorted(), included.isSubset(of: judgedGood.keys),
            included.isSuperset(of: judgedGood.filter(\.value.isAccepted).keys)
        else { return nil }
        let own = try await RoundAggregation.next(job, round: round, included: proposal.included, objects: objects)
        return own.model == proposal.model && own.root == proposal.root ? own.bytes : nil
    }

    // MARK: Fetching

    /// What members have revealed: updates where their bytes are some, and who has revealed what nobody holds. A member
    /// in neither has revealed bytes that are no update.
    private func updates(
        of submissions: [UInt32: SubmissionRecord], _ job: JobReader, round: UInt32, _ terms: TrainingTerms,
        _ objects: any ObjectReader
    ) async throws -> (updates: [UInt32: ReleasedUpdate], missing: Set<UInt32>) {
        var updates: [UInt32: ReleasedUpdate] = [:]
        let most = UInt64(RoundAggregation.updateLimitBytes(terms))
        // What says of itself that it is too large is not fetched.
        var missing = Set(submissions.filter { $0.value.size <= most }.keys)
        for wait in [.zero] + waits where !missing.isEmpty {
            try await Task.sleep(for: wait)
            for index in missing.sorted() {
                do {
                    updates[index] = try await Self.update(job, round: round, member: index, terms, objects)
                    missing.remove(index)
                } catch let error as ServiceError where error.code == .notFound {
                    continue
                } catch ObjectStoreError.unknown {
                    continue
                }
            }
        }
        return (updates, missing)
    }

    /// A member's update; nil where its bytes are none. Other bytes than the id names are no fault of the member's, nor
    /// is a node that does not answer: both are thrown, and another node may know better.
    private static func update(
        _ job: JobReader, round: UInt32, member: UInt32, _ terms: TrainingTerms, _ objects: any ObjectReader
    ) async throws -> ReleasedUpdate? {
        do {
            return try await RoundAggregation.update(job, round: round, member: member, terms, objects)
        } catch is TrainingError {
            return nil
        } catch LightClientError.oversized {
            return nil
        }
    }

    // MARK: Measuring

    private func measure(
        _ updates: [UInt32: ReleasedUpdate], _ job: JobReader, _ round: RoundRecord, _ terms: TrainingTerms,
        _ objects: any ObjectReader
    ) async throws -> [UInt32: UpdateMeasures] {
        let model = try RoundAggregation.model(try await objects.bytes(of: round.modelBefore))
        let holdout = try Dataset(
            file: Safetensors.decode(try await objects.bytes(of: job.terms.holdout)),
            classCount: terms.architecture.classCount, scaling: terms.scaling)
        let audit = try UpdateAudit(model: model, holdout: holdout, gradient: terms.gradient())
        var total = [Int64](repeating: 0, count: terms.architecture.parameterCount)
        let fitting = updates.values.filter { $0.sum.count == total.count }
        for update in fitting { for place in total.indices { total[place] &+= update.sum[place] } }
        var measures: [UInt32: UpdateMeasures] = [:]
        for (index, update) in updates {
            var others = total
            if update.sum.count == others.count {
                for place in others.indices { others[place] &-= update.sum[place] }
            }
            measures[index] = audit.measure(update, others: others)
        }
        return measures
    }

    /// The measures of one member as the verifier reads them; a member without measures is malformed.
    private static func results(
        member: UInt32, _ measures: UpdateMeasures?, _ update: ReleasedUpdate?, _ terms: TrainingTerms,
        _ reuse: EarlierUpdates.Reuse?
    ) -> [VerifierResult] {
        guard let measures, let update, measures.wellFormed == UpdateMeasures.one else {
            return [VerifierResult(member: member, measure: .finite, value: 0)]
        }
        var results = [
            VerifierResult(member: member, measure: .finite, value: UpdateMeasures.one),
            VerifierResult(member: member, measure: .norm, value: share(of: measures.norm, update, terms)),
            VerifierResult(member: member, measure: .cosineOthers, value: measures.othersCosine),
            VerifierResult(member: member, measure: .coneScore, value: measures.coneScore),
        ]
        if let reuse {
            results.append(
                VerifierResult(
                    member: member, measure: .duplicate, value: UpdateMeasures.one, subject: reuse.subject,
                    evidence: reuse.update.digest))
        }
        return results
    }

    /// The norm over the largest that an honest update can have: every record's gradient at the clip, plus noise at its
    /// expected norm with five percent to spare (its relative deviation is below 1/sqrt(2 x parameters)).
    private static func share(of norm: Int64, _ update: ReleasedUpdate, _ terms: TrainingTerms) -> Int64 {
        let signal = terms.clip * Double(1 << terms.scaleBits) * Double(update.recordBand)
        let noise = Double(update.noiseUnits) * Double(terms.architecture.parameterCount).squareRoot()
        // What the measure was divided by: see `UpdateMeasures.norm`.
        let unit = noise > 0 ? noise : signal
        return Int64((Double(norm) * unit / (signal + 1.05 * noise)).rounded())
    }

    private static func outcome(_ verdict: VerifierVerdict, evidence: CID) -> MemberOutcome {
        let outcome: Outcome
        switch (verdict.outcome, verdict.reason) {
        case (.accepted, _): outcome = .accepted
        case (.fault, _): outcome = .provenReplay
        case (_, Self.notOpened): outcome = .missing
        case (_, Self.malformed), (_, Self.norm): outcome = .malformed
        case (_, Self.suspectedNoise): outcome = .suspectedNoise
        default: outcome = .lowScore
        }
        return MemberOutcome(
            member: verdict.member, outcome: outcome, scoreMillionths: UInt32(clamping: verdict.scoreMillionths),
            evidence: evidence)
    }

    // Numbers of VIN_REASON in `vinculum/draft/verifier.h`, and the first own one of verify-spotcheck.
    private static let notOpened: UInt32 = 1
    private static let malformed: UInt32 = 2
    private static let norm: UInt32 = 3
    private static let suspectedNoise: UInt32 = 1001

    /// What was measured, for anybody to repeat: [job, round, [[member, measure, value, subject]...], [member without
    /// an object...]]. The subject of a duplicate is the earlier round << 32 | member; 0 else.
    private static func evidence(
        _ job: Digest, _ round: UInt32, _ results: [VerifierResult], missing: Set<UInt32>
    ) -> [UInt8] {
        var encoder = CBOREncoder()
        encoder.array(count: 4)
        encoder.digest(job)
        encoder.unsigned(round)
        encoder.array(count: results.count)
        for result in results {
            encoder.array(count: 4)
            encoder.unsigned(result.member)
            encoder.unsigned(result.measure.rawValue)
            encoder.integer(result.value)
            encoder.unsigned(result.subject)
        }
        encoder.array(count: missing.count)
        for member in missing.sorted() { encoder.unsigned(member) }
        return encoder.finish()
    }
}
