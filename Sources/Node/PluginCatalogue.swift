import Logging
import PluginHost
import Primitives

public struct PluginCatalogue: PluginSource {
    let prefix: String
    public static func of(_ c: NodeConfiguration, logger: Logger) throws -> PluginCatalogue { PluginCatalogue(prefix: c.pluginFolder) }
    public static func ofSite(folder: String, logger: Logger) throws -> PluginCatalogue { PluginCatalogue(prefix: folder) }
    private func make<I: PluginInstance>(_ t: I.Type, _ id: String) throws -> I {
        let name = id.split(separator: ".").last.map(String.init) ?? id
        return try DevPlugins.make(t, manifest: "\(prefix)/\(name).toml", library: "\(prefix)/lib\(name).so")
    }
    public func consensus(_ id: String) throws -> ConsensusInstance { try make(ConsensusInstance.self, id) }
    public func privacy(_ id: String) throws -> PluginLane<PrivacyInstance> { try PluginLane(owning: make(PrivacyInstance.self, id)) }
    public func verifier(_ id: String) throws -> PluginLane<VerifierInstance> { try PluginLane(owning: make(VerifierInstance.self, id)) }
    public func runtime(_ id: String) throws -> PluginLane<RuntimeInstance> { try PluginLane(owning: make(RuntimeInstance.self, id)) }
    public func manifest(_ id: String) throws -> Manifest {
        let name = id.split(separator: ".").last.map(String.init) ?? id
        return try DevPlugins.manifest("\(prefix)/\(name).toml")
    }
}
