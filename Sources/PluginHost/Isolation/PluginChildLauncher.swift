import CIsolation
import Glibc

/// How a child process for a plugin is started: by default this very program, with the hidden argument `plugin-child`.
public struct PluginChildLauncher: Sendable {
    /// The program; it calls `PluginChild.main(arguments:)` when its first argument is `plugin-child`.
    public var program: String
    /// Longest time for a call, after which the child is killed. A call that waits on purpose gets its wait on top.
    public var callTimeout: Duration
    /// Longest time from start to a configured instance.
    public var startTimeout: Duration
    /// Data segment of the child.
    public var memoryBytesMax: UInt64

    public init(
        program: String = "/proc/self/exe", callTimeout: Duration = .seconds(30), startTimeout: Duration = .seconds(20),
        memoryBytesMax: UInt64 = 4 << 30
    ) {
        self.program = program
        self.callTimeout = callTimeout
        self.startTimeout = startTimeout
        self.memoryBytesMax = memoryBytesMax
    }

    /// A launcher for this program, if it is `vinculum` and so knows the hidden argument; nil in tests and other programs,
    /// where plugins then stay in the process.
    public static var ofThisProgram: PluginChildLauncher? {
        var buffer = [UInt8](repeating: 0, count: 4096)
        let count = buffer.withUnsafeMutableBytes { raw in
            raw.bindMemory(to: CChar.self).baseAddress.map { readlink("/proc/self/exe", $0, raw.count) } ?? -1
        }
        let path = String(decoding: buffer.prefix(max(count, 0)), as: UTF8.self)
        return path.hasSuffix("/vinculum") ? PluginChildLauncher() : nil
    }

    /// Starts a child. Its environment has nothing of the host's but what finds libraries and programs.
    func start(library: SealedLibrary) throws(Channel.Failure) -> (process: pid_t, channel: Channel) {
        var pair: [Int32] = [-1, -1]
        guard socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0, &pair) == 0 else {
            throw .system(errno)
        }
        let channel = Channel(descriptor: pair[0])
        defer { close(pair[1]) }
        var environment: [UnsafeMutablePointer<CChar>?] = []
        for name in ["PATH", "LD_LIBRARY_PATH", "LANG", "ASAN_OPTIONS", "TMPDIR"] {
            if let value = getenv(name) { environment.append(strdup("\(name)=\(String(cString: value))")) }
        }
        environment.append(nil)
        var arguments: [UnsafeMutablePointer<CChar>?] = [strdup(program), strdup("plugin-child"), nil]
        defer { for text in environment + arguments { free(text) } }
        let process = isolation_spawn(&arguments, &environment, pair[1], library.descriptor)
        guard process > 0 else { throw .system(-process) }
        return (process, channel)
    }
}
