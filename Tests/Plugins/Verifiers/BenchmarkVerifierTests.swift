import CVinculum
import Glibc
import TestSupport
import Testing

@Suite("verify-benchmark, the plugin in C", .serialized)
struct BenchmarkVerifierTests {
    // Built here with the command of its page: it is no target of the package, because it needs no Swift.
    private func harness() throws -> VerifierHarness {
        try TemporaryFolder.with { folder in
            let root = #filePath.split(separator: "/").dropLast(4).reduce("") { $0 + "/" + $1 }
            let library = "\(folder)/plugin.so"
            let command =
                "cc -std=c11 -Wall -Wextra -Werror -O1 -fPIC -shared -fvisibility=hidden "
                + "-Wl,--version-script='\(root)/Plugins/plugin.map' -I '\(root)/Sources/CVinculum/include' "
                + "-o '\(library)' '\(root)'/Plugins/verify-benchmark/Sources/*.c"
            try #require(system(command) == 0)
            return try VerifierHarness(LoadedPlugin(path: library), id: "org.vinculum.verify-benchmark")
        }
    }

    private let settings =
        "answer.7=" + String(repeating: "2a", count: 32) + "\nduration_full_ms=100\nduration_max_ms=1100\n"

    @Test("compares digests and times with the committed answers")
    func verdicts() throws {
        let answer = VIN_MEASURE_OWN
        let verdicts = try harness().judge(
            VerifierHarness.job(members: 6, settings: settings),
            VerifierHarness.commitments((0..<6).map { (UInt32($0), opened: $0 != 1) }),
            VerifierHarness.results([
                (0, answer, 0, 7, 0x2a), (0, VIN_MEASURE_DURATION_MS, 50, 7, 0), (2, answer, 0, 7, 0x2b),
                (3, answer, 0, 7, 0x2a), (3, VIN_MEASURE_DURATION_MS, 600, 7, 0), (4, answer, 0, 7, 0x2a),
                (4, VIN_MEASURE_DURATION_MS, 5000, 7, 0),
            ]))
        #expect(verdicts.map { Int($0.outcome) } == [1, 2, 2, 1, 1, 4])
        #expect(verdicts.map(\.score_e6) == [1_000_000, 0, 0, 500_000, 0, 0])
        #expect(verdicts[4].reason == 1000)
    }

    @Test("gives every member a benchmark task that has a known answer")
    func plans() throws {
        let checks = try harness().plan(VerifierHarness.job(members: 20, settings: settings))
        #expect(checks.count == 20)
        #expect(checks.allSatisfy { $0.subject == 7 && $0.check == UInt32(VIN_CHECK_BENCHMARK) })
        #expect(Set(checks.map(\.seed)).count == 20)
    }

    @Test("answers a typed error for anything unexpected")
    func refuses() throws {
        let harness = try harness()
        #expect(throws: Refused(status: 1, message: "the job commits to no known answer (answer.NUMBER)")) {
            try harness.plan(VerifierHarness.job(members: 1))
        }
        #expect(throws: Refused(status: 1, message: "answer.NUMBER is not 64 hex digits")) {
            try harness.plan(VerifierHarness.job(members: 1, settings: "answer.7=xyz\n"))
        }
        #expect(throws: Refused(status: 1, message: "a result is about a benchmark task without a known answer")) {
            try harness.judge(
                VerifierHarness.job(members: 1, settings: settings), VerifierHarness.commitments([(0, opened: true)]),
                VerifierHarness.results([(0, VIN_MEASURE_OWN, 0, 8, 0)]))
        }
        harness.fuzz(
            seed: 2, rounds: 5000, job: VerifierHarness.job(members: 3, settings: settings),
            commitments: VerifierHarness.commitments([(0, opened: true), (1, opened: false)]),
            results: VerifierHarness.results([(0, VIN_MEASURE_OWN, 0, 7, 0x2a)]))
    }
}
