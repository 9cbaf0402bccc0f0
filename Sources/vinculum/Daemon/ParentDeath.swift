import CIsolation
import Glibc

/// Ends this process with the one that started it.
enum ParentDeath {
    /// - Parameter parent: the process that started this one. If it is gone already, the kernel has nobody left to watch,
    ///   and this process ends now.
    static func follow(_ parent: pid_t) {
        _ = isolation_die_with_parent()
        if getppid() != parent { exit(1) }
    }
}
