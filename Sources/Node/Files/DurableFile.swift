import Glibc
import Synchronization

/// A refusal of the file system, with the path and the operation that met it.
public struct FileError: Error, Hashable, Sendable, CustomStringConvertible {
    /// What was being done, for example `open` or `fsync`.
    public let operation: String
    public let path: String
    /// `errno` at the failure; 0 where the content, not the system, was at fault.
    public let code: Int32
    public let reason: String

    public init(operation: String, path: String, code: Int32 = 0, reason: String? = nil) {
        self.operation = operation
        self.path = path
        self.code = code
        self.reason = reason ?? String(cString: strerror(code))
    }

    public var description: String { "\(operation) \(path): \(reason)" }
}

/// Whole files, read and replaced so that a crash leaves either the old content or the new one.
public enum DurableFile {
    /// Reads a file whole.
    ///
    /// - Parameters:
    ///   - limitBytes: a larger file is refused before it is read.
    ///   - followsLinks: false where another user may have put something else in the place of a file: a link to what
    ///     only this process may read, or a pipe that nobody writes to. Only a regular file is read then.
    public static func read(
        _ path: String, limitBytes: Int = 1 << 32, followsLinks: Bool = true
    ) throws(FileError) -> [UInt8] {
        let flags = O_RDONLY | O_CLOEXEC | (followsLinks ? 0 : O_NOFOLLOW | O_NONBLOCK)
        let descriptor = open(path, flags)
        guard descriptor >= 0 else { throw FileError(operation: "open", path: path, code: errno) }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw FileError(operation: "stat", path: path, code: errno) }
        guard followsLinks || status.st_mode & S_IFMT == S_IFREG else {
            throw FileError(operation: "read", path: path, reason: "not a regular file")
        }
        let size = Int(status.st_size)
        guard size <= limitBytes else {
            throw FileError(operation: "read", path: path, reason: "\(size) bytes, \(limitBytes) at most")
        }
        var failure: Int32 = 0
        let bytes = [UInt8](unsafeUninitializedCapacity: size) { buffer, count in
            while count < size {
                guard let base = buffer.baseAddress else { break }
                let got = Glibc.read(descriptor, base + count, size - count)
                if got < 0 && errno == EINTR { continue }
                if got < 0 { failure = errno }
                if got <= 0 { break }
                count += got
            }
        }
        guard failure == 0 else { throw FileError(operation: "read", path: path, code: failure) }
        return bytes
    }

    /// Who may read, write and execute the file: the nine bits of `chmod`.
    public static func permissions(of path: String) throws(FileError) -> UInt32 {
        var status = stat()
        guard stat(path, &status) == 0 else { throw FileError(operation: "stat", path: path, code: errno) }
        return UInt32(status.st_mode) & 0o777
    }

    /// Counts this process's writes, so that no two share a temporary name.
    private static let writes = Atomic<UInt64>(0)

    /// Where the new content of a file is written first. Two tasks of one process may write one file at the same time,
    /// each beside its place.
    static func temporaryPath(beside path: String) -> String {
        "\(path).\(getpid())-\(writes.add(1, ordering: .relaxed).newValue).partial"
    }

    /// Replaces a file: a temporary neighbour is written and synced, then renamed over it, then the folder is synced.
    public static func replace(_ path: String, with bytes: [UInt8], mode: mode_t = 0o644) throws(FileError) {
        let temporary = temporaryPath(beside: path)
        do throws(FileError) {
            try write(bytes, to: temporary, mode: mode, synced: true)
            guard rename(temporary, path) == 0 else { throw FileError(operation: "rename", path: path, code: errno) }
        } catch {
            unlink(temporary)
            throw error
        }
        try syncFolder(of: path)
    }

    /// Writes a file that need not outlive a crash, at a path where there is none: neither whole nor synced until done.
    public static func writeFresh(_ bytes: [UInt8], to path: String, mode: mode_t = 0o644) throws(FileError) {
        try write(bytes, to: path, mode: mode, synced: false)
    }

    /// Writes over what a file holds, which need not outlive a crash. Never a link's target.
    static func overwrite(_ path: String, with bytes: [UInt8]) throws(FileError) {
        let descriptor = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC | O_NOFOLLOW)
        guard descriptor >= 0 else { throw FileError(operation: "open", path: path, code: errno) }
        defer { close(descriptor) }
        try append(bytes, to: descriptor, path: path)
    }

    private static func write(_ bytes: [UInt8], to path: String, mode: mode_t, synced: Bool) throws(FileError) {
        let flags = synced ? O_TRUNC : O_EXCL
        let descriptor = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | flags, mode)
        guard descriptor >= 0 else { throw FileError(operation: "create", path: path, code: errno) }
        defer { close(descriptor) }
        try append(bytes, to: descriptor, path: path)
        guard !synced || fsync(descriptor) == 0 else { throw FileError(operation: "fsync", path: path, code: errno) }
    }

    /// Writes all bytes at the descriptor's position.
    static func append(_ bytes: [UInt8], to descriptor: Int32, path: String) throws(FileError) {
        var offset = 0
        while offset < bytes.count {
            let wrote = bytes.withUnsafeBytes { buffer in
                Glibc.write(descriptor, buffer.baseAddress.map { $0 + offset }, bytes.count - offset)
            }
            if wrote < 0 && errno == EINTR { continue }
            guard wrote > 0 else { throw FileError(operation: "write", path: path, code: errno) }
            offset += wrote
        }
    }

    /// Makes a rename or a creation in the folder of `path` survive a power cut.
    public static func syncFolder(of path: String) throws(FileError) {
        let folder = path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "."
        let descriptor = open(folder.isEmpty ? "/" : folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw FileError(operation: "open", path: folder, code: errno) }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw FileError(operation: "fsync", path: folder, code: errno) }
    }

    /// Creates a folder, and its parents with the usual mode; an existing one is left as it is. A new one survives a
    /// power cut: what is synced in it later would be lost with it.
    public static func makeFolder(_ path: String, mode: mode_t = 0o755) throws(FileError) {
        if mkdir(path, mode) == 0 { return try syncFolder(of: path) }
        if errno == EEXIST { return }
        guard errno == ENOENT, let slash = path.lastIndex(of: "/"), slash != path.startIndex else {
            throw FileError(operation: "mkdir", path: path, code: errno)
        }
        try makeFolder(String(path[..<slash]))
        guard mkdir(path, mode) == 0 || errno == EEXIST else {
            throw FileError(operation: "mkdir", path: path, code: errno)
        }
        try syncFolder(of: path)
    }

    /// The names in a folder, in no order; none where there is no such folder.
    static func names(in folder: String) -> [String] {
        guard let stream = opendir(folder) else { return [] }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != "." && name != ".." { names.append(name) }
        }
        return names
    }

    public static func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }
}
