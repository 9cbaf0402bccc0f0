import Glibc
import Node

/// A process that the demo started: its output goes to a log file, and it ends when the demo ends.
///
/// The child is asked (`--die-with-parent`) to take the kernel's parent-death signal, so that even SIGKILL of the
/// demo leaves nothing running.
struct ChildProcess: Sendable {
    let name: String
    let identifier: pid_t

    /// Starts `executable` with `arguments`, both output streams appended to `logPath`.
    static func start(name: String, executable: String, arguments: [String], logPath: String) throws(FileError) -> Self
    {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, logPath, O_WRONLY | O_CREAT | O_APPEND, 0o600)
        posix_spawn_file_actions_adddup2(&actions, STDOUT_FILENO, STDERR_FILENO)

        var vector: [UnsafeMutablePointer<CChar>?] = ([executable] + arguments).map { strdup($0) }
        vector.append(nil)
        defer { for pointer in vector { free(pointer) } }
        var identifier: pid_t = 0
        let code = posix_spawn(&identifier, executable, &actions, nil, vector, environ)
        guard code == 0 else { throw FileError(operation: "start", path: executable, code: code) }
        return ChildProcess(name: name, identifier: identifier)
    }

    /// The exit status if the process has ended, else nil. Asks without waiting.
    func exitStatus() -> Int32? {
        var status: Int32 = 0
        let result = waitpid(identifier, &status, WNOHANG)
        if result == 0 { return nil }
        // A signal's number is shown as shells show it: 128 and the number.
        let signal = status & 0x7f
        return signal == 0 ? (status >> 8) & 0xff : 128 + signal
    }

    /// Sends SIGTERM, unless the process has ended.
    func askToEnd() {
        if exitStatus() == nil { kill(identifier, SIGTERM) }
    }

    /// Waits until the process has ended, and ends it by force after the deadline. Blocks the calling thread.
    func stop(by deadline: ContinuousClock.Instant) {
        guard exitStatus() == nil else { return }
        while ContinuousClock.now < deadline {
            if exitStatus() != nil { return }
            usleep(5_000)
        }
        kill(identifier, SIGKILL)
        var status: Int32 = 0
        waitpid(identifier, &status, 0)
    }
}
