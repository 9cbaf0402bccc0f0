import Node
import PluginHost
import Primitives

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
        map["conformance_digest"] = manifest.conformanceDigest.map { .text($0.hex) } ?? .null
        map["isolation"] = .text(manifest.isolation.rawValue)
        map["services"] = .array(manifest.services.map(\.rawValue).sorted().map { .text($0) })
        map["requires"] = .array(manifest.requires.map { .text($0) })
        map["conflicts"] = .array(manifest.conflicts.map { .text($0) })
        map["manifest"] = .text(plugin.manifestPath)
        map["enabled"] = .bool(plugin.isEnabled)
        return map
    }

    /// The manifest, and what is known beyond it: whether it holds, who signed it, where it runs.
    static func document(_ information: PluginInformation) -> CBORMap {
        var map = document(information.plugin)
        map["verified"] = .bool(information.problem == nil)
        map["problem"] = information.problem.map { .text($0.description) } ?? .null
        map["signed_by"] = information.signer?.keyIDText.map { .text($0) } ?? .null
        map["runs_in"] = information.isolation.map { .text($0 == .process ? "process" : "host") } ?? .null
        map["runs_in_because"] = .text(information.isolationReason)
        map["settings"] = .array(
            information.plugin.manifest.settings.map { setting in
                var row = CBORMap()
                row["key"] = .text(setting.key)
                row["default"] = setting.defaultValue.map { .text($0) } ?? .null
                row["summary"] = .text(setting.summary)
                return .map(row)
            })
        return map
    }

    /// What the registry's doctor found, as findings of this program.
    static func findings(_ found: [PluginFinding]) -> [NodeHealth.Finding] {
        found.map { finding in
            NodeHealth.Finding(
                check: finding.plugin, healthy: finding.problem == nil, detail: finding.problem ?? finding.detail,
                mend: finding.problem == nil ? nil : finding.remedy)
        }
    }

    static func text(_ information: PluginInformation, _ style: Style) -> String {
        let plugin = information.plugin
        let manifest = plugin.manifest
        var facts = FactList()
        facts.add("plugin", "\(style.bold(manifest.id)) \(manifest.version)")
        facts.add("what", manifest.summary)
        facts.add("kind", manifest.kind.rawValue)
        facts.add("state", plugin.isEnabled ? style.good("enabled") : "installed, not enabled")
        facts.add("vendor", "\(manifest.vendor), \(manifest.licence)")
        facts.add("library", "\(manifest.library), sha256 \(manifest.sha256?.hex ?? "missing")")
        if let digest = manifest.conformanceDigest { facts.add("conformance", digest.hex) }
        facts.add("interface", "ABI \(manifest.abiMajor).\(manifest.abiMinor), \(manifest.language.rawValue)")
        if let problem = information.problem {
            facts.add("checks", style.bad("fails: ") + problem.description)
            if let remedy = problem.remedy { facts.add("to do", remedy) }
        } else {
            facts.add("checks", style.good("verified"))
        }
        switch information.signer {
        case .project(let key): facts.add("signed by", "\(key.keyIDText), a key of the project")
        case .other(let key): facts.add("signed by", "\(key.keyIDText), a key that you trust")
        case .nobody: facts.add("signed by", "nobody; its sha256 is named in the configuration")
        case nil: break
        }
        if let isolation = information.isolation {
            let place = isolation == .process ? "in a process of its own" : "in the host's process"
            facts.add("runs", "\(place): \(information.isolationReason)")
        }
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
