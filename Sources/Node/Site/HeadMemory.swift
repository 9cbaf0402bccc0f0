import Ledger
import Primitives

/// The newest certified header that a site has seen, in a file: a restarted site does not believe an older state than
/// the one it has acted on.
public struct HeadMemory: Sendable {
    private let path: String
    private(set) var header: Header?
    private var written: ContinuousClock.Instant?

    /// Blocks may be many a second and each write is synced; what a crash takes back is at most this much.
    private static let interval: Duration = .seconds(1)

    /// - Parameter chain: a header of another chain is forgotten: the site was given a new genesis.
    public init(path: String, chain: CID) throws(FileError) {
        self.path = path
        guard DurableFile.exists(path) else { return }
        let bytes = try DurableFile.read(path, limitBytes: 1 << 16)
        do {
            let found = try Header.decode(bytes)
            if found.chain == chain { header = found }
        } catch {
            throw FileError(operation: "read", path: path, reason: "no block header (\(error)); remove the file")
        }
    }

    /// Keeps a newer header.
    mutating func keep(_ newer: Header) throws(FileError) {
        header = newer
        if let written, written + Self.interval > .now { return }
        try DurableFile.replace(path, with: newer.encoded(), mode: 0o600)
        written = .now
    }
}
