import Glibc
import PluginHost
import Primitives
import TestSupport
import Testing

/// Each rule of the checker has a sample that it must catch.
@Suite struct CheckerTests {
    private func check(_ source: String, callTimeout: Duration = .seconds(5)) throws -> CheckReport {
        let fixture = try Fixture(source)
        defer { fixture.remove() }
        let checker = PluginChecker(
            launcher: PluginChildLauncher(program: Fixture.childProgram, callTimeout: callTimeout), seed: 7,
            fuzzCalls: 100)
        return checker.check(fixture.manifestPath)
    }

    private func outcome(_ report: CheckReport, _ rule: CheckRule) -> CheckResult.Outcome? {
        report.results.first { $0.rule == rule }?.outcome
    }

    @Test func aGoodPluginPassesEveryRule() throws {
        let report = try check("good")
        #expect(report.hasPassed, "\(report.results)")
        #expect(report.results.map(\.rule).count == CheckRule.allCases.count)
        #expect(report.document["passed"] == .bool(true) && report.document["seed"] == .text("7"))
        #expect(report.document["results"]?.array?.count == CheckRule.allCases.count)
    }

    @Test func aClockInADeterministicKindIsCaughtTwice() throws {
        let report = try check("clock")
        #expect(outcome(report, .symbols) == .failed)
        #expect(report.results.first { $0.rule == .symbols }?.reason.contains("clock_gettime") == true)
        #expect(outcome(report, .determinism) == .failed)
    }

    /// Symbols as the linker has them: Foundation's clock and random numbers are no part of the standard library.
    @Test(arguments: [
        ("$s20FoundationEssentials4DateVACycfC", false), ("$s10Foundation4UUIDVACycfC", false),
        ("$sSy10FoundationE20replacingOccurrences2of4withSSqd___qd_0_tSyRd__SyRd_0_r0_lF", false),
        ("$s15Synchronization5MutexVMa", false), ("$s8Dispatch0A5QueueCMa", false), ("$sScTMn", false),
        ("$s7ElementSTTl", true), ("$s19ArrayLiteralElements013ExpressibleByaB0PTl", true), ("$s8RawValueSYTl", true),
        ("$s7Elements10SetAlgebraPTl", true), ("$s8AllCasess12CaseIterablePTl", true), ("$sSTsE3mapySayqd__G", true),
        ("$sSH4hash4intoys6HasherVz_tFTj", true),
        ("$ss10SetAlgebraP6insertySb8inserted_7ElementQz17memberAfterInserttAFnFTq", true), ("$sBi32_WV", true),
        ("$sSSySSxcs25LosslessStringConvertibleRzSTRzSJ7ElementSTRtzlufC", true), ("$sytWV", true),
        ("$sSTsE8contains5whereS2b7ElementQzKXE_tKF", true),
        ("$ss10SetAlgebraPs7ElementQz012ArrayLiteralC0RtzrlE05arrayE0xAFd_tcfC", true),
        ("$sST10FoundationE8contains5whereS2b7ElementQzKXE_tKF", false),
        ("swift_retain", true), ("swift_task_create", false), ("malloc@GLIBC_2.2.5", true), ("getrandom", false),
    ])
    func onlyTheStandardLibraryIsPure(symbol: String, isPure: Bool) {
        #expect(AllowedSymbols.permits(symbol) == isPure)
    }

    /// A Swift library for real, with the compiler's own names.
    @Test(.enabled(if: system("command -v swiftc >/dev/null") == 0, "no Swift compiler is in the path"))
    func foundationsClockInADeterministicKindIsCaught() throws {
        let fixture = try Fixture("good")
        defer { fixture.remove() }
        let source = "\(Fixture.root)/Tests/PluginHost/Broken/foundation.swift"
        #expect(system("swiftc -emit-library -O '\(source)' -o '\(fixture.library)'") == 0)
        try fixture.writeManifest(sha256: Digest.sha256(try Fixture.read(fixture.library)))
        let report = PluginChecker(launcher: PluginChildLauncher(program: Fixture.childProgram)).check(
            fixture.manifestPath)
        #expect(outcome(report, .symbols) == .failed, "\(report.results)")
        #expect(report.results.first { $0.rule == .symbols }?.reason.contains("Foundation") == true)
    }

    /// The templates as they were: one waits for ever for a vote that the host refused, one forgets its vote in a
    /// crash.
    @Test(arguments: [
        ("s/^ *: propose(self, event->time_ms, effects);$/: VIN_OK;/", "VIN_EVENT_VOTE_SIGNED"),
        ("s/if (saved.size != 0) memcpy.*//", "CON-5"),
    ])
    func anEngineThatLosesAVoteIsCaught(change: String, words: String) throws {
        try TemporaryFolder.with { scratch in
            let folder = "\(scratch)/mine"
            try PluginTemplate(kind: .consensus, language: .c, id: "org.example.mine").write(
                to: folder, share: "\(Fixture.root)/Packaging")
            #expect(
                system("cp '\(folder)/plugin.c' '\(folder)/before' && sed -i '\(change)' '\(folder)/plugin.c'") == 0)
            #expect(system("cmp -s '\(folder)/before' '\(folder)/plugin.c'") != 0)
            let include = "CPPFLAGS='-I\(Fixture.root)/Sources/CVinculum/include'"
            #expect(system("make -s -C '\(folder)' \(include)") == 0)
            let report = PluginChecker(launcher: PluginChildLauncher(program: Fixture.childProgram)).check(folder)
            let rule = report.results.first { $0.rule == .conformance }
            #expect(rule?.outcome == .failed && rule?.reason.contains(words) == true, "\(String(describing: rule))")
        }
    }

    @Test(arguments: [
        ("trap", CheckRule.conformance), ("hang", .conformance), ("out-of-descriptor", .conformance),
        ("frees-input", .conformance),
    ])
    func whatEndsTheChildIsACrash(source: String, rule: CheckRule) throws {
        let report = try check(source, callTimeout: .milliseconds(500))
        #expect(outcome(report, rule) == .crashed, "\(report.results)")
    }

    @Test(arguments: [
        ("no-entry", CheckRule.load), ("no-entry", .exports), ("wrong-major", .load), ("short-struct", .load),
        ("garbage", .conformance), ("past-sink", .conformance), ("opens-file", .symbols),
    ])
    func whatBreaksARuleFailsIt(source: String, rule: CheckRule) throws {
        let report = try check(source)
        #expect(outcome(report, rule) == .failed, "\(report.results)")
        #expect(!report.hasPassed)
    }

    @Test func anotherLibraryThanThePromisedOneFailsItsRule() throws {
        let fixture = try Fixture("good")
        defer { fixture.remove() }
        #expect(system("printf x >> '\(fixture.library)'") == 0)
        let report = PluginChecker(launcher: PluginChildLauncher(program: Fixture.childProgram)).check(
            fixture.manifestPath)
        #expect(outcome(report, .digest) == .failed && !report.hasPassed)
        #expect(outcome(report, .load) == .skipped)
    }

    @Test func aBadSignatureFailsItsRuleAndNoneDoesNot() throws {
        let fixture = try Fixture("good")
        defer { fixture.remove() }
        let checker = PluginChecker(
            launcher: PluginChildLauncher(program: Fixture.childProgram), fuzzCalls: 10,
            trustedKeysFolder: "\(fixture.prefix)/etc/vinculum/trusted-keys")
        #expect(outcome(checker.check(fixture.manifestPath), .signature) == .skipped)
        try Fixture.write(fixture.manifestPath + ".minisig", "nonsense")
        let report = checker.check(fixture.manifestPath)
        #expect(outcome(report, .signature) == .failed && !report.hasPassed)
    }

    @Test func anotherMajorInTheManifestFailsTheFirstRule() throws {
        let fixture = try Fixture("good")
        defer { fixture.remove() }
        try fixture.writeManifest(abiMajor: 2)
        let report = PluginChecker(launcher: PluginChildLauncher(program: Fixture.childProgram)).check(
            fixture.manifestPath)
        #expect(report.results.first?.rule == .manifest && report.results.first?.outcome == .failed)
    }

    @Test func theConformanceDigestIsOfTheBehaviourAndNotOfTheBuild() throws {
        let fixture = try Fixture("good")
        let other = try Fixture("good", flags: "-O3 -DBUILT_OTHERWISE -g")
        defer {
            fixture.remove()
            other.remove()
        }
        let checker = PluginChecker(
            launcher: PluginChildLauncher(program: Fixture.childProgram), seed: 3, fuzzCalls: 10)
        let first = checker.check(fixture.manifestPath)
        let digest = try #require(first.conformanceDigest)
        #expect(outcome(first, .conformanceDigest) == .warned && first.hasPassed)
        #expect(fixture.sha256 != other.sha256)
        #expect(checker.check(other.manifestPath).conformanceDigest == digest)
        try fixture.writeManifest(extra: "conformance_digest = \"\(digest.hex)\"")
        #expect(outcome(checker.check(fixture.manifestPath), .conformanceDigest) == .passed)
        try fixture.writeManifest(extra: "conformance_digest = \"\(String(repeating: "ab", count: 32))\"")
        let wrong = checker.check(fixture.manifestPath)
        #expect(outcome(wrong, .conformanceDigest) == .failed && !wrong.hasPassed)
    }

    @Test func aPluginIsFoundByFolderManifestOrLibrary() throws {
        let fixture = try Fixture("good")
        defer { fixture.remove() }
        let manifest = try fixture.package()
        let checker = PluginChecker(launcher: PluginChildLauncher(program: Fixture.childProgram), fuzzCalls: 10)
        for path in [manifest, "\(fixture.prefix)/package", "\(fixture.prefix)/package/engine.so"] {
            #expect(checker.check(path).hasPassed, "\(path)")
        }
    }

    @Test func aMissingManifestFailsAndSkipsTheRest() {
        let report = PluginChecker().check("/nonexistent/plugin.toml")
        #expect(report.results.first?.outcome == .failed)
        #expect(report.results.dropFirst().allSatisfy { $0.outcome == .skipped })
    }
}
