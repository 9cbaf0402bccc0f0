import PluginHost

/// How an engine in a process of its own comes back after that process has ended: from its saved state, as at the start
/// of the node. The launcher bounds how often a process is started.
///
/// Used by the kernel's thread alone, like the instance behind it.
struct EngineRevival {
    /// Whether the engine's process has ended. An engine in the node's own process is never gone.
    let isGone: () -> Bool
    /// Starts a new one from the newest state that the engine asked to keep.
    let start: (_ state: [UInt8]) throws -> Void

    /// Waited after a start that failed.
    static let retry: Duration = .seconds(5)

    init(isGone: @escaping () -> Bool, start: @escaping ([UInt8]) throws -> Void) {
        self.isGone = isGone
        self.start = start
    }

    init(_ instance: ConsensusInstance) {
        self.init(isGone: { instance.isGone }, start: { state in try instance.start(snapshot: state) })
    }
}
