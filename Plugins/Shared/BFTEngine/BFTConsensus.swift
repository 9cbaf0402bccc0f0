public import PluginKit

/// What plugins over the engine have in common: all but their description.
open class BFTConsensus {
    private var engine: BFTEngine?

    public required init(host: HostAccess) {}

    public func start(snapshot: [UInt8]) throws(PluginFailure) {
        guard engine == nil else { throw PluginFailure(.state, "the engine has started already") }
        engine = try BFTEngine(snapshot: snapshot)
    }

    public func step(_ event: ConsensusEvent, effects: inout ConsensusEffects) throws(PluginFailure) {
        // In place: a step throws before it changes anything.
        guard try engine?.step(event, effects: &effects) != nil else {
            throw PluginFailure(.state, "start comes before step")
        }
    }

    public func snapshot() throws(PluginFailure) -> [UInt8] {
        guard let engine else { throw PluginFailure(.state, "start comes before snapshot") }
        return engine.snapshot
    }

    public func stop() throws(PluginFailure) { engine = nil }
}
