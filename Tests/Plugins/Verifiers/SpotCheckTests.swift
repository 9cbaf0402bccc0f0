import CVinculum
import Testing

@Suite("verify-spotcheck", .serialized)
struct SpotCheckTests {
    private typealias Result = (member: UInt32, measure: Int, value: Int64, subject: UInt64, evidence: UInt8)

    private func harness() throws -> VerifierHarness {
        try VerifierHarness(LoadedPlugin(named: "verify-spotcheck"), id: "org.vinculum.verify-spotcheck")
    }

    private func good(_ member: UInt32, score: Int64 = 990_000) -> [Result] {
        [
            (member, VIN_MEASURE_FINITE, 1_000_000, 0, 0), (member, VIN_MEASURE_NORM, 400_000, 0, 0),
            (member, VIN_MEASURE_CONE_SCORE, score, 0, 0),
        ]
    }

    @Test("tells the cases of its table apart")
    func verdicts() throws {
        let results: [Result] =
            good(0)
            + good(1) + [(1, VIN_MEASURE_DUPLICATE, 1_000_000, 1 << 32 | 2, 77)]
            + [(3, VIN_MEASURE_FINITE, 0, 0, 0)]
            + good(4) + [(4, VIN_MEASURE_NORM, 1_000_001, 0, 0)]
            + good(5, score: 794_000)
            + good(6, score: 36_000)
            + good(8, score: 984_000)
        let verdicts = try harness().judge(
            VerifierHarness.job(members: 9, settings: "norm_max_e6=1000000\n"),
            VerifierHarness.commitments((0..<9).map { (UInt32($0), opened: $0 != 2) }),
            VerifierHarness.results(results))
        #expect(verdicts.map(\.member) == Array(0..<9))
        #expect(verdicts.map { Int($0.outcome) } == [1, 3, 2, 2, 2, 2, 2, 4, 1])
        #expect(
            verdicts.map { Int($0.reason) } == [
                0, VIN_REASON_REPLAY, VIN_REASON_NOT_OPENED, VIN_REASON_MALFORMED, VIN_REASON_NORM, VIN_REASON_SCORE,
                VIN_REASON_OWN + 1, 0, 0,
            ])
        #expect(verdicts.map(\.score_e6) == [990_000, 0, 0, 0, 0, 0, 0, 0, 984_000])
        #expect(verdicts[1].evidence.bytes.0 == 77)
        #expect(verdicts.allSatisfy { $0.basis != 0 })
    }

    @Test("slashes for proven facts only, whatever the scores are")
    func onlyFactsAreFaults() throws {
        let harness = try harness()
        var words = SeededWords(seed: 4)
        for _ in 0..<300 {
            let value = { Int64(truncatingIfNeeded: words.nextWord() % 2_000_001) - 1_000_000 }
            let results: [Result] = [
                (0, VIN_MEASURE_FINITE, 1_000_000, 0, 0), (0, VIN_MEASURE_CONE_SCORE, value(), 0, 0),
                (0, VIN_MEASURE_COSINE_HISTORY, value(), 0, 0), (0, VIN_MEASURE_COSINE_OTHERS, value(), 0, 0),
                (0, VIN_MEASURE_NORM, value(), 0, 0), (0, VIN_MEASURE_HOLDOUT_GAIN, value(), 0, 0),
            ]
            let verdict = try harness.judge(
                VerifierHarness.job(members: 1), VerifierHarness.commitments([(0, opened: true)]),
                VerifierHarness.results(results))
            #expect(verdict[0].outcome != UInt32(VIN_OUTCOME_FAULT))
        }
    }

    @Test("lets cosines decide nothing: an honest site with unusual data is unlike the others")
    func cosinesDecideNothing() throws {
        let results =
            good(0) + [(0, VIN_MEASURE_COSINE_OTHERS, -400_000, 0, 0), (0, VIN_MEASURE_COSINE_HISTORY, -1, 0, 0)]
        let verdict = try harness().judge(
            VerifierHarness.job(members: 1), VerifierHarness.commitments([(0, opened: true)]),
            VerifierHarness.results(results))
        #expect(verdict[0].outcome == UInt32(VIN_OUTCOME_ACCEPTED))
        #expect(verdict[0].score_e6 == 990_000)
    }

    @Test("does not refuse an honest update whose norm is far above that of the noise")
    func largeSitesAreAccepted() throws {
        let verdict = try harness().judge(
            VerifierHarness.job(members: 1), VerifierHarness.commitments([(0, opened: true)]),
            VerifierHarness.results(good(0) + [(0, VIN_MEASURE_NORM, 31_000_000, 0, 0)]))
        #expect(verdict[0].outcome == UInt32(VIN_OUTCOME_ACCEPTED))
    }

    @Test("pays low scores their base where the job says so")
    func lowScoresCanStay() throws {
        let verdict = try harness().judge(
            VerifierHarness.job(members: 1, settings: "leave_out_low_scores=false\n"),
            VerifierHarness.commitments([(0, opened: true)]), VerifierHarness.results(good(0, score: 500_000)))
        #expect(verdict[0].outcome == UInt32(VIN_OUTCOME_ACCEPTED))
        #expect(verdict[0].score_e6 == 0 && verdict[0].reason == UInt32(VIN_REASON_SCORE))
    }

    @Test("judges the set of results, not their order")
    func orderDoesNotMatter() throws {
        let harness = try harness()
        let results = good(0) + good(1, score: 950_000) + good(1, score: 940_000) + good(2)
        let job = VerifierHarness.job(members: 3)
        let first = try harness.judge(
            job, VerifierHarness.commitments([(0, opened: true), (1, opened: true), (2, opened: true)]),
            VerifierHarness.results(results))
        let second = try harness.judge(
            job, VerifierHarness.commitments([(2, opened: true), (1, opened: true), (0, opened: true)]),
            VerifierHarness.results(results.reversed()))
        #expect(first.map(\.score_e6) == second.map(\.score_e6))
        #expect(first.map(\.outcome) == second.map(\.outcome))
    }

    @Test("draws by the beacon: equal for equal beacons, others for others, at the rate")
    func draws() throws {
        let harness = try harness()
        let job = VerifierHarness.job(members: 1000, settings: "measure_rate_e6=100000\n")
        let first = try harness.plan(job, beacon: 3).map(\.member)
        #expect(try harness.plan(job, beacon: 3).map(\.member) == first)
        #expect(try harness.plan(job, beacon: 4).map(\.member) != first)
        #expect(first.count > 60 && first.count < 140)
        #expect(try harness.plan(VerifierHarness.job(members: 10)).count == 10)
    }

    @Test("never runs private work again")
    func privateStaysPrivate() throws {
        let harness = try harness()
        let settings = "benchmark_rate_e6=1000000\ntask_rate_e6=1000000\n"
        let hidden = try harness.plan(VerifierHarness.job(members: 4, tasks: 100, settings: settings))
        #expect(hidden.allSatisfy { $0.check == UInt32(VIN_CHECK_MEASURE) })
        let open = try harness.plan(
            VerifierHarness.job(members: 4, tasks: 100, isPrivate: false, settings: settings))
        #expect(open.count { $0.check == UInt32(VIN_CHECK_REEXECUTE) } == 100)
    }

    @Test("refuses by name what it is not made for")
    func refuses() throws {
        let harness = try harness()
        #expect(throws: Refused(status: 1, message: "unknown setting norm_max")) {
            try harness.plan(VerifierHarness.job(members: 1, settings: "norm_max=1\n"))
        }
        #expect(throws: Refused.self) {
            try harness.plan(VerifierHarness.job(members: 1, settings: "task_rate_e6=10000\n"))
        }
        #expect(throws: Refused.self) { try harness.plan(VerifierHarness.job(members: 0)) }
        #expect(throws: Refused(status: 1, message: "measure 3 is 1, not 0 or 1000000")) {
            try harness.judge(
                VerifierHarness.job(members: 1), VerifierHarness.commitments([(0, opened: true)]),
                VerifierHarness.results([(0, VIN_MEASURE_DUPLICATE, 1, 0, 0)]))
        }
        #expect(throws: Refused(status: 1, message: "member 0 has two commitments")) {
            try harness.judge(
                VerifierHarness.job(members: 1), VerifierHarness.commitments([(0, opened: true), (0, opened: true)]), []
            )
        }
        harness.fuzz(
            seed: 1, rounds: 3000, job: VerifierHarness.job(members: 3, settings: "norm_max_e6=5\n"),
            commitments: VerifierHarness.commitments([(0, opened: true), (1, opened: false)]),
            results: VerifierHarness.results(good(0)))
    }
}
