import CVinculum
import PluginKit

/// The plugin's own reasons.
enum Own {
    /// A score so low that the update looks like noise and not like work on other data.
    static let suspectedNoiseReason = UInt32(VIN_REASON_OWN) + 1
}

/// One member's measures, found by number. Where a measure was made more than once, the least favourable value counts.
private struct Measures {
    private var values: [UInt32: VerifierResult] = [:]

    // A duplicate is bad when it is high; everything else when it is low (a norm is bad when it is high too).
    mutating func add(_ result: VerifierResult) {
        guard let known = values[result.measure] else {
            values[result.measure] = result
            return
        }
        let highIsBad = [UInt32(VIN_MEASURE_NORM), UInt32(VIN_MEASURE_DUPLICATE)].contains(result.measure)
        let worse = highIsBad ? result.value > known.value : result.value < known.value
        // Equal values are told apart by subject and evidence, so that the order of the results does not matter.
        let tie =
            result.value == known.value
            && (result.subject, result.evidence) < (known.subject, known.evidence)
        if worse || tie { values[result.measure] = result }
    }

    func result(_ measure: Int) -> VerifierResult? { values[UInt32(measure)] }
    func value(_ measure: Int) -> Int64? { result(measure)?.value }
}

/// The judge: integers in, verdicts out, nothing kept.
struct Judge {
    let rules: Rules

    /// One verdict for each member with a commitment, sorted by member (VER-2, VER-3).
    func verdicts(
        _ commitments: [VerifierCommitment], _ results: [VerifierResult], members: UInt32
    ) throws(PluginFailure) -> [VerifierVerdict] {
        var measures = [Measures](repeating: Measures(), count: Int(members))
        for result in results {
            guard result.member < members else {
                throw PluginFailure(.invalid, "a result names member \(result.member) of \(members)")
            }
            let isFlag = [UInt32(VIN_MEASURE_FINITE), UInt32(VIN_MEASURE_DUPLICATE)].contains(result.measure)
            guard !isFlag || result.value == 0 || result.value == 1_000_000 else {
                throw PluginFailure(.invalid, "measure \(result.measure) is \(result.value), not 0 or 1000000")
            }
            measures[Int(result.member)].add(result)
        }
        var verdicts: [VerifierVerdict] = []
        for commitment in commitments.sorted(by: { $0.member < $1.member }) {
            guard commitment.member < members else {
                throw PluginFailure(.invalid, "a commitment names member \(commitment.member) of \(members)")
            }
            guard verdicts.last?.member != commitment.member else {
                throw PluginFailure(.invalid, "member \(commitment.member) has two commitments")
            }
            verdicts.append(verdict(commitment, measures[Int(commitment.member)]))
        }
        return verdicts
    }

    // Facts first, then scores: a proven replay is one whatever its score is.
    private func verdict(_ commitment: VerifierCommitment, _ measures: Measures) -> VerifierVerdict {
        let member = commitment.member
        func verdict(
            _ outcome: VerifierVerdict.Outcome, _ reason: UInt32, _ basis: VerifierVerdict.Basis, score: Int64 = 0,
            evidence: Bytes32 = .zero
        ) -> VerifierVerdict {
            VerifierVerdict(
                member: member, outcome: outcome, reason: reason, basis: basis.union(.bound), scoreMillionths: score,
                evidence: evidence)
        }
        guard commitment.isOpened else { return verdict(.refused, UInt32(VIN_REASON_NOT_OPENED), []) }
        if let replay = measures.result(VIN_MEASURE_DUPLICATE), replay.value == 1_000_000 {
            return verdict(.fault, UInt32(VIN_REASON_REPLAY), .checked, evidence: replay.evidence)
        }
        if let match = measures.result(VIN_MEASURE_MATCH), match.value < rules.matchLeast {
            return verdict(.fault, UInt32(VIN_REASON_MISMATCH), .reexecuted, evidence: match.evidence)
        }
        if let right = measures.value(VIN_MEASURE_BENCHMARK), right < rules.benchmarkLeast {
            return verdict(.refused, UInt32(VIN_REASON_BENCHMARK), .calibrated)
        }
        if measures.value(VIN_MEASURE_MATCH) != nil {
            return verdict(.accepted, 0, .reexecuted, score: 1_000_000)
        }
        guard let finite = measures.value(VIN_MEASURE_FINITE) else { return verdict(.undecided, 0, []) }
        guard finite == 1_000_000 else { return verdict(.refused, UInt32(VIN_REASON_MALFORMED), .checked) }
        if let norm = measures.value(VIN_MEASURE_NORM), norm > rules.normMax {
            return verdict(.refused, UInt32(VIN_REASON_NORM), .checked)
        }
        guard let score = measures.value(VIN_MEASURE_CONE_SCORE) else {
            // Bound and checked, not scored: paid its base, without the share.
            return verdict(.accepted, 0, .checked)
        }
        // Cosines decide nothing: an honest site with unusual data falls to -0.4 against the others.
        let basis: VerifierVerdict.Basis = [.checked, .scored]
        if score < rules.scoreLeast {
            let reason = score < rules.noiseScoreMax ? Own.suspectedNoiseReason : UInt32(VIN_REASON_SCORE)
            return verdict(rules.leavesOutLowScores ? .refused : .accepted, reason, basis)
        }
        return verdict(.accepted, 0, basis, score: min(score, 1_000_000))
    }
}
