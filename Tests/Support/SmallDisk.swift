import Glibc

/// A file system in memory of a few megabytes, with a file that fills it on demand: what a full disk does, for real.
/// Needs the right to mount, so that tests that use it are skipped without it.
public final class SmallDisk: Sendable {
    /// Whether this process may mount.
    public static let isPossible = (try? SmallDisk(bytes: 16 << 10)) != nil

    public let path: String
    private let parent: TemporaryFolder

    public init(bytes: Int) throws {
        parent = try TemporaryFolder()
        path = parent.path("disk")
        guard mkdir(path, 0o700) == 0, mount("tmpfs", path, "tmpfs", 0, "size=\(bytes)") == 0 else {
            throw CommandFailure(command: "mount tmpfs", reason: String(cString: strerror(errno)))
        }
    }

    deinit { umount2(path, Int32(MNT_DETACH)) }

    public func path(_ name: String) -> String { "\(path)/\(name)" }

    public var freeByteCount: Int {
        var status = statvfs()
        return statvfs(path, &status) == 0 ? Int(status.f_bavail) * Int(status.f_bsize) : 0
    }

    /// Writes a filler until so many bytes are left, a page more or less.
    public func fill(leaving left: Int = 0) throws {
        // Not for children of other tests: one that held the file would hold its space.
        let file = open(path("filler"), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
        guard file >= 0 else { throw CommandFailure(command: "open filler", reason: String(cString: strerror(errno))) }
        defer { close(file) }
        let page = [UInt8](repeating: 1, count: 4_096)
        while freeByteCount > left, write(file, page, page.count) > 0 {}
    }

    /// What `fill` took.
    public var fillerBytes: Int {
        var status = stat()
        return stat(path("filler"), &status) == 0 ? Int(status.st_size) : 0
    }

    /// Frees what `fill` took.
    public func free() { unlink(path("filler")) }
}
