import ArgumentParser
import Glibc
import PluginHost
import Primitives

struct PluginCheck: VinculumCommand {
    static let configuration = CommandConfiguration(
        commandName: "check", abstract: "Try a plugin against the numbered rules of its kind, in child processes.",
        discussion: HelpText(
            why: "For authors: each rule has an id and a sentence, and says what broke it. The seed repeats a run.",
            examples: [
                ("vinculum plugin check .", "the plugin whose plugin.toml lies here, built by make or swift build"),
                ("vinculum plugin check ./libmy-plugin.so --seed 7", "by its library"),
                ("vinculum plugin check privacy-dp", "an installed one"),
            ],
            limits: "Rules that need a network or the programs of a task are skipped for bridges and runtimes.",
            exits: [.ok, .failed, .usage, .configuration, .notFound]
        ).text)

    @Argument(help: "A manifest, the folder that holds plugin.toml, a library, or the name of an installed plugin.")
    var plugin: String
    @Option(help: "The library, if it does not lie beside the manifest or where swift build puts it.")
    var library: String?
    @Option(help: "Where random input starts from.") var seed: UInt64 = 1
    @Option(help: ArgumentHelp("How many random inputs to send.", valueName: "count")) var fuzzCalls: Int = 500
    @OptionGroup var plugins: PluginOptions
    @OptionGroup var output: OutputOptions

    mutating func validate() throws {
        guard (0...1_000_000).contains(fuzzCalls) else {
            throw ValidationError("--fuzz-calls takes a number from 0 to 1000000")
        }
    }

    func execute() async throws -> ExitStatus {
        let registry = try plugins.registry()
        let checker = PluginChecker(
            seed: seed, fuzzCalls: fuzzCalls, trustedKeysFolder: registry.folders.trustedKeys)
        let report: CheckReport
        if access(plugin, F_OK) == 0 {
            report = checker.check(plugin, library: library)
        } else {
            // Without a file of that name it is the name of a plugin; a path that leads nowhere is named as such.
            guard !plugin.contains("/") else {
                throw CommandFailure(.notFound, "there is no \(plugin)", hint: "build the plugin first")
            }
            let found = try registry.find(plugin)
            report = checker.check(
                found.manifestPath, library: library ?? "\(registry.folders.libraries)/\(found.manifest.library)")
        }
        output.emit("plugin-check", report.document) { style in
            var table = Table("RULE", "OUTCOME", "WHY")
            for result in report.results {
                table.add(
                    result.rule.rawValue, result.outcome.rawValue,
                    result.reason.isEmpty ? result.rule.sentence : result.reason)
            }
            let verdict = report.hasPassed ? style.good("passed") : style.bad("failed")
            let digest = report.conformanceDigest.map { "\nconformance_digest = \"\($0.hex)\"" } ?? ""
            let name = report.version.isEmpty ? report.plugin : "\(report.plugin) \(report.version)"
            return "\(table.text(style))\n\(name): \(verdict), seed \(report.seed)\(digest)"
        }
        return report.hasPassed ? .ok : .failed
    }
}
