public import CVinculum
import PluginKit

/// The library's entry.
@c @implementation
public func vin_plugin_entry_v1() -> UnsafePointer<vin_entry>? {
    PluginLibrary.entry(.consensus(SoloConsensus.self))
}

/// Consensus of a network with one validator; the rules are in ``SoloEngine``.
final class SoloConsensus: ConsensusPlugin {
    static let description = PluginDescription(
        id: "org.vinculum.consensus-solo", version: "0.1.0", vendor: "Vinculum maintainers", licence: "Apache-2.0")

    private var engine: SoloEngine?

    init(host: HostAccess) {}

    func start(snapshot: [UInt8]) throws(PluginFailure) {
        guard engine == nil else { throw PluginFailure(.state, "the engine has started already") }
        engine = try SoloEngine(snapshot: snapshot)
    }

    func step(_ event: ConsensusEvent, effects: inout ConsensusEffects) throws(PluginFailure) {
        guard var next = engine else { throw PluginFailure(.state, "start comes before step") }
        try next.step(event, effects: &effects)
        engine = next
    }

    func snapshot() throws(PluginFailure) -> [UInt8] {
        guard let engine else { throw PluginFailure(.state, "start comes before snapshot") }
        return engine.snapshot.bytes
    }

    func stop() throws(PluginFailure) { engine = nil }
}
