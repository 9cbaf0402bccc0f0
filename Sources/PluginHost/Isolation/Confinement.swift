import CIsolation

/// What a child of a kind may do, and what must hold for it.
struct Confinement {
    private let kind: PluginKind

    init(_ kind: PluginKind) { self.kind = kind }

    /// ISOLATION_NETWORK and its like.
    var permissions: Int32 {
        switch kind {
        case .consensus, .privacy, .verifier: 0
        case .bridge: Int32(ISOLATION_NETWORK)
        case .runtime: Int32(ISOLATION_PROCESSES)
        }
    }

    /// What the system refused, in words, given the ISOLATION_HAS bits that a child achieved.
    ///
    /// Containers and hardened kernels refuse some of it. The plugin runs there all the same, in its own process, and
    /// the operator is told: refusing would leave no place but the host's own process.
    func missing(_ achieved: Int32) -> [String] {
        let needs: [(bit: Int, name: String)] =
            [
                (ISOLATION_HAS_NO_NEW_PRIVILEGES, "no new privileges"),
                (ISOLATION_HAS_LIMITS, "limits on memory and core files"),
            ]
            + (kind == .bridge ? [] : [(ISOLATION_HAS_NO_NETWORK, "a network namespace of its own")])
            + (kind == .runtime
                ? []
                : [
                    (ISOLATION_HAS_NO_FILES, "an end to reading and writing files (Landlock)"),
                    (ISOLATION_HAS_FILTER, "a filter on system calls (seccomp)"),
                ])
        return needs.filter { achieved & Int32($0.bit) == 0 }.map(\.name)
    }
}
