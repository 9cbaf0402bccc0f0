import Glibc
public import Primitives

/// What is known of an installed plugin without running any of it.
public struct PluginInformation: Sendable {
    public let plugin: InstalledPlugin
    /// Nil if everything that is checked before loading holds.
    public let problem: PluginError?
    /// Id of the key that signed the manifest, as minisign prints it.
    public let signedBy: String?
    public let librarySHA256: Digest?
}

/// One finding of `plugin doctor`: what is wrong, and what to do.
public struct PluginFinding: Sendable, Hashable {
    public let plugin: String
    public let problem: String
    public let remedy: String
}

extension PluginRegistry {
    /// Everything that can be said without running the plugin.
    public func information(_ id: String) throws(PluginError) -> PluginInformation {
        let plugin = try find(id)
        var problem: PluginError?
        var digest: Digest?
        do throws(PluginError) { digest = try verify(plugin).sha256 } catch { problem = error }
        return PluginInformation(plugin: plugin, problem: problem, signedBy: signer(plugin), librarySHA256: digest)
    }

    private func signer(_ plugin: InstalledPlugin) -> String? {
        let path = plugin.manifestPath + ".minisig"
        guard let text = try? Files.text(path, limit: 1 << 16), let keys = try? TrustedKeys(folder: folders.trustedKeys)
        else { return nil }
        return (try? keys.verify(Array(plugin.text.utf8), signature: text, file: path))?.keyIDText
    }

    /// Copies a plugin from a folder that holds `plugin.toml`, `plugin.toml.minisig` and the library into this prefix.
    /// Everything is checked first, so that a refusal leaves nothing behind. Installed is not enabled, except that an
    /// upgrade keeps the operator's choice.
    @discardableResult
    public func install(from folder: String, allowOlder: Bool = false) throws(PluginError) -> InstalledPlugin {
        let source = folder + "/plugin.toml"
        let text = try Files.text(source, limit: 1 << 20)
        let manifest = try Manifest(text: text, file: source)
        var staging = folders
        staging.libraries = folder
        let candidate = InstalledPlugin(manifest: manifest, manifestPath: source, isEnabled: false, text: text)
        let sealed = try inFolders(staging).verify(candidate, allowOlder: allowOlder)
        let library = try Files.bytes("/proc/self/fd/\(sealed.descriptor)", limit: SealedLibrary.sizeLimit)
        try Files.makeFolder(folders.libraries)
        try Files.makeFolder(folders.available)
        // The manifest comes last: until it is there, nothing refers to the rest.
        try Files.write("\(folders.libraries)/\(manifest.library)", library, mode: 0o755)
        let target = "\(folders.available)/\(manifest.name).toml"
        if Files.exists(source + ".minisig") {
            try Files.write(target + ".minisig", try Files.bytes(source + ".minisig", limit: 1 << 16))
        }
        try Files.write(target, Array(text.utf8))
        return try find(manifest.id)
    }

    /// What an operator should know: manifests that cannot be read, enabled plugins that would not load, relations that
    /// do not hold, links that lead nowhere, keys that cannot be read.
    public func doctor() -> [PluginFinding] {
        var findings: [PluginFinding] = []
        let (plugins, problems) = list()
        for problem in problems {
            findings.append(
                PluginFinding(
                    plugin: problem.plugin, problem: problem.message,
                    remedy: "install the plugin again, or remove the file"))
        }
        do throws(PluginError) { _ = try TrustedKeys(folder: folders.trustedKeys) } catch {
            findings.append(
                PluginFinding(plugin: error.plugin, problem: error.message, remedy: "replace or remove this key file"))
        }
        let enabled = plugins.filter(\.isEnabled)
        for plugin in enabled {
            do throws(PluginError) { _ = try verify(plugin) } catch {
                findings.append(
                    PluginFinding(
                        plugin: plugin.manifest.id, problem: error.message,
                        remedy: "vinculum plugin disable \(plugin.manifest.name), or install a version that passes"))
            }
        }
        do throws(PluginError) { try checkRelations(enabled) } catch {
            findings.append(
                PluginFinding(
                    plugin: error.plugin, problem: error.message, remedy: "enable or disable one of the two plugins"))
        }
        let names = Set(plugins.map(\.manifest.name))
        for file in Files.list(folders.enabled) where file.hasSuffix(".toml") {
            let name = String(file.dropLast(5))
            guard !names.contains(name) else { continue }
            findings.append(
                PluginFinding(
                    plugin: name, problem: "is enabled and not installed",
                    remedy: "remove \(folders.enabled)/\(file), or install the plugin"))
        }
        return findings
    }
}
