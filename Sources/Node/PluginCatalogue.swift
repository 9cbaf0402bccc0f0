import Logging
import PluginHost
import Primitives

/// Plugins as they are installed beside this program, or where a configuration says. Those that need a process of their
/// own get this very program as its host.
public struct PluginCatalogue: PluginSource {
    public let registry: PluginRegistry
    /// The operator's settings of each plugin, by id; the plugin's own schema checks them.
    private let settings: @Sendable (String) throws -> [String: String]

    /// - Parameters:
    ///   - folder: `PREFIX/lib/vinculum/plugins`, from which the prefix follows.
    ///   - trustedKeysFolder: whose signatures count.
    ///   - allowedUnsigned: digests (hex) of libraries that need no signature.
    ///   - isolation: what the operator says about processes of plugins' own.
    ///   - logger: where lines of plugins go; nil drops them.
    public init(
        folder: String, trustedKeysFolder: String, allowedUnsigned: [String],
        isolation: IsolationPolicy = IsolationPolicy(), logger: Logger? = nil,
        settings: @escaping @Sendable (String) throws -> [String: String] = { _ in [:] }
    ) {
        let suffix = "/lib/vinculum/plugins"
        var folders = PluginFolders(
            prefix: folder.hasSuffix(suffix) ? String(folder.dropLast(suffix.count)) : folder)
        folders.libraries = folder
        folders.trustedKeys = trustedKeysFolder
        registry = PluginRegistry(
            folders: folders, services: Self.services(logger),
            allowedUnsigned: Set(allowedUnsigned.compactMap { try? Digest(hex: $0) }), isolation: isolation,
            child: PluginChildLauncher.ofThisProgram)
        self.settings = settings
    }

    /// The plugins of a node.
    public init(_ configuration: NodeConfiguration, logger: Logger? = nil) {
        self.init(
            folder: configuration.pluginFolder, trustedKeysFolder: configuration.trustedKeysFolder,
            allowedUnsigned: configuration.allowedUnsigned, isolation: configuration.isolationPolicy, logger: logger,
            settings: { id in try configuration.pluginSettings(id) })
    }

    /// The plugins of a site: those of the installation.
    public init(_ policy: SitePolicy, logger: Logger? = nil) {
        self.init(
            folder: InstallPrefix.pluginFolder, trustedKeysFolder: policy.trustedKeysFolder,
            allowedUnsigned: policy.allowedUnsigned, isolation: policy.isolationPolicy, logger: logger,
            settings: { id in try policy.pluginSettings(id) })
    }

    /// What a node of this version lends: the log; clock, random numbers and the thread check are the host's own.
    private static func services(_ logger: Logger?) -> HostServices {
        HostServices { plugin, level, line in
            guard let logger else { return }
            let severity: Logger.Level =
                switch level {
                case .debug: .debug
                case .info: .info
                case .warning: .warning
                case .error: .error
                }
            logger.log(level: severity, "\(plugin): \(line)")
        }
    }

    public func consensus(_ id: String) throws -> ConsensusInstance {
        try registry.consensus(id, settings: try settings(id))
    }

    public func privacy(_ id: String) throws -> PluginLane<PrivacyInstance> {
        try PluginLane(owning: registry.privacy(id, settings: try settings(id)))
    }

    public func verifier(_ id: String) throws -> PluginLane<VerifierInstance> {
        try PluginLane(owning: registry.verifier(id, settings: try settings(id)))
    }

    public func runtime(_ id: String) throws -> PluginLane<RuntimeInstance> {
        try PluginLane(owning: registry.runtime(id, settings: try settings(id)))
    }

    public func manifest(_ id: String) throws -> Manifest { try registry.find(id).manifest }
}
