/// When to try again what failed: twice as late each time, up to a bound, by a random part of the time sooner or later,
/// so that nodes that lost one another at the same moment do not come back at the same moment. Bounded in entries.
struct DialBackoff<Key: Hashable & Sendable>: Sendable {
    private struct Entry: Sendable {
        var failures: Int
        var due: Duration
    }

    let first: Duration
    let most: Duration
    let limit: Int
    private var entries: [Key: Entry] = [:]

    init(first: Duration, most: Duration, limit: Int) {
        self.first = first
        self.most = most
        self.limit = limit
    }

    var count: Int { entries.count }

    func isBlocked(_ key: Key, now: Duration) -> Bool { entries[key].map { $0.due > now } ?? false }

    /// The keys that may not be tried now.
    func blocked(now: Duration) -> Set<Key> { Set(entries.lazy.filter { $0.value.due > now }.map(\.key)) }

    /// - Returns: how long to wait.
    @discardableResult
    mutating func failed(_ key: Key, now: Duration, random: inout PeerRandom) -> Duration {
        if entries[key] == nil, entries.count >= limit { makeRoom(now: now) }
        let failures = min((entries[key]?.failures ?? 0) + 1, 32)
        var wait = first
        for _ in 1..<failures where wait < most { wait = wait * 2 }
        wait = min(wait, most) * (0.5 + random.unit())
        entries[key] = Entry(failures: failures, due: now + wait)
        return wait
    }

    mutating func succeeded(_ key: Key) { entries[key] = nil }

    /// Everything may be tried at once: the network is another one now.
    mutating func reset() { entries = [:] }

    /// Forgets what is due, or else the half that is due first.
    private mutating func makeRoom(now: Duration) {
        entries = entries.filter { $0.value.due > now }
        guard entries.count >= limit else { return }
        for (key, _) in entries.sorted(by: { $0.value.due < $1.value.due }).prefix(max(1, limit / 2)) {
            entries[key] = nil
        }
    }
}
