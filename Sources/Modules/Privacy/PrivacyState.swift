import Ledger
import Primitives

/// Where the Privacy module keeps its records, all below `m/privacy/`.
public enum PrivacyPaths {
    public static let module = "privacy"

    /// `d/` dataset: `DatasetRecord`.
    public static func dataset(_ dataset: Digest) -> RecordPath { RecordPath(module, "d", [dataset.bytes]) }

    /// `r/` dataset job: `ReservationRecord`.
    public static func reservation(dataset: Digest, job: Digest) -> RecordPath {
        RecordPath(module, "r", [dataset.bytes, job.bytes])
    }

    /// `s/` dataset job round (4 bytes, most significant first) commitment: `SpendRecord`.
    public static func spend(dataset: Digest, job: Digest, round: UInt32, commitment: Digest) -> RecordPath {
        RecordPath(module, "s", [dataset.bytes, job.bytes, RecordPath.part(round), commitment.bytes])
    }

    static func spends(dataset: Digest, job: Digest, round: UInt32) -> RecordPath {
        RecordPath(module, "s", [dataset.bytes, job.bytes, RecordPath.part(round)])
    }
}

/// Kinds of events of the Privacy module; the payload is a CBOR array, given with each.
public enum PrivacyEvent: String, CaseIterable, Sendable {
    /// [dataset, parent or null]
    case datasetRegistered = "dataset_registered"
    /// [dataset]
    case datasetRetired = "dataset_retired"
    /// [dataset, job, rounds]
    case budgetReserved = "budget_reserved"
    /// [dataset, job, round, commitment]
    case budgetSpent = "budget_spent"
    /// [dataset, job, rounds given back]
    case budgetReleased = "budget_released"
}
