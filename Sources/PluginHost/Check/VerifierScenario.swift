import Primitives

/// Rounds of honest, lazy and replaying members; every judgement is made twice, from shuffled input.
enum VerifierScenario {
    static func run(_ plugin: VerifierInstance, seed: UInt64) throws(PluginError) -> [UInt8] {
        var numbers = SeededNumbers(seed: seed)
        var trace: [UInt8] = []
        for round in 1...8 {
            let members = UInt32(3 + numbers.below(8))
            let job = VerifierJob(
                job: numbers.digest(), round: UInt32(round), members: members, isPrivate: true,
                settings: plugin.manifest.conformance)
            for check in try plugin.plan(job, beacon: numbers.digest()) {
                trace += Plain.bytes(check.member) + Plain.bytes(check.kind.rawValue) + Plain.bytes(check.subject)
                trace += Plain.bytes(check.seed)
            }
            var commitments: [VerifierCommitment] = []
            var results: [VerifierResult] = []
            for member in 0..<members {
                let isOpened = numbers.below(10) != 0
                commitments.append(
                    VerifierCommitment(
                        member: member, isOpened: isOpened, commitment: numbers.digest(), update: numbers.digest(),
                        sizeBytes: 4000))
                guard isOpened else { continue }
                let isReplay = numbers.below(6) == 0
                for (measure, value) in [
                    (VerifierResult.Measure.finite, 1_000_000), (.norm, Int64(numbers.below(1_100_000))),
                    (.duplicate, isReplay ? 1_000_000 : 0), (.cosineHistory, Int64(numbers.below(1_000_000))),
                    (.cosineOthers, Int64(numbers.below(2_000_000)) - 1_000_000),
                    (.coneScore, Int64(numbers.below(1_000_000))),
                ] {
                    results.append(
                        VerifierResult(member: member, measure: measure, value: value, evidence: numbers.digest()))
                }
            }
            let verdicts = try plugin.judge(job, commitments: commitments, results: results)
            let again = try plugin.judge(
                job, commitments: numbers.shuffled(commitments), results: numbers.shuffled(results))
            guard verdicts == again else {
                throw PluginError(
                    .malformed, plugin: plugin.manifest.id, call: "judge", "depends on the order of its input (VER-2)")
            }
            for verdict in verdicts {
                trace += Plain.bytes(verdict.member) + Plain.bytes(verdict.outcome.rawValue)
                trace += Plain.bytes(verdict.reason) + Plain.bytes(verdict.basis)
                trace += Plain.bytes(verdict.scoreMillionths) + verdict.evidence.bytes
            }
        }
        return trace
    }
}
