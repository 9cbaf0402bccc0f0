import Glibc
import Primitives
import Storage

/// A database in the making, beside the place where it will stand: chunks are stored as they are found good, over
/// restarts and newer snapshots, and the whole takes its place by one rename. A crash at any instant leaves either no
/// database or a whole one. One thread at a time.
public final class SnapshotStaging {
    private let database: LedgerDatabase
    private let path: String
    private let target: String

    /// - Parameter target: where the database will stand; nothing may be there when it does.
    public init(target: String, chain: CID) throws(LedgerArchiveError) {
        self.target = target
        let path = "\(target).joining"
        self.path = path
        // A chunk that a loss of power takes is fetched again; the whole is synced before it counts.
        database = try stored { () throws(StorageError) in
            try LedgerDatabase.open(path: path, chain: chain.bytes, durability: .normal)
        }
        // An earlier life was ended between the last write and the rename: by now another snapshot may be the newest.
        try stored { () throws(StorageError) in try database.forgetBase() }
    }

    /// Begins with a snapshot that was verified, and answers which of its chunks are missing. Those that another
    /// snapshot has brought already are there.
    public func begin(_ manifest: SnapshotManifest) throws(LedgerArchiveError) -> [Int] {
        let note = SnapshotStaging.note(manifest.chunks)
        try stored { () throws(StorageError) in
            try database.beginSnapshot(
                height: manifest.height, root: manifest.certified.header.stateRoot.bytes, note: note)
        }
        var missing: [Int] = []
        for (index, chunk) in manifest.chunks.enumerated() {
            let isThere = try stored { () throws(StorageError) in try database.hasChunk(chunk.root.bytes) }
            if isThere { try add(nil, at: index, of: manifest) } else { missing.append(index) }
        }
        return missing
    }

    /// Stores a chunk that `StateChunk.check` has found to be the one at a place of the manifest.
    public func take(_ content: [UInt8], at index: Int, of manifest: SnapshotManifest) throws(LedgerArchiveError) {
        guard manifest.chunks.indices.contains(index) else { throw .notFound("chunk \(index)") }
        try add(content, at: index, of: manifest)
    }

    private func add(_ content: [UInt8]?, at index: Int, of manifest: SnapshotManifest) throws(LedgerArchiveError) {
        try stored { () throws(StorageError) in
            try database.addChunk(
                height: manifest.height, position: UInt64(index), digest: manifest.chunks[index].root.bytes,
                content: content)
        }
    }

    /// Makes the database whole and moves it to its place. Throws while a chunk is missing, and where a database stands
    /// already. The staging cannot be used afterwards.
    public func install(_ manifest: SnapshotManifest) throws(LedgerArchiveError) {
        guard let beacon = manifest.beacon else { throw .corrupt("the header's beacon proof cannot be read") }
        for chunk in manifest.chunks {
            guard try stored({ () throws(StorageError) in try database.hasChunk(chunk.root.bytes) }) else {
                throw .notFound("chunk \(chunk.root.hex)")
            }
        }
        guard access(target, F_OK) != 0 else { throw .storage(.inUse(path: target)) }
        let header = manifest.certified.header
        var seal = CBOREncoder(capacity: 256)
        seal.array(count: 2)
        seal.value(manifest.certified.certificate)
        seal.digest(beacon)
        let base = BaseBlock(
            height: header.height, timeMilliseconds: header.timeMilliseconds, nextSlot: header.historySize,
            nextSequence: manifest.nextEventSequence, header: header.encoded(), certificate: seal.finish())
        let sets = [manifest.validators, manifest.nextValidators].map {
            RecordChange(key: $0.digest.bytes, content: $0.encoded())
        }
        try stored { () throws(StorageError) in
            try database.begin(at: base, hashes: manifest.history.hashRuns)
            try database.write(sets, in: ValidatorRecords.sets)
            try database.finishSnapshot(height: header.height, keeping: 1)
            try database.finishForMove()
            try SnapshotStaging.move(path, to: target)
        }
    }

    private static func move(_ path: String, to target: String) throws(StorageError) {
        // A log that an earlier database left would be read into this one.
        for suffix in ["-wal", "-shm", "-journal"] { unlink(target + suffix) }
        guard rename(path, target) == 0 else { throw .system(errno: errno, during: "renaming \(path)") }
        unlink("\(path)-lock")
        let folder = target.lastIndex(of: "/").map { String(target[...$0]) } ?? "."
        let descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw .system(errno: errno, during: "opening \(folder)") }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw .system(errno: errno, during: "syncing \(folder)") }
    }

    /// Deletes what a staging has left behind: after it was installed, or when it is not wanted any more.
    public static func discard(target: String) {
        for suffix in ["", "-wal", "-shm", "-journal", "-lock"] { unlink("\(target).joining\(suffix)") }
    }

    /// Where the chunks of a snapshot begin, as it is stored with it.
    static func note(_ chunks: [SnapshotManifest.Chunk]) -> [UInt8] {
        var encoder = CBOREncoder(capacity: 8 + 96 * chunks.count)
        encoder.list(chunks)
        return encoder.finish()
    }
}
