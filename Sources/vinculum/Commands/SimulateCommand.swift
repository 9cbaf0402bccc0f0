import ArgumentParser
import Glibc
import Node
import PluginHost
import Primitives
import Simulator
import Synchronization

struct Simulate: VinculumCommand {
    static let configuration = CommandConfiguration(
        abstract: "Run a consensus engine through faults in virtual time, from seeds, and look for broken rules.",
        discussion: HelpText(
            why:
                "Drives the very library that a node loads: lost and late messages, partitions, crashes at every "
                + "write, disks and clocks that do not keep their word, and validators that break the rules, fewer "
                + "than a third. Looks for forks, blocks that are not valid, votes that contradict one another, "
                + "honest validators that are accused, wrong times, and for networks that do not go on after the "
                + "faults. A seed and a library give the same run on every machine.",
            examples: [
                ("vinculum simulate --seeds 1..1000", "consensus-pos, four validators, all faults"),
                ("vinculum simulate --engine consensus-solo --validators 1", "an engine with one validator"),
                ("vinculum simulate --engine ./build/plugin.toml --faults loss,crash", "one that you have just built"),
                ("vinculum simulate --seeds 17 --trace run.txt", "every event and effect of one seed"),
            ],
            limits: "The engine runs in this process, signed or not: name a library by its path only if you trust it. "
                + "Faults: all, none, or a list of " + Fault.allCases.map(\.rawValue).joined(separator: ", ") + ".",
            exits: [.ok, .failed, .usage, .configuration, .notFound, .notProven, .found]
        ).text)

    @Option(help: ArgumentHelp("Seeds, from the first to the last.", valueName: "a..b")) var seeds = "1..100"
    @Option(help: ArgumentHelp("Validators at a time, from 1 to 100.", valueName: "count")) var validators = 4
    @Option(
        help: ArgumentHelp(
            "An installed engine's name or id, or the path of a manifest, its folder, or a library beside one.",
            valueName: "engine"))
    var engine = "consensus-pos"
    @Option(help: ArgumentHelp("What goes wrong: names from the list above.", valueName: "list")) var faults = "all"
    @Option(help: ArgumentHelp("Blocks to decide for each seed, from 1 to 100000.", valueName: "count"))
    var heights: UInt64 = 20
    @Option(
        name: .customLong("parameter"),
        help: ArgumentHelp("A key of the engine's section of the genesis.", valueName: "key=value"))
    var parameters: [String] = []
    @Option(help: ArgumentHelp("Seeds that run at a time (default: one a core).", valueName: "count"))
    var threads: Int?
    @Option(help: ArgumentHelp("Write every event and effect of one seed; - for standard output.", valueName: "file"))
    var trace: String?
    @OptionGroup var plugins: PluginOptions
    @OptionGroup var output: OutputOptions

    mutating func validate() throws {
        guard let range = SeedRange(seeds) else {
            throw ValidationError("--seeds takes a number or A..B with A at most B, not '\(seeds)'")
        }
        guard (1...100).contains(validators) else { throw ValidationError("--validators takes a number from 1 to 100") }
        guard (1...100_000).contains(heights) else {
            throw ValidationError("--heights takes a number from 1 to 100000")
        }
        guard (1...256).contains(threads ?? 1) else { throw ValidationError("--threads takes a number from 1 to 256") }
        if trace != nil, range.seeds.count != 1 { throw ValidationError("--trace takes one seed: --seeds 17") }
        if trace == "-", output.json { throw ValidationError("--trace - and --json both want standard output") }
        do throws(UnknownFault) { _ = try Fault.list(faults) } catch { throw ValidationError("\(error)") }
        _ = try settings
    }

    private var settings: [String: String] {
        get throws {
            var settings: [String: String] = [:]
            for parameter in parameters {
                guard let equals = parameter.firstIndex(of: "="), equals != parameter.startIndex else {
                    throw ValidationError("--parameter takes KEY=VALUE, not '\(parameter)'")
                }
                settings[String(parameter[..<equals])] = String(parameter[parameter.index(after: equals)...])
            }
            return settings
        }
    }

    func execute() async throws -> ExitStatus {
        let factory = try loadEngine()
        let chosen = try Fault.list(faults)
        guard let range = SeedRange(seeds)?.seeds else { throw ValidationError("--seeds") }
        let simulation = Simulation(
            validators: validators, faults: chosen, heights: heights, parameters: try settings
        ) { _ in try LibraryEngine(factory) }
        let collector = SimulationCollector(range, note: { [output] text in output.note(text) })
        EngineDeath.report(repeating: arguments)
        let began = ContinuousClock.now
        let file = try trace.map { path throws(FileError) in try TraceFile(path) }
        try await inThread {
            if let file {
                _ = collector.take(simulation.run(seed: range.lowerBound, trace: Trace { file.write($0) }))
                try file.close()
            } else {
                // With fewer threads than were asked for it takes longer, and finds the same.
                try? simulation.run(seeds: range, threads: threads ?? Self.coreCount) { collector.take($0) }
            }
        }
        let report = SimulationReport(
            engine: factory.manifest.id, version: "\(factory.manifest.version)", sha256: factory.sha256.hex,
            seeds: range, validators: validators, heights: heights, faults: chosen,
            parameters: try settings, totals: collector.totals, wall: .now - began,
            repeating: { repeating($0) })
        if trace == "-" {
            Console.write(report.text(output.style), to: .errors)
        } else {
            output.emit("simulate", report.document) { report.text($0) }
        }
        return report.totals.findings.isEmpty ? .ok : .found
    }

    private static var coreCount: Int { max(1, min(256, Int(sysconf(Int32(_SC_NPROCESSORS_ONLN))))) }

    /// A file that is there is taken for a library of the caller's own; else it is a plugin's name.
    private func loadEngine() throws -> ConsensusFactory {
        if engine.contains("/") || engine.hasSuffix(".so") || engine.hasSuffix(".toml") {
            guard access(engine, F_OK) == 0 else {
                throw CommandFailure(.notFound, "there is no \(engine)", hint: "build the plugin first")
            }
            return try ConsensusFactory(manifest: engine, library: engine.hasSuffix(".so") ? engine : nil)
        }
        return try plugins.registry().consensusFactory(engine)
    }

    /// The command that does one seed again.
    private func repeating(_ seed: UInt64) -> String { "vinculum simulate --seeds \(seed) \(arguments)" }

    private var arguments: String {
        let words = [
            "--validators \(validators)", "--engine \(engine)", "--faults \(faults)", "--heights \(heights)",
        ]
        return (words + parameters.map { "--parameter \($0)" }).joined(separator: " ")
    }

    /// Long computations have no place on Swift's cooperative pool.
    private func inThread(_ body: @escaping @Sendable () throws -> Void) async throws {
        try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
            do throws(FileError) {
                try DetachedThread.start(name: "simulate") { continuation.resume(with: Result { try body() }) }
            } catch {
                continuation.resume(throwing: error)
            }
        }
    }
}

/// Adds up what comes of seeds. Safe from any thread.
final class SimulationCollector: Sendable {
    struct Totals: Sendable {
        var seeds: UInt64 = 0
        var blocks: UInt64 = 0
        var steps: UInt64 = 0
        var virtualMilliseconds: UInt64 = 0
        var forksLookedAt: UInt64 = 0
        var counts = FaultCounts()
        var findings: [(seed: UInt64, rule: String)] = []
    }

    private let state = Mutex(Totals())
    private let wanted: UInt64
    private let note: @Sendable (String) -> Void

    init(_ seeds: ClosedRange<UInt64>, note: @escaping @Sendable (String) -> Void) {
        wanted = UInt64(seeds.count)
        self.note = note
    }

    var totals: Totals { state.withLock { $0 } }

    /// - Returns: whether the simulation goes on: a thousand findings are enough.
    func take(_ outcome: Simulation.Outcome) -> Bool {
        let (seeds, findings) = state.withLock { totals in
            totals.seeds += 1
            totals.blocks += outcome.heights
            totals.steps += outcome.steps
            totals.virtualMilliseconds += outcome.virtualMilliseconds
            totals.forksLookedAt += outcome.hasForked ? 1 : 0
            totals.counts.add(outcome.counts)
            if let rule = outcome.finding { totals.findings.append((outcome.seed, rule)) }
            return (totals.seeds, totals.findings.count)
        }
        if seeds.isMultiple(of: 1_000), seeds < wanted { note("\(seeds) of \(wanted) seeds, \(findings) findings") }
        return findings < 1_000
    }
}
