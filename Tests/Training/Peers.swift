import Testing

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// The Python that has the peers installed, and how to run a script in it.
enum Peers {
    static var python: String? {
        guard let path = getenv("VINCULUM_PEERS_PYTHON") else { return nil }
        return String(cString: path)
    }

    static let missing: Comment =
        "VINCULUM_PEERS_PYTHON names no interpreter with the peers: `./Packaging/dev setup` makes one"

    struct Failure: Error { let status: Int32 }

    static func run(_ script: String, _ arguments: [String]) throws {
        let words = [try #require(python), "-c", script] + arguments
        var pointers: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) } + [nil]
        defer { for pointer in pointers { free(pointer) } }
        var process = pid_t()
        let program = try #require(pointers[0])
        guard posix_spawn(&process, program, nil, nil, &pointers, environ) == 0 else { throw Failure(status: -1) }
        var status: Int32 = 0
        while waitpid(process, &status, 0) < 0 && errno == EINTR {}
        guard status == 0 else { throw Failure(status: status) }
    }
}
