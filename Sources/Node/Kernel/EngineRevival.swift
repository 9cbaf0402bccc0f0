import PluginHost

/// How an engine in a process of its own comes back after that process has ended: from its saved state, as at the start
/// of the node. The launcher bounds how often a process is started.
///
/// Used by the kernel's thread alone, like the instance behind it.
struct EngineRevival: Sendable {
    /// Whether the engine's process has ended. An engine in the node's own process is never gone.
    let isGone: @Sendable () -> Bool
    /// Starts a new one from the newest state that the engine asked to keep.
    let start: @Sendable (_ state: [UInt8]) throws -> Void
    /// Of an engine with threads of its own: what wakes the kernel's thread, whether the engine wants a step, and what
    /// it complains of.
    var attentionDescriptor: @Sendable () -> Int32? = { nil }
    var takeWake: @Sendable () -> Bool = { false }
    var mayHaveWake: @Sendable () -> Bool = { false }
    var complaint: @Sendable () -> String? = { nil }
    /// Waited after a start that failed.
    var retry: Duration = .seconds(5)

    init(isGone: @escaping @Sendable () -> Bool, start: @escaping @Sendable ([UInt8]) throws -> Void) {
        self.isGone = isGone
        self.start = start
    }

    init(_ instance: ConsensusInstance) {
        // Handed to the kernel's thread, which is the only one to use the instance.
        nonisolated(unsafe) let owned = instance
        self.init(isGone: { owned.isGone }, start: { state in try owned.start(snapshot: state) })
        attentionDescriptor = { owned.attentionDescriptor }
        takeWake = { owned.takeWake() }
        mayHaveWake = { owned.mayHaveWake }
        complaint = { owned.complaint }
    }
}
