import Glibc
import Primitives

/// An append-only file of records, each synced before `append` returns.
///
/// A record is its length (4 bytes, big-endian), the first 8 bytes of its BLAKE2b-256, and its payload. A crash in the
/// middle of an append leaves a torn tail, which opening cuts off: it was never acknowledged. A record that is damaged
/// before another one is reported, because then something acknowledged has been lost; a damaged last record cannot be
/// told from a torn one.
///
/// One owner, one thread at a time; the owner may hand it on.
public struct Journal: ~Copyable, Sendable {
    public let path: String
    private let descriptor: Int32
    /// Half a record stands at the end and could not be taken back: what is written behind it would be lost.
    private var isBroken = false

    /// The largest payload that a journal takes.
    public static let payloadLimitBytes = 1 << 20
    private static let headerBytes = 12

    /// Opens or creates the journal and hands out all its records, oldest first.
    public init(_ path: String, each: ([UInt8]) throws(FileError) -> Void) throws(FileError) {
        let descriptor = Glibc.open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw FileError(operation: "open", path: path, code: errno) }
        do throws(FileError) {
            for record in try Self.recover(descriptor, path: path) { try each(record) }
        } catch {
            close(descriptor)
            throw error
        }
        self.path = path
        self.descriptor = descriptor
    }

    /// Takes the file for this owner alone. A process that has just been killed, or a child that has not called exec
    /// yet, may hold it for some milliseconds more.
    private static func lock(_ descriptor: Int32, path: String) throws(FileError) {
        for _ in 0..<25 {
            if flock(descriptor, LOCK_EX | LOCK_NB) == 0 { return }
            usleep(10_000)
        }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            throw FileError(operation: "lock", path: path, code: errno, reason: "another process has it open")
        }
    }

    /// Locks the file, reads it, cuts off a torn tail, and leaves the position at the end.
    private static func recover(_ descriptor: Int32, path: String) throws(FileError) -> [[UInt8]] {
        try lock(descriptor, path: path)
        try DurableFile.syncFolder(of: path)
        let bytes = try DurableFile.read(path)
        let (records, length) = try parse(bytes, path: path)
        if length < bytes.count {
            guard ftruncate(descriptor, off_t(length)) == 0, fsync(descriptor) == 0 else {
                throw FileError(operation: "truncate", path: path, code: errno)
            }
        }
        guard lseek(descriptor, off_t(length), SEEK_SET) >= 0 else {
            throw FileError(operation: "seek", path: path, code: errno)
        }
        return records
    }

    deinit { close(descriptor) }

    /// Adds a record; when this returns, the record survives a crash.
    public mutating func append(_ payload: [UInt8]) throws(FileError) {
        guard payload.count <= Self.payloadLimitBytes else {
            throw FileError(operation: "append", path: path, reason: "a record of \(payload.count) bytes is too large")
        }
        guard !isBroken else {
            throw FileError(
                operation: "append", path: path, reason: "an earlier write could not be undone: open it again")
        }
        let start = lseek(descriptor, 0, SEEK_CUR)
        guard start >= 0 else { throw FileError(operation: "seek", path: path, code: errno) }
        do throws(FileError) {
            try DurableFile.append(Self.frame(payload), to: descriptor, path: path)
            guard fdatasync(descriptor) == 0 else { throw FileError(operation: "fsync", path: path, code: errno) }
        } catch {
            // A full disk must not leave half a record in front of the next one.
            isBroken = ftruncate(descriptor, start) != 0 || lseek(descriptor, start, SEEK_SET) != start
            throw error
        }
    }

    private static func frame(_ payload: [UInt8]) -> [UInt8] {
        let length = UInt32(payload.count)
        var bytes: [UInt8] = []
        bytes.reserveCapacity(headerBytes + payload.count)
        for shift in [24, 16, 8, 0] as [UInt32] { bytes.append(UInt8(truncatingIfNeeded: length >> shift)) }
        bytes += Digest.blake2b256(payload).bytes.prefix(8)
        bytes += payload
        return bytes
    }

    private static func parse(_ bytes: [UInt8], path: String) throws(FileError) -> (records: [[UInt8]], length: Int) {
        var records: [[UInt8]] = []
        var offset = 0
        while let record = record(in: bytes, at: offset) {
            records.append(record)
            offset += headerBytes + record.count
        }
        // One append can be torn, and nothing follows it.
        let tail = bytes.count - offset
        let isTorn =
            tail <= headerBytes + payloadLimitBytes
            && !(offset + 1..<max(bytes.count, offset + 1)).contains { record(in: bytes, at: $0) != nil }
        guard isTorn else {
            throw FileError(operation: "read", path: path, reason: "the record at byte \(offset) is damaged")
        }
        return (records, offset)
    }

    /// The payload of the whole and undamaged record that begins at a byte.
    private static func record(in bytes: [UInt8], at offset: Int) -> [UInt8]? {
        guard offset + headerBytes <= bytes.count else { return nil }
        let length = bytes[offset..<offset + 4].reduce(0) { $0 << 8 | Int($1) }
        let end = offset + headerBytes + length
        guard length <= payloadLimitBytes, end <= bytes.count else { return nil }
        let payload = Array(bytes[offset + headerBytes..<end])
        let digest = Digest.blake2b256(payload).bytes.prefix(8)
        return bytes[offset + 4..<offset + headerBytes].elementsEqual(digest) ? payload : nil
    }
}
