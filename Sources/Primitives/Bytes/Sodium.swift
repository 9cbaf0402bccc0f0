import CSodium

/// libsodium, made ready once a process: it picks its code for the processor and opens the system's random source.
enum Sodium {
    /// Touch before the first call of anything that depends on the choice or on the source. A machine without a random
    /// source cannot run a node at all, so this ends the process, as libsodium itself does later.
    static let ready: Bool = {
        let status = sodium_init()
        precondition(status >= 0, "libsodium found no random source")
        return true
    }()

    @inline(__always)
    static func start() { _ = ready }
}
