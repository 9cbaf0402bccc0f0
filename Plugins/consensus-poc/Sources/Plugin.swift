import BFTEngine
public import CVinculum
import PluginKit

/// The library's entry.
@c @implementation
public func vin_plugin_entry_v1() -> UnsafePointer<vin_entry>? {
    PluginLibrary.entry(.consensus(ProofOfContribution.self))
}

/// Proof of contribution: the engine of proof of stake. That power is stake times contribution is the ledger's rule
/// (`power_rule`); the id in the headers says which of the two a chain runs.
final class ProofOfContribution: BFTConsensus, ConsensusPlugin {
    static let description = PluginDescription(
        id: "org.vinculum.consensus-poc", version: "0.1.0", vendor: "Vinculum maintainers", licence: "Apache-2.0")
}
