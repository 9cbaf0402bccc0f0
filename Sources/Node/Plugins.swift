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
    /// What the ledger knows a plugin by. The digest is that of the library, as its signed manifest gives it: whoever
    /// holds the same reference runs the same bytes.
    public init(_ manifest: Manifest) {
        self.init(id: manifest.id, version: "\(manifest.version)", conformance: manifest.sha256 ?? .zero)
    }
}
