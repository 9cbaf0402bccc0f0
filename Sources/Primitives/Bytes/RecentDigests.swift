/// Digests that were seen lately: at least the last `limit`, at most twice as many. Two generations; the older one is
/// forgotten when the newer one is full. A value.
public struct RecentDigests: Sendable {
    private var newer: Set<Digest> = []
    private var older: Set<Digest> = []
    private let limit: Int

    public init(limit: Int) {
        self.limit = limit
    }

    public func contains(_ digest: Digest) -> Bool { newer.contains(digest) || older.contains(digest) }

    public mutating func insert(_ digest: Digest) {
        if newer.count >= limit {
            older = newer
            newer = []
        }
        newer.insert(digest)
    }
}
