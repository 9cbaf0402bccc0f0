import Primitives

/// When transactions are told once more: gossip reaches the peers that listen at that moment, and a transaction that
/// none of them took would wait here for good, since a chain makes blocks only when validators know of something.
///
/// A value without clock or I/O, asked now and then.
struct TransactionRetelling {
    private var oldest: Digest?
    private var due: Duration = .zero
    private var wait = TransactionRetelling.firstWait

    /// How long the oldest may wait before it is told again; doubled each time.
    static let firstWait: Duration = .seconds(1)
    static let longestWait: Duration = .seconds(32)
    /// The oldest are told again, and few of them: where many wait, it is since there are many.
    static let count = 64

    /// Whether what waits longest is to be told again.
    ///
    /// - Parameters:
    ///   - oldest: the transaction that waits longest; nil when none waits.
    ///   - now: of any clock that only goes forward.
    mutating func isDue(oldest: Digest?, now: Duration) -> Bool {
        guard let oldest else {
            self.oldest = nil
            return false
        }
        guard self.oldest == oldest else {
            self.oldest = oldest
            wait = Self.firstWait
            due = now + wait
            return false
        }
        guard now >= due else { return false }
        wait = min(wait * 2, Self.longestWait)
        due = now + wait
        return true
    }
}
