import Glibc
import Primitives

/// An append-only file of records, each synced before `append` returns.
///
/// A record is its length (4 bytes, big-endian), the first 8 bytes of its BLAKE2b-256, and its payload. A crash in the
/// middle of an append leaves a torn tail, which opening cuts off: it was never acknowledged. A record that is damaged
/// before the tail is reported, because then something acknowledged has been lost.
///
/// One owner, one thread at a time.
public struct Journal: ~Copyable {
    public let path: String
    private let descriptor: Int32

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

    /// Locks the file, reads it, cuts off a torn tail, and leaves the position at the end.
    private static func recover(_ descriptor: Int32, path: String) throws(FileError) -> [[UInt8]] {
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            throw FileError(operation: "lock", path: path, code: errno, reason: "another process has it open")
        }
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
        let start = lseek(descriptor, 0, SEEK_CUR)
        do throws(FileError) {
            try DurableFile.append(Self.frame(payload), to: descriptor, path: path)
            guard fdatasync(descriptor) == 0 else { throw FileError(operation: "fsync", path: path, code: errno) }
        } catch {
            // A full disk must not leave half a record in front of the next one.
            _ = ftruncate(descriptor, start)
            lseek(descriptor, start, SEEK_SET)
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
        while offset + headerBytes <= bytes.count {
            let length = bytes[offset..<offset + 4].reduce(0) { $0 << 8 | Int($1) }
            let end = offset + headerBytes + length
            guard length <= payloadLimitBytes, end <= bytes.count else { break }
            let payload = Array(bytes[offset + headerBytes..<end])
            guard bytes[offset + 4..<offset + headerBytes].elementsEqual(Digest.blake2b256(payload).bytes.prefix(8))
            else {
                if end == bytes.count { break }
                throw FileError(operation: "read", path: path, reason: "the record at byte \(offset) is damaged")
            }
            records.append(payload)
            offset = end
        }
        return (records, offset)
    }
}
