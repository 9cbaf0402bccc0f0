import CSodium
import Glibc

/// Why a key file could not be written or read.
public struct KeyFileError: Error, Hashable, Sendable, CustomStringConvertible {
    public enum Code: String, Hashable, Sendable {
        /// The system refused a call; `reason` has its words.
        case system
        case notFound
        /// The file exists already and would have been overwritten.
        case exists
        /// Others than the owner may use the file.
        case permissionsTooWide
        case wrongLength
        case notRegularFile
    }

    public let code: Code
    public let reason: String
    /// The file.
    public let place: String

    public var description: String { "\(place): \(reason) [\(code.rawValue)]" }
}

extension SecretKey {
    /// Writes the seed (32 bytes, raw) to a new file that only its owner can read (mode 0600): synced under another
    /// name first, then linked into place, so that a crash leaves the whole file or none. An existing file is never
    /// replaced.
    public func save(to path: String) throws(KeyFileError) {
        let folder = SecretKey.folder(of: path)
        let temporary = "\(path).\(Hex.encode(SecureRandom.bytes(count: 8))).new"
        let file = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard file >= 0 else { throw SecretKey.systemError("cannot create the file", temporary) }
        defer { unlink(temporary) }
        // fchmod, because the umask may have taken bits that the owner needs.
        let written = withSeed { seed in
            fchmod(file, 0o600) == 0 && write(file, seed.baseAddress, seed.count) == seed.count && fsync(file) == 0
        }
        let failure = written ? nil : SecretKey.systemError("cannot write the file", temporary)
        close(file)
        if let failure { throw failure }
        guard link(temporary, path) == 0 else {
            if errno == EEXIST { throw KeyFileError(code: .exists, reason: "the file exists already", place: path) }
            throw SecretKey.systemError("cannot put the file in its place", path)
        }
        let directory = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard directory >= 0 else { throw SecretKey.systemError("cannot open the folder", folder) }
        defer { close(directory) }
        guard fsync(directory) == 0 else { throw SecretKey.systemError("cannot sync the folder", folder) }
    }

    /// Reads a key that `save` wrote. Refuses a file that anyone but its owner may use, and one of another length.
    public static func load(from path: String) throws(KeyFileError) -> SecretKey {
        let file = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)
        guard file >= 0 else {
            if errno == ENOENT { throw KeyFileError(code: .notFound, reason: "there is no such file", place: path) }
            throw systemError("cannot open the file", path)
        }
        defer { close(file) }
        var status = stat()
        guard fstat(file, &status) == 0 else { throw systemError("cannot examine the file", path) }
        guard status.st_mode & S_IFMT == S_IFREG else {
            throw KeyFileError(code: .notRegularFile, reason: "not a regular file", place: path)
        }
        guard status.st_mode & 0o077 == 0 else {
            let mode = String(status.st_mode & 0o777, radix: 8)
            throw KeyFileError(
                code: .permissionsTooWide, reason: "mode 0\(mode) lets others in; 0600 is needed", place: path)
        }
        guard status.st_size == off_t(seedByteCount) else {
            throw KeyFileError(
                code: .wrongLength, reason: "\(status.st_size) bytes, not \(seedByteCount)", place: path)
        }
        var length = 0
        let key = SecretKey { seed in length = read(file, seed, seedByteCount) }
        guard length == seedByteCount else { throw systemError("cannot read the file", path) }
        return key
    }

    private static func folder(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }

    private static func systemError(_ action: String, _ path: String) -> KeyFileError {
        KeyFileError(code: .system, reason: "\(action): \(String(cString: strerror(errno)))", place: path)
    }
}
