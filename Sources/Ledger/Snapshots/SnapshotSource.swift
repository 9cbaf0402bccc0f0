import Primitives
import Storage

/// Snapshots and headers for others, read through a handle of its own: the writer is not held up, and every answer is
/// of one moment. One thread at a time.
public struct SnapshotSource {
    private let archive: LedgerArchiveReader

    /// Opens the database of a chain for reading.
    public init(path: String, genesis: Genesis) throws(LedgerArchiveError) {
        let reader = try stored { () throws(StorageError) in try LedgerReader.open(path: path) }
        archive = LedgerArchiveReader(reader: reader, genesis: genesis)
    }

    /// Heights of complete snapshots that others can use, newest first.
    public func heights() throws(LedgerArchiveError) -> [UInt64] {
        try stored { () throws(StorageError) in try archive.reader.snapshotHeights() }.filter { $0 > 0 }
    }

    /// What there is to know of a snapshot; nil when it is gone.
    public func manifest(height: UInt64) throws(LedgerArchiveError) -> SnapshotManifest? {
        let reader = archive.reader
        guard height > 0,
            let snapshot = try stored({ () throws(StorageError) in try reader.snapshot(height: height) }),
            let summary = try stored({ () throws(StorageError) in try reader.summary(height: height) })
        else { return nil }
        let certified = try LedgerArchive.certified(summary).header
        let header = certified.header
        guard header.stateRoot.bytes == snapshot.root else {
            throw .corrupt("snapshot \(height) is not of the state that its header names")
        }
        guard let history = HistoryTail(size: header.historySize, read: archive.historyHashes) else {
            throw .corrupt("digests of the history up to block \(height) are missing")
        }
        return SnapshotManifest(
            certified: certified, validators: try archive.validators(header.validatorSetDigest),
            nextValidators: try archive.validators(header.nextValidatorSetDigest), history: history,
            nextEventSequence: summary.firstSequence + UInt64(summary.eventCount), chunks: try chunks(of: snapshot))
    }

    /// The content of a chunk; nil when no snapshot has it any more.
    public func chunk(_ root: Digest) throws(LedgerArchiveError) -> [UInt8]? {
        try stored { () throws(StorageError) in try archive.reader.chunk(root.bytes) }
    }

    /// Headers from a height on, at most `count`, each with its validators where they change. A height below the first
    /// one that is here answers `storage(.pruned)`.
    public func headers(from first: UInt64, count: Int) throws(LedgerArchiveError) -> [LinkedHeader] {
        let base = try stored { () throws(StorageError) in try archive.reader.baseHeight() }
        guard first >= max(1, base) else { throw .storage(.pruned(firstKeptHeight: max(1, base))) }
        var headers: [LinkedHeader] = []
        var known: Digest?
        for offset in 0..<UInt64(clamping: count) {
            let (height, overflow) = first.addingReportingOverflow(offset)
            guard !overflow, height < UInt64(Int64.max),
                let summary = try stored({ () throws(StorageError) in try archive.reader.summary(height: height) })
            else { break }
            let certified = try LedgerArchive.certified(summary).header
            let set = certified.header.validatorSetDigest
            headers.append(LinkedHeader(certified, validators: set == known ? nil : try archive.validators(set)))
            known = set
        }
        return headers
    }

    /// The chunks in order. A snapshot of an earlier program does not say where they begin: that is read from them.
    private func chunks(of snapshot: SnapshotSummary) throws(LedgerArchiveError) -> [SnapshotManifest.Chunk] {
        if !snapshot.note.isEmpty {
            let chunks = try decoded("snapshot \(snapshot.height)") { () throws(CBORError) in
                try [SnapshotManifest.Chunk].decode(snapshot.note)
            }
            guard chunks.map(\.root.bytes) == snapshot.chunkDigests else {
                throw .corrupt("snapshot \(snapshot.height) does not name its chunks")
            }
            return chunks
        }
        var chunks: [SnapshotManifest.Chunk] = []
        for bytes in snapshot.chunkDigests {
            guard let root = Digest(bytes: bytes), let content = try chunk(root) else {
                throw .corrupt("a chunk of snapshot \(snapshot.height) is missing")
            }
            let path = try decoded("a chunk of snapshot \(snapshot.height)") { () throws(CBORError) in
                try CBORDecoder.read(content) { (decoder) throws(CBORError) in
                    let count = try decoder.array()
                    try decoder.array(count: 2)
                    let path = try decoder.bytes()
                    try decoder.skip()
                    for _ in 1..<max(1, count) { try decoder.skip() }
                    return path
                }
            }
            chunks.append(SnapshotManifest.Chunk(root: root, firstPath: path))
        }
        return chunks
    }
}

/// What can be read of an archive without the right to write it.
struct LedgerArchiveReader {
    let reader: LedgerReader
    /// Nil where no set of the genesis is asked for.
    let genesis: Genesis?

    /// The set that a header names.
    func validators(_ digest: Digest) throws(LedgerArchiveError) -> ValidatorSet {
        guard let set = try storedValidators(digest) else {
            throw .corrupt("the set of validators \(digest.hex) is not stored")
        }
        return set
    }

    /// The set that came with a block or with a snapshot, or the genesis; nil for one that no header here names.
    func storedValidators(_ digest: Digest) throws(LedgerArchiveError) -> ValidatorSet? {
        if let genesis, genesis.validators.digest == digest { return genesis.validators }
        let bytes = try stored { () throws(StorageError) in
            try reader.record(digest.bytes, in: ValidatorRecords.sets)
        }
        guard let bytes else { return nil }
        let set = try decoded("a set of validators") { () throws(CBORError) in try ValidatorSet.decode(bytes) }
        guard set.digest == digest else { throw .corrupt("the set of validators \(digest.hex) is another one") }
        return set
    }

    func historyHashes(level: UInt8, first: UInt64, count: Int) -> [Digest]? {
        let bytes = try? reader.hashes(tree: LedgerArchive.historyTree, level: level, first: first, count: count)
        return bytes.map { bytes in
            stride(from: 0, to: bytes.count, by: Digest.byteCount).compactMap {
                Digest(bytes: bytes[$0..<$0 + Digest.byteCount])
            }
        }
    }
}
