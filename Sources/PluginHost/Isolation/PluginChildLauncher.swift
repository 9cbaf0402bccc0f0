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
    /// How often a child that ended is started again within the window: a plugin that crashes at once must not keep the
    /// host busy with starting it.
    public var restartsMax: Int
    public var restartWindow: Duration

    public init(
        program: String = "/proc/self/exe", callTimeout: Duration = .seconds(30), startTimeout: Duration = .seconds(20),
        memoryBytesMax: UInt64 = 4 << 30, restartsMax: Int = 5, restartWindow: Duration = .seconds(60)
    ) {
        self.program = program
        self.callTimeout = callTimeout
        self.startTimeout = startTimeout
        self.memoryBytesMax = memoryBytesMax
        self.restartsMax = restartsMax
        self.restartWindow = restartWindow
    }

    /// A launcher for this program, if it is `vinculum` and so knows the hidden argument; nil in other programs, where
    /// a plugin that needs a process of its own is refused.
    public static var ofThisProgram: PluginChildLauncher? {
        var buffer = [UInt8](repeating: 0, count: 4096)
        let count = buffer.withUnsafeMutableBytes { raw in
            raw.bindMemory(to: CChar.self).baseAddress.map { readlink("/proc/self/exe", $0, raw.count) } ?? -1
        }
        let path = String(decoding: buffer.prefix(max(count, 0)), as: UTF8.self)
        return path.hasSuffix("/vinculum") ? PluginChildLauncher() : nil
    }

    /// Starts a child with a descriptor of its library, which it gets a copy of. Its environment has nothing of the
    /// host's but what finds libraries and programs.
    func start(library: Int32) throws(Channel.Failure) -> (
        process: pid_t, channel: Channel, errors: ChildErrorOutput
    ) {
        var pair: [Int32] = [-1, -1]
        guard socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0, &pair) == 0 else {
            throw .system(errno)
        }
        let channel = Channel(descriptor: pair[0], takesDescriptors: false)
        let socket = pair[1]
        defer { close(socket) }
        var ends: [Int32] = [-1, -1]
        let made = isolation_pipe(&ends)
        guard made == 0 else { throw .system(-made) }
        let errors = ChildErrorOutput(descriptor: ends[0])
        let standardError = ends[1]
        defer { close(standardError) }
        let names = ["PATH", "LD_LIBRARY_PATH", "LANG", "ASAN_OPTIONS", "TMPDIR"]
        let variables = names.compactMap { name in getenv(name).map { "\(name)=\(String(cString: $0))" } }
        let process = SpawnThread.shared.run { [program] in
            var environment = variables.map { strdup($0) } + [nil]
            var arguments = [strdup(program), strdup("plugin-child"), nil]
            defer { for text in environment + arguments { free(text) } }
            return isolation_spawn(&arguments, &environment, socket, library, standardError)
        }
        guard process > 0 else { throw .system(-process) }
        return (process, channel, errors)
    }

    /// What of a kind's confinement this system refuses, in words: a child confines itself and loads nothing.
    func missingConfinement(_ kind: PluginKind) throws(PluginError) -> [String] {
        func fault(_ message: String) -> PluginError {
            PluginError(.system, plugin: kind.rawValue, call: PluginCall.probe.name, message)
        }
        let nothing = isolation_memory_file("vinculum-probe", 0)
        guard nothing >= 0 else { throw fault("no memory file") }
        defer { close(nothing) }
        do throws(Channel.Failure) {
            let child = try start(library: nothing)
            defer {
                kill(child.process, SIGKILL)
                while waitpid(child.process, nil, 0) < 0 && errno == EINTR {}
            }
            let deadline = Deadline(after: startTimeout)
            try child.channel.send(
                Frame(.call, code: PluginCall.probe.rawValue, [Array(kind.rawValue.utf8)]), by: deadline)
            let answer = try child.channel.receive(by: deadline)
            guard answer.code == 0, let holds = Plain.value(answer.parts.first ?? [], as: Int32.self) else {
                throw .broken
            }
            return Confinement(kind).missing(holds)
        } catch {
            throw fault("a process that shows what can be confined did not answer: \(error)")
        }
    }
}
