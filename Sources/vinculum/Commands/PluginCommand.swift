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
            ],
            limits: "A running node takes a change over when it is started again.",
            exits: [.ok, .failed, .usage, .notFound, .notProven]
        ).text,
        subcommands: [
            PluginList.self, PluginInfo.self, PluginVerify.self, PluginInstall.self, PluginEnable.self,
            PluginDisable.self, PluginDoctor.self, PluginCheck.self,
        ])
}

/// Where plugins are looked for.
struct PluginOptions: ParsableArguments {
    @OptionGroup(title: "Folder options") var folder: FolderOptions

    func registry() throws -> PluginRegistry {
        let configuration = try folder.configuration()
        return PluginCatalogue(
            folder: configuration.pluginFolder, trustedKeysFolder: configuration.trustedKeysFolder,
            allowedUnsigned: configuration.allowedUnsigned
        ).registry
    }
}

/// How a plugin is shown.
enum PluginReport {
    static func document(_ plugin: InstalledPlugin) -> CBORMap {
        let manifest = plugin.manifest
        var map = CBORMap()
        map["id"] = .text(manifest.id)
        map["name"] = .text(manifest.name)
        map["kind"] = .text(manifest.kind.rawValue)
        map["version"] = .text("\(manifest.version)")
        map["summary"] = .text(manifest.summary)
        map["vendor"] = .text(manifest.vendor)
        map["licence"] = .text(manifest.licence)
        map["library"] = .text(manifest.library)
        map["sha256"] = manifest.sha256.map { .text($0.hex) } ?? .null
        map["language"] = .text(manifest.language.rawValue)
        map["abi"] = .text("\(manifest.abiMajor).\(manifest.abiMinor)")
        map["swift_runtime"] = manifest.swiftRuntime.map { .text($0) } ?? .null
        map["isolation"] = .text(manifest.isolation.rawValue)
        map["services"] = .array(manifest.services.map(\.rawValue).sorted().map { .text($0) })
        map["requires"] = .array(manifest.requires.map { .text($0) })
        map["conflicts"] = .array(manifest.conflicts.map { .text($0) })
        map["manifest"] = .text(plugin.manifestPath)
        map["enabled"] = .bool(plugin.isEnabled)
        return map
    }

    static func text(_ plugin: InstalledPlugin, _ style: Style) -> String {
        let manifest = plugin.manifest
        var facts = FactList()
        facts.add("plugin", "\(style.bold(manifest.id)) \(manifest.version)")
        facts.add("what", manifest.summary)
        facts.add("kind", manifest.kind.rawValue)
        facts.add("state", plugin.isEnabled ? style.good("enabled") : "installed, not enabled")
        facts.add("vendor", "\(manifest.vendor), \(manifest.licence)")
        facts.add("library", "\(manifest.library), sha256 \(manifest.sha256?.hex ?? "missing")")
        facts.add("interface", "ABI \(manifest.abiMajor).\(manifest.abiMinor), \(manifest.language.rawValue)")
        facts.add("isolation", manifest.isolation.rawValue)
        facts.add("services", manifest.services.map(\.rawValue).sorted().joined(separator: ", "))
        if !manifest.requires.isEmpty { facts.add("requires", manifest.requires.joined(separator: ", ")) }
        if !manifest.conflicts.isEmpty { facts.add("conflicts", manifest.conflicts.joined(separator: ", ")) }
        for setting in manifest.settings {
            facts.add("setting", "\(setting.key): \(setting.summary) (default \(setting.defaultValue ?? "none"))")
        }
        facts.add("manifest", plugin.manifestPath)
        return facts.text(style)
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
        commandName: "info", abstract: "Show what a plugin's manifest says.",
        discussion: HelpText(
            why: "Services that it wants, settings that it takes, how it is isolated.",
            examples: [("vinculum plugin info privacy-dp", "by name or id")], exits: [.ok, .failed, .usage, .notFound]
        ).text)

    @Argument(help: "The plugin's name or id.") var name: String
    @OptionGroup var plugins: PluginOptions
    @OptionGroup var output: OutputOptions

    func execute() async throws -> ExitStatus {
        let plugin = try plugins.registry().find(name)
        output.emit("plugin", PluginReport.document(plugin)) { PluginReport.text(plugin, $0) }
        return .ok
    }
}

struct PluginVerify: VinculumCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify", abstract: "Check a plugin's ABI, signature, age and digest; no code of it runs.",
        discussion: HelpText(
            why: "The same checks as before each load.",
            examples: [("vinculum plugin verify consensus-solo", "exits with 69 if one fails")],
            exits: [.ok, .failed, .usage, .notFound, .notProven]
        ).text)

    @Argument(help: "The plugin's name or id.") var name: String
    @Flag(help: "Accept a version older than one that was enabled here before.") var allowOlder = false
    @OptionGroup var plugins: PluginOptions
    @OptionGroup var output: OutputOptions

    func execute() async throws -> ExitStatus {
        let registry = try plugins.registry()
        let plugin = try registry.find(name)
        _ = try registry.verify(plugin, allowOlder: allowOlder)
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
            why: "Verifies it first, and that it fits the other enabled plugins.",
            examples: [("vinculum plugin enable verify-benchmark", "then start the node again")],
            exits: [.ok, .failed, .usage, .notFound, .notProven]
        ).text)

    @Argument(help: "The plugin's name or id.") var name: String
    @Flag(help: "Accept a version older than one that was enabled here before.") var allowOlder = false
    @OptionGroup var plugins: PluginOptions
    @OptionGroup var output: OutputOptions

    func execute() async throws -> ExitStatus {
        let registry = try plugins.registry()
        try registry.enable(name, allowOlder: allowOlder)
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
        try registry.disable(name)
        let plugin = try registry.find(name)
        output.emit("plugin", PluginReport.document(plugin)) { _ in
            "\(plugin.manifest.id) is disabled; a running node keeps it until it is started again"
        }
        return .ok
    }
}

struct PluginDoctor: VinculumCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor", abstract: "Check every installed plugin, and how the enabled ones fit together.",
        discussion: HelpText(
            why: "Finds a bad signature or a missing requirement before a node trips over it.",
            examples: [("vinculum plugin doctor", "one line a plugin")], exits: [.ok, .failed, .usage]
        ).text)

    @OptionGroup var plugins: PluginOptions
    @OptionGroup var output: OutputOptions

    func execute() async throws -> ExitStatus {
        let registry = try plugins.registry()
        let (found, problems) = registry.list()
        var findings = problems.map {
            NodeHealth.Finding(
                check: "manifest", healthy: false, detail: $0.description, mend: "install the plugin again")
        }
        for plugin in found {
            let name = plugin.manifest.name
            do throws(PluginError) {
                _ = try registry.verify(plugin)
                findings.append(.init(check: name, healthy: true, detail: "verified, \(plugin.manifest.version)"))
            } catch {
                findings.append(
                    .init(
                        check: name, healthy: false, detail: error.description,
                        mend: plugin.isEnabled
                            ? "vinculum plugin disable \(name), or install it again" : "install it again"))
            }
        }
        do throws(PluginError) {
            try registry.checkRelations(found.filter(\.isEnabled))
        } catch {
            findings.append(
                .init(
                    check: "relations", healthy: false, detail: error.description, mend: "enable or disable one of them"
                ))
        }
        if found.isEmpty {
            findings.append(
                .init(
                    check: "plugins", healthy: false, detail: "none in \(registry.folders.available)",
                    mend: "set plugins.folder, or install plugins"))
        }
        return HealthReport.emit("plugin-doctor", NodeHealth(findings: findings), output)
    }
}
