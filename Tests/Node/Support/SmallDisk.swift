import Glibc
import Node
import TestSupport

/// A disk of a few pages in memory, for tests of a full one. Only root can mount one.
final class SmallDisk {
    let folder: TemporaryFolder
    var path: String { folder.root }

    /// Whether this process may mount; tests that need it are skipped otherwise and say so.
    static let isPossible: Bool = (try? SmallDisk(bytes: 16 << 10)) != nil

    init(bytes: Int) throws {
        folder = try TemporaryFolder()
        guard mount("vinculum-test", folder.root, "tmpfs", 0, "size=\(bytes)") == 0 else {
            throw FileError(operation: "mount", path: folder.root, code: errno)
        }
    }

    deinit { umount2(folder.root, Int32(MNT_DETACH)) }

    /// Takes all the space that is left.
    func fill() throws {
        let descriptor = open("\(path)/filler", O_WRONLY | O_CREAT | O_APPEND, 0o600)
        guard descriptor >= 0 else { throw FileError(operation: "open", path: folder.root, code: errno) }
        defer { close(descriptor) }
        let page = [UInt8](repeating: 1, count: 4_096)
        while write(descriptor, page, page.count) > 0 {}
    }

    /// What `fill` took.
    var fillerBytes: Int {
        var status = stat()
        return stat("\(path)/filler", &status) == 0 ? Int(status.st_size) : 0
    }

    func free() { unlink("\(path)/filler") }
}
