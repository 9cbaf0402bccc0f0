import Primitives

/// A consensus library that was read, checked and loaded once, and makes any number of instances in this process: for
/// simulators, which begin a new life of an engine at every crash and could not read the file again each time.
///
/// Safe from any thread; each instance belongs to the thread that uses it. A library that crashes takes this process
/// along, whoever signed it: isolation is for nodes.
public final class ConsensusFactory: Sendable {
    public let manifest: Manifest
    /// Of the library that is loaded.
    public let sha256: Digest
    private let library: LoadedLibrary
    private let settings: String
    private let services: HostServices

    init(
        _ sealed: SealedLibrary, _ manifest: Manifest, settings: [String: String], services: HostServices
    ) throws(PluginError) {
        guard manifest.kind == .consensus else {
            throw PluginError(
                .relation, plugin: manifest.id, call: "load",
                "is a \(manifest.kind.rawValue), not a \(PluginKind.consensus.rawValue)",
                hint: "name a plugin of the kind \(PluginKind.consensus.rawValue)")
        }
        self.settings = try manifest.settingsText(settings)
        library = try LoadedLibrary.load(sealed, plugin: manifest.id)
        self.manifest = manifest
        self.services = services
        sha256 = sealed.sha256
    }

    /// A library that its author has built and nobody has signed yet, by its manifest: ABI and symbols are checked, and
    /// the digest where the manifest promises one.
    ///
    /// - Parameter library: nil takes the manifest's, where ``PluginChecker`` finds it.
    public convenience init(manifest path: String, library: String? = nil) throws(PluginError) {
        let path = PluginChecker.manifest(path)
        let manifest = try Manifest(text: try Files.text(path, limit: PluginRegistry.manifestLimitBytes), file: path)
        try manifest.checkHost()
        let sealed = try SealedLibrary(path: library ?? PluginChecker.library(manifest, path))
        if let promised = manifest.sha256 { try sealed.check(promised, plugin: manifest.id) }
        try SymbolLint.check(sealed, manifest, accepting: [])
        try self.init(sealed, manifest, settings: [:], services: HostServices())
    }

    /// A new instance, created and configured; its first call is `start`.
    public func make() throws(PluginError) -> ConsensusInstance {
        ConsensusInstance(
            manifest, try DirectTarget(library, manifest, settings: settings, services: services))
    }
}

extension PluginRegistry {
    /// An installed and enabled engine, verified as for a node, to be run in this process whatever the policy says of
    /// isolation.
    public func consensusFactory(
        _ id: String, settings: [String: String] = [:]
    ) throws(PluginError) -> ConsensusFactory {
        let plugin = try find(id)
        guard plugin.isEnabled else {
            throw PluginError(
                .notFound, plugin: id, call: "load", "is installed and not enabled",
                hint: "vinculum plugin enable \(plugin.manifest.name)")
        }
        return try ConsensusFactory(
            try verify(plugin), plugin.manifest, settings: settings, services: HostServices())
    }
}
