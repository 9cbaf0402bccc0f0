import BFTEngine
public import CVinculum
import PluginKit

/// The library's entry.
@c @implementation
public func vin_plugin_entry_v1() -> UnsafePointer<vin_entry>? {
    PluginLibrary.entry(.consensus(ProofOfStake.self))
}

/// Proof of stake: the rules are those of `BFTEngine`, the powers those of the ledger's validator set.
final class ProofOfStake: BFTConsensus, ConsensusPlugin {
    static let description = PluginDescription(
        id: "org.vinculum.consensus-pos", version: "0.1.0", vendor: "Vinculum maintainers", licence: "Apache-2.0")
}
