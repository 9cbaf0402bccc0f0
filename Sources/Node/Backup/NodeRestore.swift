import Glibc
import Ledger
import Primitives
import Storage

/// Makes a node's folder from a backup: everything is checked first, then the folder appears whole, by one rename.
public enum NodeRestore {
    public struct Restored: Sendable {
        public let index: BackupIndex
        /// Keys that the backup did not hold and that were made anew.
        public let newKeys: [String]
        /// Nothing is signed before a block that is later than this is final; nil where the operator knows better.
        public let signingHoldMilliseconds: UInt64?
    }

    /// By how much the clocks of validators may differ, twice: a block with a later time was proposed after the
    /// restore.
    public static let clockMarginMilliseconds: UInt64 = 10_000

    /// - Parameters:
    ///   - folder: not there, or empty.
    ///   - chain: the chain that it has to be of; nil for any.
    ///   - signsAtOnce: the operator knows that this node's key has signed nothing since the backup was made.
    /// - Throws: `BackupError`, `FileError`, `LedgerArchiveError`, `StorageError`; the folder is as it was then.
    public static func restore(
        _ path: String, to folder: String, chain: CID? = nil, signsAtOnce: Bool = false,
        nowMilliseconds: UInt64 = WallClock.milliseconds()
    ) throws -> Restored {
        let file = try BackupFile(path)
        let index = file.index
        if let chain, chain != index.chain {
            throw BackupError(.wrongChain, "is of chain \(index.chain.text), not \(chain.text)", place: path)
        }
        try checkEmpty(folder)
        for entry in index.entries { try file.copy(entry) { _ in } }
        guard index.entry("ledger.sqlite") != nil, index.entry("genesis.dagcbor") != nil else {
            throw BackupError(.notABackup, "has no ledger, or no genesis", place: path)
        }
        let building = "\(folder).restoring"
        try removeUnfinished(building)
        do {
            try DurableFile.makeFolder(building, mode: 0o700)
            try DurableFile.makeFolder("\(building)/keys", mode: 0o700)
            for entry in index.entries { try extract(entry, file, to: "\(building)/\(entry.name)") }
            let genesis = try checkGenesis(building, index, path)
            let hold = signsAtOnce ? nil : nowMilliseconds + clockMarginMilliseconds
            try checkLedger("\(building)/ledger.sqlite", genesis, index, hold, path)
            let newKeys = try makeMissingKeys(building)
            try DurableFile.syncFolder(of: "\(building)/keys/x")
            try DurableFile.syncFolder(of: "\(building)/x")
            // Over an empty folder a rename succeeds, over any other it does not.
            guard rename(building, folder) == 0 else {
                throw FileError(operation: "rename", path: folder, code: errno)
            }
            try DurableFile.syncFolder(of: folder)
            return Restored(index: index, newKeys: newKeys, signingHoldMilliseconds: hold)
        } catch {
            DurableFile.removeTree(building)
            throw error
        }
    }

    private static func checkEmpty(_ folder: String) throws(BackupError) {
        guard DurableFile.exists(folder) else { return }
        var status = stat()
        guard stat(folder, &status) == 0, status.st_mode & S_IFMT == S_IFDIR, DurableFile.names(in: folder).isEmpty
        else { throw BackupError(.exists, "is not an empty folder; nothing is overwritten", place: folder) }
    }

    /// Removes what a restore that was killed has left, and nothing else.
    private static func removeUnfinished(_ folder: String) throws(BackupError) {
        let foreign = DurableFile.names(in: folder).first {
            !$0.hasPrefix("ledger.sqlite") && !["genesis.dagcbor", "node.toml", "keys"].contains($0)
        }
        if let foreign { throw BackupError(.exists, "holds what no restore made: \(foreign)", place: folder) }
        DurableFile.removeTree(folder)
    }

    private static func extract(_ entry: BackupIndex.Entry, _ file: BackupFile, to path: String) throws {
        let mode: mode_t = entry.isSecret || entry.name == "ledger.sqlite" ? 0o600 : 0o644
        let descriptor = Glibc.open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode)
        guard descriptor >= 0 else { throw FileError(operation: "create", path: path, code: errno) }
        defer { close(descriptor) }
        try file.copy(entry) { piece in try DurableFile.append(piece, to: descriptor, path: path) }
        guard fsync(descriptor) == 0 else { throw FileError(operation: "fsync", path: path, code: errno) }
    }

    private static func checkGenesis(_ folder: String, _ index: BackupIndex, _ path: String) throws -> Genesis {
        let bytes = try DurableFile.read("\(folder)/genesis.dagcbor", limitBytes: 16 << 20)
        let genesis: Genesis
        do { genesis = try Genesis.decode(bytes) } catch {
            throw BackupError(.damaged, "\(error)", place: "\(path), genesis.dagcbor")
        }
        guard genesis.chain == index.chain else {
            throw BackupError(.wrongChain, "its genesis is of chain \(genesis.chain.text)", place: path)
        }
        return genesis
    }

    /// Opens the database and reads every row of it.
    private static func open(_ ledger: String, _ genesis: Genesis, _ place: String) throws -> LedgerDatabase {
        do throws(StorageError) {
            let database = try LedgerDatabase.open(path: ledger, chain: genesis.chain.bytes)
            try database.checkIntegrity()
            return database
        } catch {
            if case .otherChain = error {
                throw BackupError(.wrongChain, "the ledger is of another chain", place: place)
            }
            throw BackupError(.damaged, "\(error)", place: place)
        }
    }

    /// The database opens, is of the chain, has no damaged row, and its last header is certified. Then votes are held.
    private static func checkLedger(
        _ ledger: String, _ genesis: Genesis, _ index: BackupIndex, _ hold: UInt64?, _ path: String
    ) throws {
        let place = "\(path), ledger.sqlite"
        let database = try open(ledger, genesis, place)
        let last = try database.lastHeight() ?? 0
        guard last == index.height else {
            throw BackupError(.damaged, "ends at height \(last), not \(index.height)", place: place)
        }
        try LedgerArchive(database).checkLastHeader(genesis: genesis)
        if let hold { try database.holdSigning(untilBlockAfter: hold) } else { try database.liftSigningHold() }
        try database.finishForMove()
        unlink("\(ledger)-lock")
    }

    /// Keys that the configuration names and the backup does not hold: a node has to have some.
    private static func makeMissingKeys(_ folder: String) throws -> [String] {
        var made: [String] = []
        var names = ["keys/node.key"]
        if let text = try? DurableFile.read("\(folder)/node.toml", limitBytes: 1 << 20),
            let resolved = try? ResolvedConfiguration(
                schema: NodeConfiguration.schema, text: String(decoding: text, as: UTF8.self), file: "node.toml")
        {
            let configuration = NodeConfiguration(resolved: resolved, baseFolder: folder)
            names = [configuration.keyFile, configuration.aggregatorKeyFile].compactMap(\.self)
                .filter { $0.hasPrefix("\(folder)/keys/") }.map { String($0.dropFirst(folder.utf8.count + 1)) }
        }
        for name in names where !DurableFile.exists("\(folder)/\(name)") {
            try SecretKey.generate().save(to: "\(folder)/\(name)")
            made.append(name)
        }
        return made
    }
}
