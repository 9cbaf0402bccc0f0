public import CVinculum
import PluginKit

/// The library's entry.
@c @implementation
public func vin_plugin_entry_v1() -> UnsafePointer<vin_entry>? {
    PluginLibrary.entry(.verifier(SpotCheck.self))
}

/// Spot-checks of a round: what to check follows from the beacon, what the checks amount to from the job's rules.
final class SpotCheck: VerifierPlugin {
    static let description = PluginDescription(
        id: "org.vinculum.verify-spotcheck", version: "0.1.0", vendor: "Vinculum maintainers",
        licence: "Apache-2.0")

    private enum Purpose: UInt64 {
        case measure = 1
        case task = 2
        case benchmark = 3
        case benchmarkSeed = 4
    }

    /// More members or tasks than this in a round are refused before anything is allocated for them.
    private static let countMax: UInt32 = 1_000_000

    init(host: HostAccess) {}

    func plan(_ job: VerifierJob, beacon: Bytes32) throws(PluginFailure) -> [VerifierCheck] {
        let rules = try checked(job)
        guard !beacon.isZero else { throw PluginFailure(.invalid, "the beacon is zeros") }
        let draw = Draw(beacon: beacon, job: job.job, round: job.round)
        var checks: [VerifierCheck] = []
        for member in 0..<job.members {
            let index = UInt64(member)
            if draw.happens(rate: rules.measureRate, purpose: Purpose.measure.rawValue, index: index), job.tasks == 0 {
                checks.append(VerifierCheck(member: member, kind: .measure))
            }
            // Public tasks are dealt in turn: task i is member i modulo members. Private work is never run again
            // (VER-5).
            if !job.isPrivate {
                for task in stride(from: index, to: UInt64(job.tasks), by: Int(job.members))
                where draw.happens(rate: rules.taskRate, purpose: Purpose.task.rawValue, index: task) {
                    checks.append(VerifierCheck(member: member, kind: .reexecute, subject: task))
                }
                if draw.happens(rate: rules.benchmarkRate, purpose: Purpose.benchmark.rawValue, index: index) {
                    let seed = draw.word(purpose: Purpose.benchmarkSeed.rawValue, index: index)
                    checks.append(VerifierCheck(member: member, kind: .benchmark, subject: index, seed: seed))
                }
            }
        }
        return checks
    }

    func judge(
        _ job: VerifierJob, commitments: [VerifierCommitment], results: [VerifierResult]
    ) throws(PluginFailure) -> [VerifierVerdict] {
        let rules = try checked(job)
        return try Judge(rules: rules).verdicts(commitments, results, members: job.members)
    }

    private func checked(_ job: VerifierJob) throws(PluginFailure) -> Rules {
        guard job.round >= 1 else { throw PluginFailure(.invalid, "rounds are numbered from 1") }
        guard job.members >= 1, job.members <= Self.countMax, job.tasks <= Self.countMax else {
            throw PluginFailure(.limit, "a round has 1 to \(Self.countMax) members, and as many tasks at most")
        }
        return try Rules(job.settings)
    }
}
