import Ledger
import PluginHost

/// Where the kernel's thread gets its engine from, at the start and whenever the ledger puts another one in charge.
/// Called on that thread alone; what it makes is used by no other.
struct EngineRoom: Sendable {
    struct Made {
        let engine: any Ledger.ConsensusEngine
        let revival: EngineRevival
        let status: NodeStatus.PluginStatus
    }

    /// An engine of this id that goes on from its saved state; none on its first start.
    let make: @Sendable (_ id: String, _ state: [UInt8]) throws -> Made
    /// Throws why this node could not make the engine.
    let check: @Sendable (_ id: String) throws -> Void

    /// Engines are plugins of this node.
    init(_ source: any PluginSource, chain: Genesis) {
        let id = chain.chain
        make = { engine, state in
            let instance = try source.consensus(engine)
            try instance.start(snapshot: state)
            let manifest = instance.manifest
            return Made(
                engine: PluginEngine(id: engine, instance: instance, chain: id), revival: EngineRevival(instance),
                status: NodeStatus.PluginStatus(
                    id: manifest.id, kind: manifest.kind.rawValue, version: "\(manifest.version)",
                    isolation: instance.isIsolated ? "process" : "in-process", healthy: true))
        }
        // Made, and not started: whatever is missing shows.
        check = { engine in _ = try source.consensus(engine) }
    }
}
