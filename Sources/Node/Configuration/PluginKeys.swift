import PluginHost

/// The keys with which an operator decides where plugins run and which unsigned ones are taken: the same in `node.toml`
/// and `site.toml`.
enum PluginKeys {
    static let keys: [ConfigurationKey] = [
        .init(
            "plugins.trusted_keys_folder", .text(choices: nil), default: .text(""),
            "Public minisign keys whose signatures on manifests are believed; empty: those of the installation. "
                + "Files vinculum-*.pub and development.pub hold keys of the project, others those of other signers."),
        .init(
            "plugins.allow_unsigned_sha256", .textList, default: .list([]),
            "Digests (hex) of unsigned plugin libraries that the operator takes responsibility for."),
        .init(
            "plugins.isolation", .text(choices: ["manifest", "process"]), default: .text("manifest"),
            "manifest: as each plugin's manifest says; bridges, runtimes and plugins that the project has not signed "
                + "get a process of their own. process: every plugin does."),
        .init(
            "plugins.isolated", .textList, default: .list([]),
            "Ids of plugins that get a process of their own, whatever their manifests say."),
        .init(
            "plugins.in_process", .textList, default: .list([]),
            "Ids of plugins that run in this program's own process, where a crash of theirs ends it. plugins.isolated "
                + "goes before this."),
    ]

    static func policy(_ resolved: ResolvedConfiguration) -> IsolationPolicy {
        IsolationPolicy(
            isolatesEverything: resolved.text("plugins.isolation") == "process",
            isolated: Set(resolved.list("plugins.isolated")), inProcess: Set(resolved.list("plugins.in_process")))
    }

    /// The operator's settings of one plugin, from `[plugin.ID]`, in the form that plugins take; the plugin's schema
    /// decides what is allowed. Empty where the file has no such table.
    static func settings(
        of id: String, _ resolved: ResolvedConfiguration
    ) throws(PluginError) -> [String: String] {
        guard case .table(let all) = resolved.openTables["plugin"], case .table(let own) = all[id] else { return [:] }
        var settings: [String: String] = [:]
        for (key, value) in own {
            switch value {
            case .text(let text): settings[key] = text
            case .integer(let number): settings[key] = "\(number)"
            case .boolean(let flag): settings[key] = flag ? "true" : "false"
            default:
                throw PluginError(
                    .setting, plugin: id, call: "configure",
                    "plugin.\"\(id)\".\(key) is not an integer, a boolean or text",
                    hint: "`vinculum plugin info \(id)` lists its settings")
            }
        }
        return settings
    }
}
