import PluginHost
import Primitives

/// Plugins as they are installed beside this program, or where a configuration says.
public struct PluginCatalogue: PluginSource {
    public let registry: PluginRegistry

    public init(registry: PluginRegistry) {
        self.registry = registry
    }

    /// - Parameters:
    ///   - folder: `PREFIX/lib/vinculum/plugins`, from which the prefix follows.
    ///   - trustedKeysFolder: whose signatures count.
    ///   - allowedUnsigned: digests (hex) of libraries that need no signature.
    public init(folder: String, trustedKeysFolder: String, allowedUnsigned: [String]) {
        let suffix = "/lib/vinculum/plugins"
        var folders = PluginFolders(
            prefix: folder.hasSuffix(suffix) ? String(folder.dropLast(suffix.count)) : folder)
        folders.libraries = folder
        folders.trustedKeys = trustedKeysFolder
        registry = PluginRegistry(
            folders: folders, allowedUnsigned: Set(allowedUnsigned.compactMap { try? Digest(hex: $0) }))
    }

    public func consensus(_ id: String) throws -> ConsensusInstance { try registry.consensus(id) }

    public func privacy(_ id: String) throws -> PluginLane<PrivacyInstance> {
        try PluginLane(owning: registry.privacy(id))
    }

    public func verifier(_ id: String) throws -> PluginLane<VerifierInstance> {
        try PluginLane(owning: registry.verifier(id))
    }

    public func runtime(_ id: String) throws -> PluginLane<RuntimeInstance> {
        try PluginLane(owning: registry.runtime(id))
    }

    public func manifest(_ id: String) throws -> Manifest { try registry.find(id).manifest }
}
