import Glibc
import Ledger
import Primitives
import Storage

/// Makes a backup of a node's folder, whether the node runs or not: the ledger as it is at one moment, the genesis, the
/// configuration, and the keys if they are asked for. Objects and what is known of peers are not in it: both come back
/// from other nodes.
public enum NodeBackup {
    public struct Made: Sendable {
        public let index: BackupIndex
        /// Of the index, which holds the digests of all files.
        public let digest: Digest
        public let byteCount: UInt64
    }

    /// - Parameters:
    ///   - destination: a file that is not there yet; it is readable for its owner alone.
    /// - Throws: `BackupError`, `FileError`, `LedgerArchiveError`, `StorageError`.
    public static func make(
        _ configuration: NodeConfiguration, to destination: String, withKeys: Bool
    ) throws -> Made {
        let folder = configuration.baseFolder
        for (what, place) in [
            ("node.data_folder", configuration.dataFolder), ("node.genesis_file", configuration.genesisFile),
        ] where place != folder && place != "\(folder)/genesis.dagcbor" {
            throw BackupError(
                .outside, "is outside of the node's folder, or has another name: copy it apart",
                place: "\(what) \(place)")
        }
        let genesis = try Genesis.decode(try DurableFile.read(configuration.genesisFile, limitBytes: 16 << 20))
        let writer = try BackupWriter(destination)
        let copy = "\(destination).ledger.partial"
        defer { for suffix in ["", "-wal", "-shm", "-journal"] { unlink(copy + suffix) } }
        unlink(copy)
        let height = try copyLedger("\(folder)/ledger.sqlite", to: copy, chain: genesis.chain)
        try writer.add("ledger.sqlite", from: copy)
        try writer.add("genesis.dagcbor", from: configuration.genesisFile)
        if DurableFile.exists("\(folder)/node.toml") { try writer.add("node.toml", from: "\(folder)/node.toml") }
        if withKeys { try addKeys("\(folder)/keys", writer) }
        let (index, digest, byteCount) = try writer.finish(
            chain: genesis.chain, height: height, madeMilliseconds: WallClock.milliseconds())
        return Made(index: index, digest: digest, byteCount: byteCount)
    }

    /// The height of the copy. Made private before the first byte is in it.
    private static func copyLedger(_ source: String, to copy: String, chain: CID) throws -> UInt64 {
        guard DurableFile.exists(source) else { throw FileError(operation: "open", path: source, code: ENOENT) }
        let descriptor = open(copy, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw FileError(operation: "create", path: copy, code: errno) }
        close(descriptor)
        let reader = try LedgerReader.open(path: source)
        guard try reader.chain() == chain.bytes else {
            throw BackupError(.wrongChain, "is not of the chain of genesis.dagcbor", place: source)
        }
        try reader.copy(to: copy)
        return try LedgerReader.open(path: copy).lastHeight() ?? 0
    }

    private static func addKeys(_ folder: String, _ writer: BackupWriter) throws {
        for name in DurableFile.names(in: folder).sorted() where BackupIndex.Entry.isAllowed("keys/\(name)") {
            try writer.add("keys/\(name)", from: "\(folder)/\(name)", isSecret: true)
        }
    }
}
