import ArgumentParser
import PluginHost
import Primitives

struct PluginCheck: VinculumCommand {
    static let configuration = CommandConfiguration(
        commandName: "check", abstract: "Try a plugin against the numbered rules of its kind, in child processes.",
        discussion: HelpText(
            why: "For authors: each rule has an id and a sentence, and says what broke it. The seed repeats a run.",
            examples: [("vinculum plugin check ./my-plugin/plugin.toml --seed 7", "the .so lies beside it")],
            limits: "Rules that need a network or the programs of a task are skipped for bridges and runtimes.",
            exits: [.ok, .failed, .usage]
        ).text)

    @Argument(help: "The manifest (TOML).") var manifest: String
    @Option(help: "The library, if it does not lie beside the manifest.") var library: String?
    @Option(help: "Where random input starts from.") var seed: UInt64 = 1
    @Option(help: "How many random inputs to send.") var fuzzCalls: Int = 500
    @OptionGroup var output: OutputOptions

    func execute() async throws -> ExitStatus {
        let report = PluginChecker(seed: seed, fuzzCalls: fuzzCalls).check(manifest: manifest, library: library)
        var document = CBORMap()
        document["plugin"] = .text(report.plugin)
        document["version"] = .text(report.version)
        document["seed"] = .text("\(report.seed)")
        document["passed"] = .bool(report.hasPassed)
        document["results"] = .array(
            report.results.map { result in
                var row = CBORMap()
                row["rule"] = .text(result.rule.rawValue)
                row["outcome"] = .text(result.outcome.rawValue)
                row["sentence"] = .text(result.rule.sentence)
                row["reason"] = .text(result.reason)
                return .map(row)
            })
        output.emit("plugin-check", document) { style in
            var table = Table("RULE", "OUTCOME", "WHY")
            for result in report.results {
                table.add(
                    result.rule.rawValue, result.outcome.rawValue,
                    result.reason.isEmpty ? result.rule.sentence : result.reason)
            }
            let verdict = report.hasPassed ? style.good("passed") : style.bad("failed")
            return "\(table.text(style))\n\(report.plugin) \(report.version): \(verdict), seed \(report.seed)"
        }
        return report.hasPassed ? .ok : .failed
    }
}
