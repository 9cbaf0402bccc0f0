import Primitives

/// A plugin as it lies on disk: its manifest was read, nothing of it was loaded.
public struct InstalledPlugin: Sendable {
    public let manifest: Manifest
    public let manifestPath: String
    public let isEnabled: Bool
    /// The very bytes that were read: signature and child are about these, whatever the file holds by then.
    let text: String
}

/// Finds plugins, checks whose they are, and loads them: manifest, signature, version and digest before any code.
///
/// Safe from any thread: each call reads the disk anew.
public struct PluginRegistry: Sendable {
    public let folders: PluginFolders
    private let services: HostServices
    /// Digests of libraries for which the operator takes responsibility without a signature.
    private let allowedUnsigned: Set<Digest>
    let isolation: IsolationPolicy
    /// How children are started. Nil in programs that cannot host them: a plugin that needs one is refused there.
    let child: PluginChildLauncher?
    static let manifestLimitBytes = 1 << 20

    public init(
        folders: PluginFolders, services: HostServices = HostServices(), allowedUnsigned: Set<Digest> = [],
        isolation: IsolationPolicy = IsolationPolicy(), child: PluginChildLauncher? = nil
    ) {
        self.isolation = isolation
        self.child = child
        self.folders = folders
        self.services = services
        self.allowedUnsigned = allowedUnsigned
    }

    /// The same registry over other folders.
    func inFolders(_ folders: PluginFolders) -> PluginRegistry {
        PluginRegistry(
            folders: folders, services: services, allowedUnsigned: allowedUnsigned, isolation: isolation, child: child)
    }

    // MARK: What is there

    /// Every manifest that can be read, by name, and an error for each that cannot.
    public func list() -> (plugins: [InstalledPlugin], problems: [PluginError]) {
        var plugins: [InstalledPlugin] = []
        var problems: [PluginError] = []
        for file in Files.list(folders.available) where file.hasSuffix(".toml") {
            do throws(PluginError) {
                plugins.append(try read("\(folders.available)/\(file)"))
            } catch {
                problems.append(error)
            }
        }
        return (plugins, problems)
    }

    /// The plugin of this id or name.
    public func find(_ id: String) throws(PluginError) -> InstalledPlugin {
        let (plugins, problems) = list()
        if let found = plugins.first(where: { $0.manifest.id == id || $0.manifest.name == id }) { return found }
        // A manifest that cannot be read is known by the name of its file alone.
        let stem = id.split(separator: ".").last ?? ""
        if let problem = problems.first(where: {
            $0.plugin.hasSuffix("/\(id).toml") || $0.plugin.hasSuffix("/\(stem).toml")
        }
        ) {
            throw problem
        }
        throw PluginError(
            .notFound, plugin: id, call: "find", "no manifest in \(folders.available) has this id or name",
            hint: problems.isEmpty
                ? nil : "\(problems.count) manifests there cannot be read: `vinculum plugin doctor` says why")
    }

    private func read(_ path: String) throws(PluginError) -> InstalledPlugin {
        let text = try Files.text(path, limit: Self.manifestLimitBytes)
        let manifest = try Manifest(text: text, file: path)
        return InstalledPlugin(
            manifest: manifest, manifestPath: path, isEnabled: Files.exists("\(folders.enabled)/\(manifest.name).toml"),
            text: text)
    }

    // MARK: Checks

    /// Checks ABI, services, signature, version, digest and symbols; answers the sealed library that these checks are
    /// about.
    ///
    /// - Parameter accepting: what is refused otherwise.
    @discardableResult
    public func verify(
        _ plugin: InstalledPlugin, accepting consent: PluginConsent = []
    ) throws(PluginError) -> SealedLibrary {
        let library = try examine(plugin, accepting: consent).library
        try SymbolLint.check(library, plugin.manifest, accepting: consent)
        return library
    }

    func examine(
        _ plugin: InstalledPlugin, accepting consent: PluginConsent = []
    ) throws(PluginError) -> (library: SealedLibrary, signer: PluginSigner) {
        let manifest = plugin.manifest
        try manifest.checkHost()
        if let service = manifest.services.filter({ !services.lends($0) }).map(\.rawValue).min() {
            throw PluginError(
                .service, plugin: manifest.id, call: "manifest",
                "asks for the service \(service), which this host does not lend (HOST-4)")
        }
        guard let promised = manifest.sha256 else {
            throw PluginError(
                .digest, plugin: manifest.id, call: "manifest", "the manifest has no sha256",
                hint: "fill in the library's sha256, then sign the manifest")
        }
        let signer = try checkSignature(plugin, promised)
        try SeenVersions(path: folders.versions).check(manifest, signer, consent)
        let library = try SealedLibrary(path: "\(folders.libraries)/\(manifest.library)")
        try library.check(promised, plugin: manifest.id)
        return (library, signer)
    }

    /// A signature that holds, or the operator's word for this very library.
    private func checkSignature(
        _ plugin: InstalledPlugin, _ digest: Digest
    ) throws(PluginError) -> PluginSigner {
        do throws(PluginError) {
            return try signer(plugin)
        } catch {
            if allowedUnsigned.contains(digest) { return .nobody }
            throw error
        }
    }

    private func signer(_ plugin: InstalledPlugin) throws(PluginError) -> PluginSigner {
        let path = plugin.manifestPath + ".minisig"
        guard Files.exists(path) else {
            throw PluginError(
                .signature, plugin: plugin.manifest.id, call: "signature",
                "\(path) is missing; an unsigned plugin is loaded only when its sha256 is named in the configuration")
        }
        let keys = try TrustedKeys(folder: folders.trustedKeys)
        let key = try keys.verify(
            Array(plugin.text.utf8), signature: try Files.text(path, limit: 1 << 16), file: path)
        return keys.projectKeys.contains(key) ? .project(key) : .other(key)
    }

    /// Refuses a set of plugins in which one misses another, or cannot stand it.
    public func checkRelations(_ plugins: [InstalledPlugin]) throws(PluginError) {
        let ids = Set(plugins.map(\.manifest.id))
        for plugin in plugins {
            if let missing = plugin.manifest.requires.first(where: { !ids.contains($0) }) {
                throw PluginError(
                    .relation, plugin: plugin.manifest.id, call: "enable", "requires \(missing)",
                    hint: "install and enable \(missing) first")
            }
            if let rival = plugin.manifest.conflicts.first(where: { ids.contains($0) }) {
                throw PluginError(
                    .relation, plugin: plugin.manifest.id, call: "enable", "conflicts with \(rival)",
                    hint: "disable one of the two")
            }
        }
    }

    // MARK: Loading

    public func consensus(_ id: String, settings: [String: String] = [:]) throws(PluginError) -> ConsensusInstance {
        let (manifest, target) = try make(id, .consensus, settings)
        return ConsensusInstance(manifest, target)
    }

    public func privacy(_ id: String, settings: [String: String] = [:]) throws(PluginError) -> PrivacyInstance {
        let (manifest, target) = try make(id, .privacy, settings)
        return PrivacyInstance(manifest, target)
    }

    public func verifier(_ id: String, settings: [String: String] = [:]) throws(PluginError) -> VerifierInstance {
        let (manifest, target) = try make(id, .verifier, settings)
        return VerifierInstance(manifest, target)
    }

    public func runtime(_ id: String, settings: [String: String] = [:]) throws(PluginError) -> RuntimeInstance {
        let (manifest, target) = try make(id, .runtime, settings)
        return RuntimeInstance(manifest, target)
    }

    public func bridge(_ id: String, settings: [String: String] = [:]) throws(PluginError) -> BridgeInstance {
        let (manifest, target) = try make(id, .bridge, settings)
        return BridgeInstance(manifest, target)
    }

    private func make(
        _ id: String, _ kind: PluginKind, _ settings: [String: String]
    ) throws(PluginError) -> (Manifest, any CallTarget) {
        let plugin = try find(id)
        let manifest = plugin.manifest
        guard manifest.kind == kind else {
            throw PluginError(
                .relation, plugin: id, call: "load", "is a \(manifest.kind.rawValue), not a \(kind.rawValue)",
                hint: "name a plugin of the kind \(kind.rawValue)")
        }
        guard plugin.isEnabled else {
            throw PluginError(
                .notFound, plugin: id, call: "load", "is installed and not enabled",
                hint: "vinculum plugin enable \(manifest.name)")
        }
        let (library, signer) = try examine(plugin)
        let text = try manifest.settingsText(settings)
        if isolation.decide(manifest, signer: signer).isolation == .none {
            let loaded = try LoadedLibrary.load(library, plugin: manifest.id)
            return (manifest, try DirectTarget(loaded, manifest, settings: text, services: services))
        }
        guard let child else {
            throw PluginError(
                .load, plugin: manifest.id, call: "load",
                "needs a process of its own, and this program cannot host one",
                hint: "plugins.in_process takes it into the host's own process, where a crash of it is the host's")
        }
        let target = try IsolatedTarget(
            library, manifest, manifestText: plugin.text, settings: text, services: services, launcher: child)
        return (manifest, target)
    }

    // MARK: The operator's choice

    /// Checks a plugin and enables it; it is loaded from the next start on.
    public func enable(_ id: String, accepting consent: PluginConsent = []) throws(PluginError) {
        let plugin = try find(id)
        let (library, signer) = try examine(plugin, accepting: consent)
        try SymbolLint.check(library, plugin.manifest, accepting: consent)
        let others = list().plugins.filter { $0.isEnabled && $0.manifest.id != plugin.manifest.id }
        try checkRelations(others + [plugin])
        try SeenVersions(path: folders.versions).remember(plugin.manifest, signer)
        try EnabledLinks(folder: folders.enabled).add(plugin.manifest.name)
    }

    /// Takes the operator's choice back; a running node keeps what it has loaded.
    ///
    /// A plugin whose manifest cannot be read is known by its file's name, and can be disabled all the same.
    ///
    /// - Returns: the plugin, or nil where its manifest cannot be read.
    @discardableResult
    public func disable(_ id: String) throws(PluginError) -> InstalledPlugin? {
        let plugin: InstalledPlugin
        do throws(PluginError) { plugin = try find(id) } catch {
            guard Manifest.isName(id, extra: ""), EnabledLinks(folder: folders.enabled).contains(id) else {
                throw error
            }
            try EnabledLinks(folder: folders.enabled).remove(id)
            return nil
        }
        let others = list().plugins.filter { $0.isEnabled && $0.manifest.id != plugin.manifest.id }
        if let needs = others.first(where: { $0.manifest.requires.contains(plugin.manifest.id) }) {
            throw PluginError(
                .relation, plugin: plugin.manifest.id, call: "disable", "\(needs.manifest.id) requires it",
                hint: "vinculum plugin disable \(needs.manifest.name) first")
        }
        try EnabledLinks(folder: folders.enabled).remove(plugin.manifest.name)
        return try find(id)
    }
}
