import CVinculum

/// The round that is checked: `vin_verifier_job`.
public struct VerifierJob: Sendable {
    public let job: Bytes32
    public let round: UInt32
    public let members: UInt32
    public let tasks: UInt32
    public let isPrivate: Bool
    public let settings: Settings
}

/// One thing to do: `vin_verifier_check`.
public struct VerifierCheck: Hashable, Sendable {
    public enum Kind: UInt32, Sendable {
        case measure = 1
        case reexecute = 2
        case benchmark = 3
    }

    public var member: UInt32
    public var kind: Kind
    public var subject: UInt64
    public var seed: UInt64

    public init(member: UInt32, kind: Kind, subject: UInt64 = 0, seed: UInt64 = 0) {
        self.member = member
        self.kind = kind
        self.subject = subject
        self.seed = seed
    }
}

/// What a member bound itself to: `vin_verifier_commitment`.
public struct VerifierCommitment: Hashable, Sendable {
    public let member: UInt32
    public let isOpened: Bool
    public let commitment: Bytes32
    public let update: Bytes32
    public let sizeBytes: UInt64
}

/// One measurement: `vin_verifier_result`. `measure` is a VIN_MEASURE number or an own one.
public struct VerifierResult: Hashable, Sendable {
    public let member: UInt32
    public let measure: UInt32
    public let value: Int64
    public let subject: UInt64
    public let evidence: Bytes32
}

/// What it amounts to: `vin_verifier_verdict`.
public struct VerifierVerdict: Hashable, Sendable {
    public enum Outcome: UInt32, Sendable {
        case accepted = 1
        case refused = 2
        case fault = 3
        case undecided = 4
    }

    public struct Basis: OptionSet, Hashable, Sendable {
        public let rawValue: UInt32
        public init(rawValue: UInt32) { self.rawValue = rawValue }
        public static let bound = Basis(rawValue: 1)
        public static let checked = Basis(rawValue: 2)
        public static let scored = Basis(rawValue: 4)
        public static let calibrated = Basis(rawValue: 8)
        public static let reexecuted = Basis(rawValue: 16)
    }

    public var member: UInt32
    public var outcome: Outcome
    /// A VIN_REASON number or an own one.
    public var reason: UInt32
    public var basis: Basis
    /// 0 to 1,000,000.
    public var scoreMillionths: Int64
    public var evidence: Bytes32

    public init(
        member: UInt32, outcome: Outcome, reason: UInt32 = 0, basis: Basis, scoreMillionths: Int64,
        evidence: Bytes32 = .zero
    ) {
        self.member = member
        self.outcome = outcome
        self.reason = reason
        self.basis = basis
        self.scoreMillionths = scoreMillionths
        self.evidence = evidence
    }
}

/// A verifier: `draft/verifier.h` is its specification. Both calls are [lane], pure and integer only (VER-1).
public protocol VerifierPlugin: Plugin {
    func plan(_ job: VerifierJob, beacon: Bytes32) throws(PluginFailure) -> [VerifierCheck]
    func judge(
        _ job: VerifierJob, commitments: [VerifierCommitment], results: [VerifierResult]
    ) throws(PluginFailure) -> [VerifierVerdict]
}

final class VerifierGlue: Glue<any VerifierPlugin, vin_verifier> {
    static func create(
        _ host: UnsafePointer<vin_host>?, _ id: vin_bytes, _ out: UnsafeMutablePointer<UnsafePointer<vin_instance>?>?
    ) -> vin_status {
        makeInstance(.verifier, host, id, out) { type, access in
            (type as? any VerifierPlugin.Type).map { VerifierGlue($0.init(host: access), access, table) }
        } setData: {
            $0.pointee.plugin_data = $1
        }
    }

    private func job(_ bytes: vin_bytes) throws(PluginFailure) -> VerifierJob {
        var reader = RecordReader(bytes.raw)
        guard let record = try reader.next(), record.kind == UInt32(VIN_VERIFIER_JOB) else {
            throw PluginFailure(.invalid, "the job is not a job record")
        }
        let job = try record.load(as: vin_verifier_job.self)
        guard job.flags & ~1 == 0 else { throw PluginFailure(.unsupported, "the job has unknown flags") }
        return VerifierJob(
            job: Bytes32(job.job), round: job.round, members: job.members, tasks: job.tasks,
            isPrivate: job.flags & 1 != 0, settings: try Settings(try record.slice(job.settings)))
    }

    private func plan(
        _ bytes: vin_bytes, _ beacon: UnsafePointer<vin_digest>?, _ sink: UnsafePointer<vin_sink>?
    ) throws(PluginFailure) {
        guard let beacon else { throw PluginFailure(.invalid, "no beacon was given") }
        var writer = RecordWriter()
        for check in try plugin.plan(try job(bytes), beacon: Bytes32(beacon.pointee)) {
            writer.append(
                vin_verifier_check(
                    record: vin_record(), member: check.member, check: check.kind.rawValue, subject: check.subject,
                    seed: check.seed),
                kind: UInt32(VIN_VERIFIER_CHECK))
        }
        try required(sink).append(writer.bytes)
    }

    private func judge(
        _ bytes: vin_bytes, _ commitmentBytes: vin_bytes, _ resultBytes: vin_bytes, _ sink: UnsafePointer<vin_sink>?
    ) throws(PluginFailure) {
        var commitments: [VerifierCommitment] = []
        var reader = RecordReader(commitmentBytes.raw)
        while let record = try reader.next() {
            guard record.kind == UInt32(VIN_VERIFIER_COMMITMENT) else {
                throw PluginFailure(.invalid, "a record of kind \(record.kind) among the commitments")
            }
            let entry = try record.load(as: vin_verifier_commitment.self)
            commitments.append(
                VerifierCommitment(
                    member: entry.member, isOpened: entry.opened == 1, commitment: Bytes32(entry.commitment),
                    update: Bytes32(entry.update), sizeBytes: entry.size_bytes))
        }
        var results: [VerifierResult] = []
        reader = RecordReader(resultBytes.raw)
        while let record = try reader.next() {
            guard record.kind == UInt32(VIN_VERIFIER_RESULT) else {
                throw PluginFailure(.invalid, "a record of kind \(record.kind) among the results")
            }
            let entry = try record.load(as: vin_verifier_result.self)
            results.append(
                VerifierResult(
                    member: entry.member, measure: entry.measure, value: entry.value, subject: entry.subject,
                    evidence: Bytes32(entry.evidence)))
        }
        var writer = RecordWriter()
        for verdict in try plugin.judge(try job(bytes), commitments: commitments, results: results) {
            writer.append(
                vin_verifier_verdict(
                    record: vin_record(), member: verdict.member, outcome: verdict.outcome.rawValue,
                    reason: verdict.reason, basis: verdict.basis.rawValue, score_e6: verdict.scoreMillionths,
                    evidence: verdict.evidence.digest),
                kind: UInt32(VIN_VERIFIER_VERDICT))
        }
        try required(sink).append(writer.bytes)
    }

    private static var table: vin_verifier {
        vin_verifier(
            struct_size: UInt32(MemoryLayout<vin_verifier>.size), reserved: 0, plugin_data: nil,
            configure: { data, settings in
                VerifierGlue.call(data) { glue throws(PluginFailure) in
                    try PluginKit.configure(glue.plugin, glue.host, settings)
                }
            },
            destroy: { PluginKit.release($0, VerifierGlue.self) },
            plan: { data, job, beacon, sink in
                VerifierGlue.call(data) { glue throws(PluginFailure) in try glue.plan(job, beacon, sink) }
            },
            judge: { data, job, commitments, results, sink in
                VerifierGlue.call(data) { glue throws(PluginFailure) in try glue.judge(job, commitments, results, sink)
                }
            })
    }

    @inline(__always)
    private static func call(
        _ data: UnsafeMutableRawPointer?, _ body: (VerifierGlue) throws(PluginFailure) -> Void
    ) -> vin_status {
        with(data, VerifierGlue.self) { glue in glue.answer { () throws(PluginFailure) in try body(glue) } }
    }
}
