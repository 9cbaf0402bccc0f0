import Ledger

/// Why the Consensus module refuses an action; append-only. The numbers are result codes of receipts.
public enum ConsensusCode: Int32, ModuleCode {
    /// The genesis has no section for it: the chain keeps its engine.
    case notEnabled = 700
    /// A field of a body or of the genesis is out of its range; the detail names it.
    case invalidField = 701
    /// The genesis allows the chain no such engine.
    case engineUnknown = 702
    /// The sender is nobody whom the genesis lets decide on engines.
    case notAllowed = 703
    /// The height is too near, or too far away.
    case heightOutOfRange = 704
    /// An engine of one validator needs one of the chain's validators as its leader, and others need none.
    case leaderInvalid = 705
    /// The chain elects its validators by stake, and the engine does not go with how it counts them.
    case quorumMismatch = 706
    /// The engine is in charge with these settings already.
    case unchanged = 707
    /// No swap is planned that could still be called off.
    case nothingPlanned = 708
}
