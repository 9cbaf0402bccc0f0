import Glibc
import Primitives

/// An open backup, read piece by piece: a ledger may be larger than memory. One thread at a time.
final class BackupFile {
    let path: String
    let index: BackupIndex
    private let descriptor: Int32

    private static let pieceByteCount = 1 << 20

    /// Opens a file and reads its index, whose digest is checked; the entries are checked by `copy`.
    init(_ path: String) throws {
        self.path = path
        descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw FileError(operation: "open", path: path, code: errno) }
        do { index = try BackupFile.readIndex(descriptor, path) } catch {
            close(descriptor)
            throw error
        }
    }

    deinit { close(descriptor) }

    private static func readIndex(_ descriptor: Int32, _ path: String) throws -> BackupIndex {
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            throw BackupError(.notABackup, "not a regular file", place: path)
        }
        let size = Int(status.st_size)
        let head = try read(descriptor, path, at: 0, count: min(size, BackupIndex.firstLine.utf8.count))
        guard head == Array(BackupIndex.firstLine.utf8) else {
            throw BackupError(
                head.isEmpty ? .cut : .notABackup, "does not begin with \(BackupIndex.firstLine.dropLast())",
                place: path)
        }
        let footerAt = size - BackupIndex.footerByteCount
        guard footerAt >= head.count else { throw BackupError(.cut, "the file has no end", place: path) }
        let footer = try read(descriptor, path, at: footerAt, count: BackupIndex.footerByteCount)
        guard footer.suffix(8) == BackupIndex.lastBytes[...] else {
            throw BackupError(.cut, "the file has no end: it was cut, or its end is damaged", place: path)
        }
        let length = footer.prefix(8).reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        guard length <= UInt64(BackupIndex.byteLimit), Int(length) <= footerAt - head.count else {
            throw BackupError(.damaged, "an index of \(length) bytes", place: path)
        }
        let bytes = try read(descriptor, path, at: footerAt - Int(length), count: Int(length))
        guard Digest.blake2b256(bytes).bytes == Array(footer[8..<40]) else {
            throw BackupError(.damaged, "the index is not what was written", place: path)
        }
        let index: BackupIndex
        do { index = try BackupIndex.decode(bytes) } catch {
            throw BackupError(.notABackup, "the index cannot be read: \(error)", place: path)
        }
        guard index.endOffset == UInt64(footerAt - Int(length)) else {
            throw BackupError(.damaged, "the entries do not fill the file", place: path)
        }
        return index
    }

    /// Reads an entry from its beginning to its end, and throws at the end unless it is what was written.
    func copy(_ entry: BackupIndex.Entry, _ body: ([UInt8]) throws -> Void) throws {
        var hasher = DigestHasher()
        var offset = entry.offset
        let end = entry.offset + entry.byteCount
        while offset < end {
            let count = Int(min(UInt64(Self.pieceByteCount), end - offset))
            let piece = try Self.read(descriptor, path, at: Int(offset), count: count)
            hasher.update(piece)
            try body(piece)
            offset += UInt64(count)
        }
        guard hasher.finish() == entry.digest else {
            throw BackupError(.damaged, "is not what was written", place: "\(path), \(entry.name)")
        }
    }

    private static func read(_ descriptor: Int32, _ path: String, at offset: Int, count: Int) throws -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        var done = 0
        while done < count {
            let got = bytes.withUnsafeMutableBytes { buffer in
                pread(descriptor, buffer.baseAddress.map { $0 + done }, count - done, off_t(offset + done))
            }
            if got < 0 && errno == EINTR { continue }
            guard got >= 0 else { throw FileError(operation: "read", path: path, code: errno) }
            guard got > 0 else { throw BackupError(.cut, "ends at byte \(offset + done)", place: path) }
            done += got
        }
        return bytes
    }
}

/// Writes a backup beside its name, and gives it the name when it is whole and synced. Never overwrites.
final class BackupWriter {
    private let destination: String
    private let partial: String
    private let descriptor: Int32
    private var offset: UInt64 = 0
    private var entries: [BackupIndex.Entry] = []
    private var isDone = false

    private static let pieceByteCount = 1 << 20

    /// - Throws: `BackupError` with `exists` or `inUse`.
    init(_ destination: String) throws {
        self.destination = destination
        partial = "\(destination).partial"
        guard !DurableFile.exists(destination) else {
            throw BackupError(.exists, "is there already; a backup never overwrites", place: destination)
        }
        // What an attempt that was killed has left is written over; what another attempt is writing is not.
        descriptor = open(partial, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else { throw FileError(operation: "create", path: partial, code: errno) }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            close(descriptor)
            throw BackupError(.inUse, "another backup is being written to it", place: partial)
        }
        guard ftruncate(descriptor, 0) == 0 else {
            close(descriptor)
            throw FileError(operation: "truncate", path: partial, code: errno)
        }
        try write(Array(BackupIndex.firstLine.utf8))
    }

    deinit {
        if !isDone { unlink(partial) }
        close(descriptor)
    }

    private func write(_ bytes: [UInt8]) throws {
        try DurableFile.append(bytes, to: descriptor, path: partial)
        offset += UInt64(bytes.count)
    }

    /// Adds a file of the node under a name.
    func add(_ name: String, from path: String, isSecret: Bool = false) throws {
        let source = open(path, O_RDONLY | O_CLOEXEC)
        guard source >= 0 else { throw FileError(operation: "open", path: path, code: errno) }
        defer { close(source) }
        let start = offset
        var hasher = DigestHasher()
        var buffer = [UInt8](repeating: 0, count: Self.pieceByteCount)
        while true {
            let got = buffer.withUnsafeMutableBytes { read(source, $0.baseAddress, $0.count) }
            if got < 0 && errno == EINTR { continue }
            guard got >= 0 else { throw FileError(operation: "read", path: path, code: errno) }
            if got == 0 { break }
            let piece = Array(buffer[..<got])
            hasher.update(piece)
            try write(piece)
        }
        entries.append(
            BackupIndex.Entry(
                name: name, offset: start, byteCount: offset - start, digest: hasher.finish(), isSecret: isSecret))
    }

    /// Writes the index, syncs, and gives the file its name. Returns the index, its digest and the file's length.
    func finish(
        chain: CID, height: UInt64, madeMilliseconds: UInt64
    ) throws -> (index: BackupIndex, digest: Digest, byteCount: UInt64) {
        let index = BackupIndex(chain: chain, height: height, madeMilliseconds: madeMilliseconds, entries: entries)
        let bytes = index.encoded()
        let digest = Digest.blake2b256(bytes)
        try write(bytes)
        try write((0..<8).map { UInt8(truncatingIfNeeded: UInt64(bytes.count) >> (56 - 8 * UInt64($0))) })
        try write(digest.bytes + BackupIndex.lastBytes)
        guard fsync(descriptor) == 0 else { throw FileError(operation: "fsync", path: partial, code: errno) }
        // A link, unlike a rename, does not take the place of what came meanwhile.
        guard link(partial, destination) == 0 else {
            if errno == EEXIST { throw BackupError(.exists, "is there already", place: destination) }
            throw FileError(operation: "link", path: destination, code: errno)
        }
        unlink(partial)
        isDone = true
        try DurableFile.syncFolder(of: destination)
        return (index, digest, offset)
    }
}
