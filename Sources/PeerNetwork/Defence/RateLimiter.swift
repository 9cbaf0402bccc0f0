/// Lets so many units pass in a burst and so many a second on average (the token bucket of ATM and IP networks,
/// RFC 2697). Time is the caller's and need not be monotonic: a step back adds nothing.
public struct TokenBucket: Hashable, Sendable {
    public struct Rate: Hashable, Sendable {
        /// Units that may pass at once.
        public var burst: Double
        /// Units that come back each second.
        public var perSecond: Double

        public init(burst: Double, perSecond: Double) {
            self.burst = burst
            self.perSecond = perSecond
        }
    }

    public private(set) var level: Double
    private var filled: Duration

    public init(_ rate: Rate, now: Duration) {
        level = rate.burst
        filled = now
    }

    /// Takes units if they are there; all or none.
    public mutating func take(_ units: Double = 1, _ rate: Rate, now: Duration) -> Bool {
        refill(rate, now: now)
        guard units >= 0, level >= units else { return false }
        level -= units
        return true
    }

    /// Nothing was taken for so long that the bucket says no more than a new one.
    mutating func isFull(_ rate: Rate, now: Duration) -> Bool {
        refill(rate, now: now)
        return level >= rate.burst
    }

    private mutating func refill(_ rate: Rate, now: Duration) {
        let elapsed = (now - filled).inSeconds
        if elapsed > 0 { level = min(rate.burst, level + elapsed * rate.perSecond) }
        filled = now
    }
}

/// A token bucket for each key, in bounded memory: full buckets are forgotten, since new ones are full too, and where
/// too many are in use at once, keys without one share a single bucket.
public struct KeyedRateLimiter<Key: Hashable & Sendable>: Sendable {
    public let rate: TokenBucket.Rate
    public let keyLimit: Int
    private var buckets: [Key: TokenBucket] = [:]
    private var others: TokenBucket?
    private var swept: Duration?

    public init(_ rate: TokenBucket.Rate, keyLimit: Int) {
        self.rate = rate
        self.keyLimit = keyLimit
    }

    public var keyCount: Int { buckets.count }

    /// Takes units of a key's bucket if they are there.
    public mutating func take(_ key: Key, _ units: Double = 1, now: Duration) -> Bool {
        if let passed = buckets[key]?.take(units, rate, now: now) { return passed }
        if buckets.count >= keyLimit { sweep(now: now) }
        guard buckets.count < keyLimit else {
            var bucket = others ?? TokenBucket(rate, now: now)
            defer { others = bucket }
            return bucket.take(units, rate, now: now)
        }
        var bucket = TokenBucket(rate, now: now)
        defer { buckets[key] = bucket }
        return bucket.take(units, rate, now: now)
    }

    /// Looks at all buckets at most once a second, however many ask.
    private mutating func sweep(now: Duration) {
        if let swept, now >= swept, now - swept < .seconds(1) { return }
        swept = now
        for (key, bucket) in buckets {
            var bucket = bucket
            if bucket.isFull(rate, now: now) { buckets[key] = nil }
        }
    }
}

/// What one peer may send of one protocol: a bucket for each pair, and a rate for each protocol.
public struct RateLimiter: Sendable {
    /// Holds for protocols that have no rate of their own.
    public let standard: TokenBucket.Rate
    private var limiters: [String: KeyedRateLimiter<PeerID>]
    private var rest: KeyedRateLimiter<PeerID>

    public init(standard: TokenBucket.Rate, rates: [String: TokenBucket.Rate] = [:], peerLimit: Int = 4_096) {
        self.standard = standard
        limiters = rates.mapValues { KeyedRateLimiter($0, keyLimit: peerLimit) }
        rest = KeyedRateLimiter(standard, keyLimit: peerLimit)
    }

    /// Whether a message of so many units may pass now. Protocols without a rate of their own share one bucket a peer.
    public mutating func allows(
        _ peer: PeerID, protocol name: String, units: Double = 1, now: Duration
    ) -> Bool {
        limiters[name]?.take(peer, units, now: now) ?? rest.take(peer, units, now: now)
    }
}
