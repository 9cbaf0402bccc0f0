import CIsolation
import Glibc

/// Ends this process with the one that started it.
enum ParentDeath {
    /// - Parameter parent: the process that started this one. If it is gone already, the kernel has nobody left to
    ///   watch, and this process ends now.
    static func follow(_ parent: pid_t) {
        _ = isolation_die_with_parent()
        if getppid() != parent { exit(1) }
    }

    /// The environment's name of a process with which this one ends, whoever started it. Tests set it, so that a run of
    /// them that is interrupted leaves no node and no site behind, not even those that a script has started.
    static let variable = "VINCULUM_END_WITH_PROCESS"

    static func followEnvironment() {
        guard let process = ProcessEnvironment.variables[variable].flatMap({ Int32($0) }), process > 0 else { return }
        if isolation_end_with(process) == -ESRCH { exit(1) }
    }
}
