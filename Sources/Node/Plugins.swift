import Federation
import PluginHost
import Primitives

/// The plugins of this process: what the kernel, the sites and requesters ask for, by id.
public protocol PluginSource: Sendable {
    func consensus(_ id: String) throws -> ConsensusInstance
    func privacy(_ id: String) throws -> PluginLane<PrivacyInstance>
    func verifier(_ id: String) throws -> PluginLane<VerifierInstance>
    func runtime(_ id: String) throws -> PluginLane<RuntimeInstance>
    func manifest(_ id: String) throws -> Manifest
}

extension PluginReference {
    /// What the ledger knows a plugin by. The digest is that of what the plugin does in the checker's scenarios, as its
    /// signed manifest gives it: whoever holds the same reference judges alike, from whatever build.
    ///
    /// - Throws: for a manifest without one, since nobody could compare plugins by it.
    public init(_ manifest: Manifest) throws(PluginError) {
        guard let conformance = manifest.conformanceDigest else {
            throw PluginError(
                .manifest, plugin: manifest.id, call: "reference",
                "the manifest gives no conformance_digest, so no job can name the plugin",
                hint: "`vinculum plugin check` prints it")
        }
        self.init(id: manifest.id, version: "\(manifest.version)", conformance: conformance)
    }
}
