import Glibc
public import Primitives

/// What is known of an installed plugin without running any of it.
public struct PluginInformation: Sendable {
    public let plugin: InstalledPlugin
    /// Nil if everything that is checked before loading holds.
    public let problem: PluginError?
    /// Whose signature holds, or `.nobody` for a library that the operator named; nil if a check failed.
    public let signer: PluginSigner?
    public let librarySHA256: Digest?
    /// Where the plugin would run; nil if a check failed.
    public let isolation: PluginIsolation?
    public let isolationReason: String
}

/// One finding of `plugin doctor`: what is wrong, and what to do.
public struct PluginFinding: Sendable, Hashable {
    public let plugin: String
    /// Nil for a plugin that is well.
    public let problem: String?
    public let remedy: String?
    /// What is well.
    public let detail: String

    var isProblem: Bool { problem != nil }
}

extension PluginRegistry {
    /// Everything that can be said without running the plugin.
    public func information(_ id: String) throws(PluginError) -> PluginInformation {
        let plugin = try find(id)
        do throws(PluginError) {
            let (library, signer) = try examine(plugin)
            let (place, reason) = isolation.decide(plugin.manifest, signer: signer)
            return PluginInformation(
                plugin: plugin, problem: nil, signer: signer, librarySHA256: library.sha256, isolation: place,
                isolationReason: reason)
        } catch {
            return PluginInformation(
                plugin: plugin, problem: error, signer: nil, librarySHA256: nil, isolation: nil, isolationReason: "")
        }
    }

    /// Copies a plugin into this prefix: its manifest, the signature (`MANIFEST.minisig`) and the library, which lie
    /// beside one another.
    ///
    /// Everything is checked first, so that a refusal leaves nothing behind. Installed is not enabled, except that an
    /// upgrade keeps the operator's choice. The library comes first and the manifest last: an install that is cut short
    /// leaves what a digest or a signature refuses, and never something else that loads.
    @discardableResult
    public func install(
        manifest source: String, accepting consent: PluginConsent = []
    ) throws(PluginError) -> InstalledPlugin {
        let text = try Files.text(source, limit: Self.manifestLimitBytes)
        let manifest = try Manifest(text: text, file: source)
        let slash = source.lastIndex(of: "/")
        var staging = folders
        staging.libraries = slash.map { String(source[..<$0]) } ?? "."
        let candidate = InstalledPlugin(manifest: manifest, manifestPath: source, isEnabled: false, text: text)
        let signature =
            Files.exists(source + ".minisig") ? try Files.bytes(source + ".minisig", limit: 1 << 16) : nil
        let (sealed, signer) = try inFolders(staging).examine(candidate, accepting: consent)
        try SymbolLint.check(sealed, manifest, accepting: consent)
        let present = try checkPlace(manifest, accepting: consent)
        let library = try sealed.bytes()
        try Files.makeFolder(folders.libraries)
        try Files.makeFolder(folders.available)
        let target = "\(folders.available)/\(manifest.name).toml"
        try Files.write("\(folders.libraries)/\(manifest.library)", library, mode: 0o755)
        if let signature {
            try Files.write(target + ".minisig", signature)
        } else {
            // The signature of an earlier version is none of this one.
            unlink(target + ".minisig")
        }
        try Files.write(target, Array(text.utf8))
        // An upgrade of what is enabled is as good as enabling it.
        if present?.isEnabled == true { try SeenVersions(path: folders.versions).remember(manifest, signer) }
        return try find(manifest.id)
    }

    /// Refuses to take the place of another plugin, or of a newer version; answers the plugin of this id that is there.
    private func checkPlace(
        _ manifest: Manifest, accepting consent: PluginConsent
    ) throws(PluginError) -> InstalledPlugin? {
        let plugins = list().plugins
        for other in plugins where other.manifest.id != manifest.id {
            let clash =
                other.manifest.name == manifest.name
                ? "name \(manifest.name)"
                : other.manifest.library == manifest.library ? "library \(manifest.library)" : nil
            guard let clash else { continue }
            throw PluginError(
                .exists, plugin: manifest.id, call: "install", "\(other.manifest.id) has the \(clash) already",
                hint: "rename one of the two")
        }
        guard let present = plugins.first(where: { $0.manifest.id == manifest.id }) else { return nil }
        guard present.manifest.name == manifest.name else {
            throw PluginError(
                .exists, plugin: manifest.id, call: "install",
                "is installed already, under the name \(present.manifest.name)",
                hint: "remove \(present.manifestPath), or keep the name")
        }
        guard consent.contains(.olderVersion) || manifest.version >= present.manifest.version else {
            throw PluginError(
                .downgrade, plugin: manifest.id, call: "version",
                "version \(manifest.version) is older than \(present.manifest.version), which is installed")
        }
        return present
    }

    /// What an operator should know: manifests that cannot be read, plugins that would not load, relations that do not
    /// hold, links that lead nowhere, keys that cannot be read; and a line for each plugin that is well.
    public func doctor() -> [PluginFinding] {
        var findings: [PluginFinding] = []
        func bad(_ plugin: String, _ error: PluginError, _ remedy: String? = nil) {
            // The plugin is named already; what is wrong in a file is told with its line.
            let words = error.place?.line == nil ? error.message : error.description
            findings.append(PluginFinding(plugin: plugin, problem: words, remedy: remedy ?? error.remedy, detail: ""))
        }
        let (plugins, problems) = list()
        for problem in problems {
            let file = problem.plugin.split(separator: "/").last.map(String.init) ?? problem.plugin
            let remedy = problem.hint.map { "\($0); or install the plugin again" }
            bad(file, problem, remedy ?? "mend the manifest, or install the plugin again")
        }
        do throws(PluginError) { _ = try TrustedKeys(folder: folders.trustedKeys) } catch {
            bad(error.plugin, error, "replace or remove this key file")
        }
        var isolatedKinds: Set<PluginKind> = []
        for plugin in plugins {
            let state = plugin.isEnabled ? "enabled" : "installed, not enabled"
            do throws(PluginError) {
                let (_, signer) = try examine(plugin)
                let place = isolation.decide(plugin.manifest, signer: signer).isolation
                if place == .process { isolatedKinds.insert(plugin.manifest.kind) }
                let home = place == .process ? "in a process of its own" : "in the host's process"
                findings.append(
                    PluginFinding(
                        plugin: plugin.manifest.name, problem: nil, remedy: nil,
                        detail: "\(plugin.manifest.version), \(state), verified, runs \(home)"))
            } catch {
                let disable = "vinculum plugin disable \(plugin.manifest.name)"
                let remedy = error.remedy.map { plugin.isEnabled ? "\($0); or \(disable)" : $0 }
                bad(plugin.manifest.name, error, remedy ?? disable)
            }
        }
        do throws(PluginError) { try checkRelations(plugins.filter(\.isEnabled)) } catch { bad(error.plugin, error) }
        let names = Set(plugins.map(\.manifest.name))
        for file in Files.list(folders.enabled) where file.hasSuffix(".toml") {
            let name = String(file.dropLast(5))
            guard !names.contains(name), !problems.contains(where: { $0.plugin.hasSuffix("/\(file)") }) else {
                continue
            }
            findings.append(
                PluginFinding(
                    plugin: name, problem: "is enabled and not installed",
                    remedy: "remove \(folders.enabled)/\(file), or install the plugin", detail: ""))
        }
        findings += confinementFindings(isolatedKinds)
        if plugins.isEmpty && problems.isEmpty {
            findings.append(
                PluginFinding(
                    plugin: "plugins", problem: "none in \(folders.available)",
                    remedy: "set plugins.folder, or install plugins", detail: ""))
        }
        return findings
    }

    /// What this system refuses the processes of plugins: they run all the same, and the operator should know.
    private func confinementFindings(_ kinds: Set<PluginKind>) -> [PluginFinding] {
        guard let child else { return [] }
        return kinds.sorted { $0.rawValue < $1.rawValue }.compactMap { kind in
            do throws(PluginError) {
                let missing = try child.missingConfinement(kind)
                if missing.isEmpty { return nil }
                return PluginFinding(
                    plugin: kind.rawValue,
                    problem: "this system refuses the plugin's process: \(missing.joined(separator: "; "))",
                    remedy: "allow user namespaces, Landlock and seccomp to this user or container", detail: "")
            } catch {
                return PluginFinding(plugin: kind.rawValue, problem: error.message, remedy: error.remedy, detail: "")
            }
        }
    }
}
