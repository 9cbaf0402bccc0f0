/// When to try again what did not work, and whether it has been said.
///
/// The first retry comes almost at once, later ones after longer and longer waits.
struct RetryBook<Key: Hashable> {
    struct Trouble: Hashable {
        /// How often it was tried in vain.
        var attempts = 0
        var notBefore = ContinuousClock.now
        /// What was said of it last: each distinct trouble is said once.
        var reason = ""
    }

    private(set) var troubles: [Key: Trouble] = [:]

    /// The wait after the first failure, doubled after each further one, up to the longest.
    var shortest: Duration = .milliseconds(40)
    var longest: Duration = .seconds(60)

    /// Whether the time has come to try.
    func isDue(_ key: Key) -> Bool { troubles[key].map { $0.notBefore <= .now } ?? true }

    func attempts(_ key: Key) -> Int { troubles[key]?.attempts ?? 0 }

    /// The next time at which something is due that is not due now.
    var next: ContinuousClock.Instant? { troubles.values.map(\.notBefore).filter { $0 > .now }.min() }

    /// It worked, or is not wanted any more.
    mutating func passed(_ key: Key) { troubles[key] = nil }

    mutating func keep(where isWanted: (Key) -> Bool) { troubles = troubles.filter { isWanted($0.key) } }

    /// It failed once more.
    ///
    /// - Parameter wait: the wait after the first failure, where it is not the usual one.
    /// - Returns: whether this trouble is another one than the last time.
    mutating func failed(_ key: Key, _ reason: String, wait: Duration? = nil) -> Bool {
        var trouble = troubles[key] ?? Trouble()
        let isNew = trouble.reason != reason
        trouble.notBefore = .now + min(longest, (wait ?? shortest) * (1 << min(trouble.attempts, 20)))
        trouble.attempts += 1
        trouble.reason = reason
        troubles[key] = trouble
        return isNew
    }
}
