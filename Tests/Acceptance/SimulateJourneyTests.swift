import Foundation
import TestSupport
import Testing

/// What `vinculum simulate --json` prints. Programs read it: a change that breaks them is another version.
private struct SimulationDocument: Decodable {
    struct Engine: Decodable {
        var id: String
        var version: String
        var sha256: String
    }

    struct Finding: Decodable {
        var seed: UInt64
        var rule: String
        var `repeat`: String
    }

    var schema: String
    var engine: Engine
    var first_seed: UInt64
    var last_seed: UInt64
    var validators: Int
    var heights: UInt64
    var faults: [String]
    var parameters: [String: String]
    var seeds: UInt64
    var blocks: UInt64
    var steps: UInt64
    var virtual_ms: UInt64
    var wall_ms: UInt64
    var forks_looked_at: UInt64
    var injected: [String: UInt64]
    var findings: [Finding]
}

/// The simulator as an author or an operator runs it: the installed program over installed libraries.
@Suite(.enabled(if: StagedProgram.isThere, StagedProgram.missing))
struct SimulateJourneyTests {
    private func run(_ arguments: String...) throws -> CommandResult {
        try StagedProgram.command(["simulate"] + arguments).run(timeout: .seconds(300))
    }

    private func document(_ result: CommandResult) throws -> SimulationDocument {
        try JSONDecoder().decode(SimulationDocument.self, from: Data(result.output.utf8))
    }

    @Test func aSoundEngineEndsWithNothingFound() throws {
        let result = try run("--seeds", "1..40", "--heights", "10", "--json")
        #expect(result.status == 0, "\(result.output.prefix(600))\(result.errors.prefix(600))")
        let report = try document(result)
        #expect(report.schema == "vinculum/simulate/1")
        #expect(report.engine.id == "org.vinculum.consensus-pos" && report.engine.sha256.count == 64)
        #expect(report.first_seed == 1 && report.last_seed == 40 && report.seeds == 40)
        #expect(report.validators == 4 && report.heights == 10 && report.parameters.isEmpty)
        #expect(report.blocks > 300 && report.steps > 10_000 && report.virtual_ms > 60_000 && report.wall_ms > 0)
        #expect(report.faults.count == report.injected.count && report.faults.contains("asymmetric-partition"))
        #expect((report.injected["loss"] ?? 0) > 100 && (report.injected["crash"] ?? 0) > 0)
        #expect(report.findings.isEmpty)
        let text = try run("--seeds", "1..3", "--heights", "5", "--engine", "consensus-poc", "--faults", "loss,crash")
        #expect(text.status == 0 && text.output.contains("seeds/s") && text.output.contains("nothing found"))
        #expect(text.output.contains("up to 30 % of messages are lost") && !text.output.contains("twins"))
    }

    /// consensus-solo refuses four validators: each seed shows it, and says how to see it again.
    @Test func aFindingHasItsSeedAndTheCommandThatRepeatsIt() throws {
        let result = try run("--seeds", "7..9", "--engine", "consensus-solo", "--faults", "none", "--json")
        #expect(result.status == 72, "\(result.output)\(result.errors)")
        let report = try document(result)
        #expect(report.findings.map(\.seed) == [7, 8, 9])
        let finding = try #require(report.findings.first)
        #expect(finding.rule.contains("consensus-solo needs one validator"))
        let words = finding.repeat.split(separator: " ").map(String.init)
        #expect(words.prefix(4) == ["vinculum", "simulate", "--seeds", "7"])
        let again = try StagedProgram.command(Array(words.dropFirst()) + ["--json"]).run()
        #expect(again.status == 72)
        #expect(try document(again).findings.map(\.rule) == [finding.rule])
    }

    @Test("two processes write the same trace, byte for byte") func tracesRepeat() throws {
        let folder = try TemporaryFolder()
        let traces = try ["one", "two"].map { name in
            let path = folder.path(name)
            let result = try run("--seeds", "23", "--heights", "10", "--trace", path)
            #expect(result.status == 0, "\(result.errors)")
            return try Data(contentsOf: URL(filePath: path))
        }
        #expect(traces[0].count > 100_000)
        #expect(traces[0] == traces[1])
        let printed = try run("--seeds", "23", "--heights", "10", "--trace", "-")
        #expect(Data(printed.output.utf8) == traces[0])
        #expect(printed.errors.contains("nothing found"))
        let other = try run("--seeds", "24", "--heights", "10", "--trace", "-")
        #expect(Data(other.output.utf8) != traces[0])
    }

    @Test func whatIsNoSimulationIsRefusedWithWhatThereIs() throws {
        let unknown = try run("--faults", "loss,thunder")
        #expect(unknown.status == 2 && unknown.errors.contains("no fault 'thunder'"))
        #expect(unknown.errors.contains("asymmetric-partition") && unknown.errors.contains("set-change"))
        for wrong in [
            ["--seeds", "9..3"], ["--validators", "0"], ["--heights", "0"], ["--parameter", "x"],
            ["--seeds", "1..2", "--trace", "-"], ["--seeds", "1", "--trace", "-", "--json"],
        ] {
            let result = try StagedProgram.command(["simulate"] + wrong).run()
            #expect(result.status == 2, "\(wrong): \(result.output)")
        }
        #expect(try run("--engine", "consensus-none").status == 68)
        #expect(try run("--engine", "./none.so").status == 68)
        #expect(try run("--engine", "privacy-dp").status == 1)
    }

    /// A library by its path, which nobody has signed; one that traps takes the program along, and the seed is known.
    @Test func anAuthorsLibraryThatTrapsLeavesItsSeed() throws {
        let folder = try TemporaryFolder()
        let root = URL(filePath: #filePath).resolvingSymlinksInPath().deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent().path
        let compiled = try Command(
            "cc",
            [
                "-std=gnu11", "-O1", "-shared", "-fPIC", "-fvisibility=hidden", "-w",
                "-I\(root)/Sources/CVinculum/include", "\(root)/Tests/PluginHost/Broken/trap.c", "-o",
                folder.path("engine.so"),
            ]
        ).run()
        #expect(compiled.status == 0, "\(compiled.errors)")
        let manifest = try folder.write(
            "plugin.toml",
            """
            manifest = 1
            id = "org.example.engine"
            name = "engine"
            kind = "vin.consensus/1"
            version = "1.0.0"
            summary = "An engine for tests"
            vendor = "tests"
            licence = "Apache-2.0"
            library = "engine.so"
            sha256 = ""
            language = "c"

            [abi]
            major = 1
            minor = 0

            [host]
            services = ["log"]
            """)
        let result = try run("--seeds", "5..6", "--engine", manifest, "--threads", "1", "--faults", "none")
        #expect(result.status == 128 + SIGILL || result.status == 128 + SIGTRAP, "\(result.status ?? -1)")
        #expect(result.errors.contains("seed 5: the engine ended this process"), "\(result.errors)")
        #expect(result.errors.contains("vinculum simulate --seeds 5 --validators 4 --engine \(manifest)"))
    }
}
