import ArgumentParser
import Node
import PluginHost
import Primitives

struct Plugin: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "See, check and choose the plugins of this machine.",
        discussion: HelpText(
            why:
                "Installed is not enabled: a plugin is loaded after you enable it, if its signature holds.",
            examples: [
                ("vinculum plugin list", "what is installed"),
                ("vinculum plugin verify privacy-dp", "check signature and digest without loading it"),
                ("vinculum plugin new --help", "begin one of your own"),
            ],
            limits: "A running node takes a change over when it is started again.",
            exits: [.ok, .failed, .usage, .configuration, .notFound, .notProven]
        ).text,
        subcommands: [
            PluginList.self, PluginInfo.self, PluginVerify.self, PluginInstall.self, PluginEnable.self,
            PluginDisable.self, PluginDoctor.self, PluginCheck.self, PluginNew.self,
        ])
}

/// Where plugins are looked for.
struct PluginOptions: ParsableArguments {
    @OptionGroup(title: "Folder options") var folder: FolderOptions

    func registry() throws -> PluginRegistry {
        PluginCatalogue(try folder.configuration()).registry
    }
}

struct PluginList: VinculumCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "List installed plugins, and manifests that cannot be read.",
        discussion: HelpText(
            why: "Reads manifests only; no plugin's code runs.", examples: [("vinculum plugin list", "all of them")],
            exits: [.ok, .failed, .usage]
        ).text)

    @OptionGroup var plugins: PluginOptions
    @OptionGroup var output: OutputOptions

    func execute() async throws -> ExitStatus {
        let registry = try plugins.registry()
        let (found, problems) = registry.list()
        let documents = found.map { CBORValue.map(PluginReport.document($0)) }
        let faults = problems.map { CBORValue.text($0.description) }
        output.emit("plugins", CBORMap([("plugins", .array(documents)), ("problems", .array(faults))])) { style in
            var table = Table("NAME", "KIND", "VERSION", "STATE", "WHAT")
            for plugin in found {
                table.add(
                    plugin.manifest.name, plugin.manifest.kind.rawValue, "\(plugin.manifest.version)",
                    plugin.isEnabled ? "enabled" : "installed", plugin.manifest.summary)
            }
            let text = found.isEmpty ? "no plugins in \(registry.folders.available)" : table.text(style)
            return ([text] + problems.map { style.bad("problem: ") + $0.description }).joined(separator: "\n")
        }
        return problems.isEmpty ? .ok : .failed
    }
}

struct PluginInfo: VinculumCommand {
    static let configuration = CommandConfiguration(
        commandName: "info", abstract: "Show what a plugin's manifest says, who signed it, and where it would run.",
        discussion: HelpText(
            why:
                "Services that it wants, settings that it takes, and whether everything holds that is checked before a load.",
            examples: [("vinculum plugin info privacy-dp", "by name or id")],
            limits: "Says what is wrong and still exits with 0; `vinculum plugin verify` exits with an error.",
            exits: [.ok, .failed, .usage, .configuration, .notFound]
        ).text)

    @Argument(help: "The plugin's name or id.") var name: String
    @OptionGroup var plugins: PluginOptions
    @OptionGroup var output: OutputOptions

    func execute() async throws -> ExitStatus {
        let information = try plugins.registry().information(name)
        output.emit("plugin", PluginReport.document(information)) { PluginReport.text(information, $0) }
        return .ok
    }
}

/// What an operator accepts by name.
struct ConsentOptions: ParsableArguments {
    @Flag(help: "Accept a version older than one that was installed or enabled here before.") var allowOlder = false
    @Flag(help: "Accept another signer than that of the version that was enabled here before.")
    var allowOtherSigner = false
    @Flag(help: "Accept a library whose symbols the lint of `vinculum plugin check` refuses.")
    var allowSymbols = false

    var accepted: PluginConsent {
        var accepted: PluginConsent = []
        if allowOlder { accepted.insert(.olderVersion) }
        if allowOtherSigner { accepted.insert(.otherSigner) }
        if allowSymbols { accepted.insert(.foreignSymbols) }
        return accepted
    }
}

struct PluginVerify: VinculumCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "Check a plugin's ABI, signature, age, digest and symbols; no code of it runs.",
        discussion: HelpText(
            why: "The same checks as before it is installed or enabled.",
            examples: [("vinculum plugin verify consensus-solo", "exits with 69 if one fails")],
            exits: [.ok, .failed, .usage, .configuration, .notFound, .notProven]
        ).text)

    @Argument(help: "The plugin's name or id.") var name: String
    @OptionGroup var consent: ConsentOptions
    @OptionGroup var plugins: PluginOptions
    @OptionGroup var output: OutputOptions

    func execute() async throws -> ExitStatus {
        let registry = try plugins.registry()
        let plugin = try registry.find(name)
        try registry.verify(plugin, accepting: consent.accepted)
        output.emit("plugin-verify", PluginReport.document(plugin)) { style in
            "\(style.good("verified")): \(plugin.manifest.id) \(plugin.manifest.version)"
        }
        return .ok
    }
}

struct PluginEnable: VinculumCommand {
    static let configuration = CommandConfiguration(
        commandName: "enable", abstract: "Let nodes load a plugin from their next start on.",
        discussion: HelpText(
            why: "Verifies it first, its symbols too, and that it fits the other enabled plugins.",
            examples: [("vinculum plugin enable verify-benchmark", "then start the node again")],
            exits: [.ok, .failed, .usage, .configuration, .notFound, .notProven]
        ).text)

    @Argument(help: "The plugin's name or id.") var name: String
    @OptionGroup var consent: ConsentOptions
    @OptionGroup var plugins: PluginOptions
    @OptionGroup var output: OutputOptions

    func execute() async throws -> ExitStatus {
        let registry = try plugins.registry()
        try registry.enable(name, accepting: consent.accepted)
        let plugin = try registry.find(name)
        output.emit("plugin", PluginReport.document(plugin)) { _ in
            "\(plugin.manifest.id) is enabled; a running node takes it over at its next start"
        }
        return .ok
    }
}

struct PluginDisable: VinculumCommand {
    static let configuration = CommandConfiguration(
        commandName: "disable", abstract: "Keep nodes from loading a plugin from their next start on.",
        discussion: HelpText(
            why: "The plugin stays installed. One that another enabled plugin requires is refused.",
            examples: [("vinculum plugin disable verify-benchmark", "then start the node again")],
            exits: [.ok, .failed, .usage, .notFound]
        ).text)

    @Argument(help: "The plugin's name or id.") var name: String
    @OptionGroup var plugins: PluginOptions
    @OptionGroup var output: OutputOptions

    func execute() async throws -> ExitStatus {
        let registry = try plugins.registry()
        let plugin = try registry.disable(name)
        let document = plugin.map(PluginReport.document) ?? CBORMap([("name", .text(name)), ("enabled", .bool(false))])
        output.emit("plugin", document) { _ in
            "\(plugin?.manifest.id ?? name) is disabled; a running node keeps it until it is started again"
        }
        return .ok
    }
}

struct PluginDoctor: VinculumCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor", abstract: "Check every installed plugin, and how the enabled ones fit together.",
        discussion: HelpText(
            why: "Finds a bad signature or a missing requirement before a node trips over it.",
            examples: [("vinculum plugin doctor", "one line a plugin")], exits: [.ok, .failed, .usage, .configuration]
        ).text)

    @OptionGroup var plugins: PluginOptions
    @OptionGroup var output: OutputOptions

    func execute() async throws -> ExitStatus {
        let findings = PluginReport.findings(try plugins.registry().doctor())
        return HealthReport.emit("plugin-doctor", NodeHealth(findings: findings), output)
    }
}
