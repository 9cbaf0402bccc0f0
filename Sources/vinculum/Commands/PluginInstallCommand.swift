import ArgumentParser
import PluginHost

struct PluginInstall: VinculumCommand {
    static let configuration = CommandConfiguration(
        commandName: "install", abstract: "Copy a plugin's files to their places, if they hold; does not enable it.",
        discussion: HelpText(
            why:
                "The manifest, its signature, the library and its symbols are checked first: a refusal leaves nothing behind.",
            examples: [("vinculum plugin install ./my-plugin/plugin.toml", "the .so and .minisig lie beside it")],
            limits:
                "Replaces an installed version of the same plugin; a running node keeps the one that it has loaded.",
            exits: [.ok, .failed, .usage, .configuration, .notFound, .notProven, .exists]
        ).text)

    @Argument(help: "The manifest (TOML); the library that it names and its .minisig lie beside it.") var manifest:
        String
    @OptionGroup var consent: ConsentOptions
    @OptionGroup var plugins: PluginOptions
    @OptionGroup var output: OutputOptions

    func execute() async throws -> ExitStatus {
        let registry = try plugins.registry()
        let plugin = try registry.install(manifest: manifest, accepting: consent.accepted)
        output.emit("plugin", PluginReport.document(plugin)) { style in
            let name = plugin.manifest.name
            let next =
                plugin.isEnabled
                ? "\nIt is enabled: a running node takes this version over at its next start"
                : "\nEnable it with:\n  \(style.bold("vinculum plugin enable \(name)"))"
            return
                "\(plugin.manifest.id) \(plugin.manifest.version) is installed in \(registry.folders.libraries)\(next)"
        }
        return .ok
    }
}
