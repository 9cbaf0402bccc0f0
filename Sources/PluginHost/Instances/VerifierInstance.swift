import CVinculum
import Primitives

/// The round that is checked: `vin_verifier_job`.
public struct VerifierJob: Sendable, Hashable {
    public var job: Digest
    public var round: UInt32
    public var members: UInt32
    public var tasks: UInt32
    public var isPrivate: Bool
    public var settings: [String: String]

    public init(
        job: Digest, round: UInt32, members: UInt32, tasks: UInt32 = 0, isPrivate: Bool,
        settings: [String: String] = [:]
    ) {
        self.job = job
        self.round = round
        self.members = members
        self.tasks = tasks
        self.isPrivate = isPrivate
        self.settings = settings
    }

    func encoded() -> [UInt8] {
        var encoder = RecordEncoder()
        encoder.append(
            vin_verifier_job(
                record: vin_record(), job: job.record, round: round, members: members, tasks: tasks,
                flags: isPrivate ? 1 : 0, settings: vin_span()),
            kind: VIN_VERIFIER_JOB, tails: [(\.settings, ConsensusEvent.settings(settings))])
        return encoder.bytes
    }
}

/// One thing to do: `vin_verifier_check`.
public struct VerifierCheck: Sendable, Hashable {
    public enum Kind: UInt32, Sendable {
        case measure = 1
        case reexecute, benchmark
    }

    public let member: UInt32
    public let kind: Kind
    public let subject: UInt64
    public let seed: UInt64
}

/// What a member bound itself to: `vin_verifier_commitment`.
public struct VerifierCommitment: Sendable, Hashable {
    public var member: UInt32
    public var isOpened: Bool
    public var commitment: Digest
    public var update: Digest
    public var sizeBytes: UInt64

    public init(member: UInt32, isOpened: Bool, commitment: Digest, update: Digest, sizeBytes: UInt64) {
        self.member = member
        self.isOpened = isOpened
        self.commitment = commitment
        self.update = update
        self.sizeBytes = sizeBytes
    }
}

/// One measurement: `vin_verifier_result`; values in 1e-6 unless the measure says otherwise.
public struct VerifierResult: Sendable, Hashable {
    public enum Measure: UInt32, Sendable {
        case finite = 1
        case norm, duplicate, cosineHistory, cosineOthers, coneScore, holdoutGain, match, benchmark
        case durationMilliseconds
        /// Own measure of `verify-benchmark`: the evidence is the digest of an answer.
        case knownAnswer = 1000
    }

    public var member: UInt32
    public var measure: Measure
    public var value: Int64
    public var subject: UInt64
    public var evidence: Digest

    public init(member: UInt32, measure: Measure, value: Int64, subject: UInt64 = 0, evidence: Digest = .zero) {
        self.member = member
        self.measure = measure
        self.value = value
        self.subject = subject
        self.evidence = evidence
    }
}

/// What it amounts to: `vin_verifier_verdict`.
public struct VerifierVerdict: Sendable, Hashable {
    public enum Outcome: UInt32, Sendable {
        case accepted = 1
        case refused, fault, undecided
    }

    public let member: UInt32
    public let outcome: Outcome
    /// A VIN_REASON number, or the plugin's own from 1000 on.
    public let reason: UInt32
    /// VIN_BASIS bits.
    public let basis: UInt32
    /// 0 to 1,000,000.
    public let scoreMillionths: Int64
    public let evidence: Digest
}

/// A verifier. See `draft/verifier.h` for what the calls promise.
public final class VerifierInstance: PluginInstance {
    public func plan(_ job: VerifierJob, beacon: Digest) throws(PluginError) -> [VerifierCheck] {
        let bytes = try target.invoke(.verifierPlan, [job.encoded(), beacon.bytes], [])[0]
        var decoder = RecordDecoder(bytes, plugin: manifest.id, call: "plan")
        var checks: [VerifierCheck] = []
        while let record = try decoder.next() {
            let check = try decoder.load(record, as: vin_verifier_check.self)
            guard Int(record.kind) == VIN_VERIFIER_CHECK, let kind = VerifierCheck.Kind(rawValue: check.check) else {
                throw decoder.fault("not a check that this host knows (REC-5)")
            }
            guard check.member < job.members else { throw decoder.fault("there is no member \(check.member)") }
            guard !(job.isPrivate && kind == .reexecute) else {
                throw decoder.fault("asks to run private work again (VER-5)")
            }
            checks.append(VerifierCheck(member: check.member, kind: kind, subject: check.subject, seed: check.seed))
        }
        return checks
    }

    public func judge(
        _ job: VerifierJob, commitments: [VerifierCommitment], results: [VerifierResult]
    ) throws(PluginError) -> [VerifierVerdict] {
        let bytes = try target.invoke(
            .judge, [job.encoded(), Self.encode(commitments), Self.encode(results)], [])[0]
        var decoder = RecordDecoder(bytes, plugin: manifest.id, call: "judge")
        var verdicts: [VerifierVerdict] = []
        while let record = try decoder.next() {
            let verdict = try decoder.load(record, as: vin_verifier_verdict.self)
            guard Int(record.kind) == VIN_VERIFIER_VERDICT,
                let outcome = VerifierVerdict.Outcome(rawValue: verdict.outcome)
            else { throw decoder.fault("not a verdict that this host knows (REC-5)") }
            guard (0...1_000_000).contains(verdict.score_e6), verdict.basis != 0, verdict.basis < 32 else {
                throw decoder.fault("the verdict on member \(verdict.member) has a score or basis out of range")
            }
            if let last = verdicts.last, last.member >= verdict.member {
                throw decoder.fault("verdicts are not sorted by member (VER-2)")
            }
            verdicts.append(
                VerifierVerdict(
                    member: verdict.member, outcome: outcome, reason: verdict.reason, basis: verdict.basis,
                    scoreMillionths: verdict.score_e6, evidence: Digest(verdict.evidence)))
        }
        guard verdicts.map(\.member) == commitments.map(\.member).sorted() else {
            throw decoder.fault("not exactly one verdict for each member with a commitment (VER-3)")
        }
        return verdicts
    }

    private static func encode(_ commitments: [VerifierCommitment]) -> [UInt8] {
        var encoder = RecordEncoder()
        for entry in commitments {
            encoder.append(
                vin_verifier_commitment(
                    record: vin_record(), member: entry.member, opened: entry.isOpened ? 1 : 0,
                    commitment: entry.commitment.record, update: entry.update.record, size_bytes: entry.sizeBytes),
                kind: VIN_VERIFIER_COMMITMENT)
        }
        return encoder.bytes
    }

    private static func encode(_ results: [VerifierResult]) -> [UInt8] {
        var encoder = RecordEncoder()
        for entry in results {
            encoder.append(
                vin_verifier_result(
                    record: vin_record(), member: entry.member, measure: entry.measure.rawValue, value: entry.value,
                    subject: entry.subject, evidence: entry.evidence.record),
                kind: VIN_VERIFIER_RESULT)
        }
        return encoder.bytes
    }
}
