import CSandbox
import CVinculum
import Glibc
import PluginKit

/// The command line of bubblewrap for a task.
enum SandboxArguments {
    /// Where the task's program lies inside.
    static let programPath = "/task/program"
    /// Where the task writes.
    static let outputPath = "/output"
    /// What an input may not cover up.
    private static let reserved = ["/", "/task", "/output", "/proc", "/dev", "/tmp", "/sys"]

    static func make(_ task: TaskDescription, _ settings: SandboxSettings) throws(PluginFailure) -> [String] {
        var arguments = [
            "bwrap", "--unshare-user", "--unshare-all", "--die-with-parent", "--disable-userns", "--new-session",
            "--clearenv", "--cap-drop", "ALL",
            "--hostname", "task", "--json-status-fd", String(SANDBOX_STATUS), "--seccomp",
            String(SANDBOX_FILTER),
        ]
        for path in settings.basePaths { arguments += base(path) }
        // File systems of the supervisor's, which bound and count what is in them. One of bubblewrap's own would be
        // memory that nobody sees; without a size, /dev/shm takes half of the machine.
        arguments += ["--proc", "/proc", "--dev", "/dev"]
        for (place, inside) in [
            (SANDBOX_SHARED, "/dev/shm"), (SANDBOX_TEMPORARY, "/tmp"), (SANDBOX_OUTPUT, outputPath),
        ] {
            arguments += ["--bind", "\(settings.mountPoint)/\(place)", inside]
        }
        for input in task.inputs {
            guard isPlainAbsolutePath(input.hostPath), isPlainAbsolutePath(input.insidePath),
                !reserved.contains(input.insidePath)
            else { throw PluginFailure(.invalid, "an input cannot be seen at \(input.insidePath)") }
            arguments += ["--ro-bind", input.hostPath, input.insidePath]
        }
        for entry in task.environment {
            guard let equals = entry.firstIndex(of: "="), equals != entry.startIndex else {
                throw PluginFailure(.invalid, "an environment variable is not NAME=value")
            }
            arguments += ["--setenv", String(entry[..<equals]), String(entry[entry.index(after: equals)...])]
        }
        arguments += [
            // The sealed copy itself, by its descriptor: a file of bubblewrap's would be one more copy for each task.
            "--symlink", "/proc/self/fd/\(SANDBOX_PROGRAM)", programPath, "--remount-ro", "/dev", "--remount-ro", "/",
            "--chdir", outputPath, "--", programPath,
        ]
        return arguments + task.arguments
    }

    // On a merged system /lib and its like are links; a link stays one, so that paths resolve inside as outside.
    private static func base(_ path: String) -> [String] {
        var target = [CChar](repeating: 0, count: 4097)
        let length = readlink(path, &target, 4096)
        if length > 0 {
            let text = String(decoding: target[..<length].map { UInt8(bitPattern: $0) }, as: UTF8.self)
            return ["--symlink", text, path]
        }
        return access(path, F_OK) == 0 ? ["--ro-bind", path, path] : []
    }
}
