import Glibc
import Node
import Primitives
import Synchronization

/// A Unix socket that nobody else can reach at any moment: it is bound in a folder of mode 0700, gets its own mode,
/// and is renamed into place.
final class SocketStaging: Sendable {
    private let path: String
    private let folder: String
    /// The socket that was published, to tell it from another process's.
    private let published = Mutex<FileIdentity?>(nil)

    var temporaryPath: String { "\(folder)/s" }

    /// What sockaddr_un holds, without the final zero.
    static let pathLimit = 107
    /// What the library that binds it takes.
    private static let boundPathLimit = 103

    /// - Throws: `.malformed` for a path that is too long, `.unavailable` where a process answers at the path.
    init(path: String) throws(ServiceError) {
        self.path = path
        let parent = path.contains("/") ? String(path[..<(path.lastIndex(of: "/") ?? path.endIndex)]) : "."
        folder = "\(parent)/.\(Hex.encode(SecureRandom.bytes(count: 3)))"
        guard path.utf8.count <= Self.pathLimit, "\(folder)/s".utf8.count <= Self.boundPathLimit else {
            throw ServiceError(
                .malformed,
                "the socket's path has \(path.utf8.count) bytes, its folder \(parent.utf8.count); "
                    + "\(Self.pathLimit) and \(Self.boundPathLimit - 10) are possible",
                hint: "use a shorter one", field: "api.unix_socket")
        }
        guard !Self.answers(path) else {
            throw ServiceError(
                .unavailable, "another process answers at \(path)",
                hint: "is another node running? `vinculum doctor` shows who holds the address",
                field: "api.unix_socket")
        }
        guard mkdir(folder, 0o700) == 0 else { throw Self.failed("make", folder) }
    }

    /// Makes the bound socket reachable under its name.
    func publish() throws(ServiceError) {
        guard chmod(temporaryPath, 0o600) == 0 else { throw Self.failed("set the mode of", temporaryPath) }
        guard let own = FileIdentity(path: temporaryPath) else { throw Self.failed("see", temporaryPath) }
        guard rename(temporaryPath, path) == 0 else { throw Self.failed("make", path) }
        published.withLock { $0 = own }
        rmdir(folder)
    }

    /// Removes what was made here, and nothing that another process has put in its place since.
    func remove() {
        unlink(temporaryPath)
        rmdir(folder)
        if let own = published.withLock({ $0 }), FileIdentity(path: path) == own { unlink(path) }
    }

    private static func failed(_ verb: String, _ place: String) -> ServiceError {
        ServiceError(
            .unavailable, "cannot \(verb) \(place): \(String(cString: strerror(errno)))", field: "api.unix_socket")
    }

    /// Whether somebody takes connections at a path; a socket that a killed process has left does not.
    private static func answers(_ path: String) -> Bool {
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: Array(path.utf8)) }
        return withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        } == 0
    }
}
