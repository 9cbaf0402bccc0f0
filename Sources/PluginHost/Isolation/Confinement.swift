import CIsolation

/// What a child may do, and what must hold for it.
struct Confinement {
    private let kind: PluginKind
    private let hasNetwork: Bool

    /// Of a plugin: bridges have a network, and who asks for one.
    init(_ manifest: Manifest) { self.init(manifest.kind, asksForNetwork: manifest.services.contains(.network)) }

    /// Of any plugin of a kind.
    init(_ kind: PluginKind, asksForNetwork: Bool = false) {
        self.kind = kind
        hasNetwork = kind == .bridge || asksForNetwork
    }

    /// ISOLATION_NETWORK and its like.
    var permissions: Int32 {
        if kind == .runtime { return Int32(ISOLATION_PROCESSES) }
        return hasNetwork ? Int32(ISOLATION_NETWORK) : 0
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
            + (hasNetwork ? [] : [(ISOLATION_HAS_NO_NETWORK, "a network namespace of its own")])
            + (kind == .runtime
                ? []
                : [
                    (ISOLATION_HAS_NO_FILES, "an end to reading and writing files (Landlock)"),
                    (ISOLATION_HAS_FILTER, "a filter on system calls (seccomp)"),
                ])
        return needs.filter { achieved & Int32($0.bit) == 0 }.map(\.name)
    }
}
