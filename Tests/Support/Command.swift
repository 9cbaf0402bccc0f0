import Glibc

/// How a command ended.
public struct CommandResult: Sendable {
    /// The exit code, or 128 and the signal's number, or nil when the time ran out and it was killed.
    public let status: Int32?
    public let output: String
    public let errors: String
}

/// A command of the system, run by tests: programs under test, and other people's implementations as oracles.
public struct Command: Sendable {
    public var executable: String
    public var arguments: [String]
    /// Added to, or taken from (nil), the environment of the tests.
    public var environment: [String: String?]
    public var folder: String?

    public init(
        _ executable: String, _ arguments: [String] = [], environment: [String: String?] = [:], folder: String? = nil
    ) {
        self.executable = executable
        self.arguments = arguments
        self.environment = environment
        self.folder = folder
    }

    /// A process that a test started and has not waited for yet.
    public struct Running: Sendable {
        public let identifier: pid_t
        fileprivate let scratch: TemporaryFolder

        /// What it has written to its standard output by now.
        public var outputSoFar: String { scratch.text("output") }

        /// Sends a signal to the process alone.
        public func send(_ signal: Int32) { kill(identifier, signal) }

        /// `wait` on a thread of its own.
        public func end(timeout: Duration = .seconds(120)) async -> CommandResult {
            await withCheckedContinuation { continuation in
                let body = Unmanaged.passRetained(Aside { continuation.resume(returning: wait(timeout: timeout)) })
                var thread = pthread_t()
                let status = pthread_create(
                    &thread, nil,
                    { argument in
                        if let argument { Unmanaged<Aside>.fromOpaque(argument).takeRetainedValue().body() }
                        return nil
                    }, body.toOpaque())
                // Without a thread, here is as good as nowhere else.
                if status == 0 { pthread_detach(thread) } else { body.takeRetainedValue().body() }
            }
        }

        /// Waits for the end; after `timeout` the process is killed. Blocks the calling thread.
        public func wait(timeout: Duration = .seconds(120)) -> CommandResult {
            let deadline = ContinuousClock.now + timeout
            var status: Int32 = 0
            var ended = false
            while !ended, ContinuousClock.now < deadline {
                ended = waitpid(identifier, &status, WNOHANG) != 0
                if !ended { usleep(2_000) }
            }
            if !ended {
                kill(identifier, SIGKILL)
                waitpid(identifier, &status, 0)
            }
            let signal = status & 0x7f
            let code = signal == 0 ? (status >> 8) & 0xff : 128 + signal
            return CommandResult(
                status: ended ? code : nil, output: scratch.text("output"), errors: scratch.text("errors"))
        }
    }

    /// Starts the command with both output streams going to files, so that a full pipe cannot hold it up.
    public func start() throws -> Running {
        let scratch = try TemporaryFolder()
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        let create = O_WRONLY | O_CREAT | O_TRUNC
        posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, scratch.path("output"), create, 0o600)
        posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, scratch.path("errors"), create, 0o600)
        var identifier: pid_t = 0
        // The C library of Debian 12 has no portable name for "in this folder"; env(1) does it.
        let words = (folder.map { ["env", "-C", $0] } ?? []) + [executable] + arguments
        let code = Self.withVector(words) { arguments in
            Self.withVector(mergedEnvironment()) { environment in
                posix_spawnp(&identifier, words[0], &actions, nil, arguments, environment)
            }
        }
        guard code == 0 else { throw CommandFailure(command: executable, reason: String(cString: strerror(code))) }
        return Running(identifier: identifier, scratch: scratch)
    }

    /// Runs the command to its end on a thread of its own. Tests share one thread a core: one that waits for a build
    /// there holds up all others, and their time limits pass.
    public func finish(timeout: Duration = .seconds(120)) async throws -> CommandResult {
        try await start().end(timeout: timeout)
    }

    /// Runs the command to its end. Blocks the calling thread.
    public func run(timeout: Duration = .seconds(120)) throws -> CommandResult { try start().wait(timeout: timeout) }

    private func mergedEnvironment() -> [String] {
        var merged: [String: String] = [:]
        var cursor = environ
        while let entry = cursor.pointee {
            let text = String(cString: entry)
            if let equals = text.firstIndex(of: "=") {
                merged[String(text[..<equals])] = String(text[text.index(after: equals)...])
            }
            cursor += 1
        }
        // What outlives its test for any reason ends with the tests: see `ParentDeath` of the program.
        merged["VINCULUM_END_WITH_PROCESS"] = "\(getpid())"
        for (name, value) in environment { merged[name] = value }
        return merged.map { "\($0)=\($1)" }.sorted()
    }

    /// C strings that live for the call of `body`, ended by a null pointer.
    private static func withVector<Result>(
        _ texts: [String], _ body: ([UnsafeMutablePointer<CChar>?]) -> Result
    ) -> Result {
        let vector: [UnsafeMutablePointer<CChar>?] = texts.map { strdup($0) } + [nil]
        defer { for pointer in vector { free(pointer) } }
        return body(vector)
    }
}

/// A command that could not be started.
public struct CommandFailure: Error, CustomStringConvertible {
    public let command: String
    public let reason: String
    public var description: String { "\(command): \(reason)" }
}

/// What a thread of its own runs.
private final class Aside: Sendable {
    let body: @Sendable () -> Void

    init(_ body: @escaping @Sendable () -> Void) { self.body = body }
}
