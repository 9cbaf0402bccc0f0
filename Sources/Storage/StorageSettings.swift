/// How soon a committed write is safe from a loss of power. A crash of the process alone never loses one.
public enum Durability: Sendable {
    /// Every commit is synced before it returns: validators and sites.
    case full
    /// Commits are synced at checkpoints: followers, which can fetch lost blocks again. Votes and cursors sync anyway.
    case normal

    var pragma: String {
        switch self {
        case .full: "FULL"
        case .normal: "NORMAL"
        }
    }
}

/// The knobs of the file, chosen by measurement (`StorageMeasurements` in the tests prints the figures again).
struct StorageSettings: Sendable {
    var durability: Durability = .full
    /// Bytes. Applies to new files. Small, since each block leaves a partly filled page a table in the log, and is
    /// synced with it.
    var pageSize = 1_024
    /// A checkpoint copies each changed page once however often it changed: fewer of them write less.
    var checkpointPages = 65_536
    var cacheKibibytes = 32_768
}
