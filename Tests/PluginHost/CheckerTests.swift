import PluginHost
import Testing

/// Each rule of the checker has a sample that it must catch.
@Suite struct CheckerTests {
    private func check(_ source: String, callTimeout: Duration = .seconds(5)) throws -> CheckReport {
        let fixture = try Fixture(source)
        defer { fixture.remove() }
        let checker = PluginChecker(
            launcher: PluginChildLauncher(program: Fixture.childProgram, callTimeout: callTimeout), seed: 7,
            fuzzCalls: 100)
        return checker.check(manifest: fixture.manifestPath)
    }

    private func outcome(_ report: CheckReport, _ rule: CheckRule) -> CheckResult.Outcome? {
        report.results.first { $0.rule == rule }?.outcome
    }

    @Test func aGoodPluginPassesEveryRule() throws {
        let report = try check("good")
        #expect(report.hasPassed, "\(report.json)")
        #expect(report.results.map(\.rule).count == CheckRule.allCases.count)
        #expect(report.json.hasPrefix("{\"schema\":\"vinculum/plugin-check/1\""))
    }

    @Test func aClockInADeterministicKindIsCaughtTwice() throws {
        let report = try check("clock")
        #expect(outcome(report, .symbols) == .failed)
        #expect(report.results.first { $0.rule == .symbols }?.reason.contains("clock_gettime") == true)
        #expect(outcome(report, .determinism) == .failed)
    }

    @Test(arguments: [
        ("trap", CheckRule.conformance), ("hang", .conformance), ("out-of-descriptor", .conformance),
        ("frees-input", .conformance),
    ])
    func whatEndsTheChildIsACrash(source: String, rule: CheckRule) throws {
        let report = try check(source, callTimeout: .milliseconds(500))
        #expect(outcome(report, rule) == .crashed, "\(report.json)")
    }

    @Test(arguments: [
        ("no-entry", CheckRule.load), ("no-entry", .exports), ("wrong-major", .load), ("short-struct", .load),
        ("garbage", .conformance), ("past-sink", .conformance), ("opens-file", .symbols),
    ])
    func whatBreaksARuleFailsIt(source: String, rule: CheckRule) throws {
        let report = try check(source)
        #expect(outcome(report, rule) == .failed, "\(report.json)")
        #expect(!report.hasPassed)
    }

    @Test func aMissingManifestFailsAndSkipsTheRest() {
        let report = PluginChecker().check(manifest: "/nonexistent/plugin.toml")
        #expect(report.results.first?.outcome == .failed)
        #expect(report.results.dropFirst().allSatisfy { $0.outcome == .skipped })
    }
}
