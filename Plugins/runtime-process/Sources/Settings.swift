import Glibc
import PluginKit

/// The operator's choices for the sandbox.
struct SandboxSettings {
    /// Whom tasks run as when the node is root.
    var userID: UInt32 = 65534
    var groupID: UInt32 = 65534
    /// The base system that tasks see, read-only.
    var basePaths = ["/usr", "/bin", "/lib", "/lib64", "/sbin"]
    /// Where the output tmpfs is mounted, in a mount namespace of its own: nobody else sees it.
    var mountPoint = "/mnt"
    var bubblewrap = "/usr/bin/bwrap"

    init() {}

    init(_ given: Settings) throws(PluginFailure) {
        var given = given
        if let user = try given.integer("user_id", in: 1...Int64(Int32.max)) { userID = UInt32(user) }
        if let group = try given.integer("group_id", in: 1...Int64(Int32.max)) { groupID = UInt32(group) }
        if let paths = given.text("base_paths") { basePaths = paths.split(separator: ":").map(String.init) }
        if let path = given.text("mount_point") { mountPoint = path }
        if let path = given.text("bubblewrap") { bubblewrap = path }
        try given.refuseOthers()
        for path in basePaths + [mountPoint, bubblewrap] where !isPlainAbsolutePath(path) {
            throw PluginFailure(.invalid, "\(path) is not an absolute path without '.' and '..'")
        }
        guard access(bubblewrap, X_OK) == 0 else {
            throw PluginFailure(.unavailable, "\(bubblewrap) cannot be run: install the Debian package bubblewrap")
        }
    }
}

/// Whether a path is absolute and means what it says.
func isPlainAbsolutePath(_ path: String) -> Bool {
    guard path.hasPrefix("/"), path.utf8.count <= 4096 else { return false }
    return !path.split(separator: "/").contains { $0 == "." || $0 == ".." }
}
