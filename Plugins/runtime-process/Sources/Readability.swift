import Glibc
import PluginKit

/// Whether somebody else may read a path: the node, when it is root, may read everything and the task may not.
enum Readability {
    /// Refuses, by name of the first path component that stands in the way, an input that the task could not read.
    static func check(_ path: String, user: UInt32, group: UInt32) throws(PluginFailure) {
        guard access(path, R_OK) == 0 else {
            throw PluginFailure(.notFound, "the input \(path) cannot be read: \(String(cString: strerror(errno)))")
        }
        guard geteuid() == 0 else { return }
        var place = ""
        let parts = path.split(separator: "/")
        for (index, part) in parts.enumerated() {
            place += "/" + part
            var facts = stat()
            guard stat(place, &facts) == 0 else {
                throw PluginFailure(.notFound, "the input \(place) cannot be read: \(String(cString: strerror(errno)))")
            }
            // The bits that count are the owner's, the group's or everybody's, whichever the task's user is.
            let shift: mode_t = facts.st_uid == user ? 6 : facts.st_gid == group ? 3 : 0
            let isDirectory = facts.st_mode & S_IFMT == S_IFDIR
            let wanted: mode_t = index == parts.count - 1 ? (isDirectory ? 5 : 4) : 1
            guard facts.st_mode >> shift & wanted == wanted else {
                throw PluginFailure(
                    .refused,
                    "the task's user \(user) may not read \(place), on the way to an input: change its mode or user_id")
            }
        }
    }
}
