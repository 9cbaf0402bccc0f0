import Ledger
import Primitives

/// Where the Consensus module keeps its records, all below `m/consensus/`. What it decides is in the ledger's own
/// records (`EngineSchedule`, `ValidatorSchedule`).
public enum ConsensusPaths {
    public static let module = "consensus"

    /// `p/`: `ConsensusGenesis`. Without it the module does nothing.
    public static var rules: RecordPath { RecordPath(module, "p") }
    /// `a/` consensus key (32 bytes): `Approval`, the one that stands of this validator.
    public static func approval(_ key: PublicKey) -> RecordPath { RecordPath(module, "a", [key.bytes]) }
    public static var approvals: RecordPath { RecordPath(module, "a") }
}
