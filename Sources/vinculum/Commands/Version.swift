import ArgumentParser
import Primitives

struct Version: VinculumCommand {
    static let configuration = CommandConfiguration(
        abstract: "Print the version and what it is compatible with.",
        discussion: HelpText(
            why: "Reports and bug reports name the exact build.",
            examples: [("vinculum version --json", "the same for a program")], exits: [.ok]
        ).text)

    @OptionGroup var output: OutputOptions

    func execute() async throws -> ExitStatus {
        output.emit(
            "version",
            CBORMap([
                ("version", .text(Vinculum.versionText)), ("plugin_abi", .text("1.0")), ("api", .text("v1")),
                ("rules_versions", .array([.unsigned(1)])),
            ])
        ) { _ in "vinculum \(Vinculum.versionText) (plugin ABI 1.0, API v1, ledger rules 1)" }
        return .ok
    }
}
