import Glibc

/// A file system in memory of a few megabytes, with a file that fills it on demand: what a full disk does, for real.
/// Needs the right to mount, so that tests that use it are skipped without it.
public final class SmallDisk: Sendable {
    public static let isAvailable = (try? SmallDisk(megabytes: 1)) != nil
    public static let reason = "a small disk cannot be mounted: the tests do not run as root"

    public let root: String
    private let parent: TemporaryFolder

    public init(megabytes: Int) throws {
        parent = try TemporaryFolder()
        root = parent.path("disk")
        guard mkdir(root, 0o700) == 0, mount("tmpfs", root, "tmpfs", 0, "size=\(megabytes)m") == 0 else {
            throw CommandFailure(command: "mount tmpfs", reason: String(cString: strerror(errno)))
        }
    }

    deinit { umount2(root, Int32(MNT_DETACH)) }

    public func path(_ name: String) -> String { "\(root)/\(name)" }

    public var freeByteCount: Int {
        var status = statvfs()
        return statvfs(root, &status) == 0 ? Int(status.f_bavail) * Int(status.f_bsize) : 0
    }

    /// Writes a ballast until so many bytes are free, a page more or less.
    public func fill(leaving left: Int) {
        let file = open(path("ballast"), O_WRONLY | O_CREAT | O_APPEND, 0o600)
        guard file >= 0 else { return }
        defer { close(file) }
        let page = [UInt8](repeating: 1, count: 4_096)
        while freeByteCount > left, write(file, page, page.count) == page.count {}
    }

    /// Frees what `fill` took.
    public func empty() { unlink(path("ballast")) }
}
