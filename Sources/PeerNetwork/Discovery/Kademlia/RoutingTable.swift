/// The peers of the key space that this node knows: one bucket for each length of the prefix that their keys share with
/// its own (Maymounkov, Mazières 2002; kad-dht specification), bounded by address range against one owner of many ids.
///
/// Only peers that were spoken with come in, at the address where they were reached: what others say of them costs
/// nothing to invent. A full bucket keeps its members as long as they answer, and newcomers wait in its replacement
/// cache: a peer that has been there long is likely to stay, and a flood of new ids moves nobody out.
public struct RoutingTable: Sendable {
    public struct Configuration: Hashable, Sendable {
        /// Peers in a bucket, the `k` of the paper.
        public var bucketSize = 20
        /// Peers that wait for a place in one bucket.
        public var cacheSize = 10
        public var ranges = RangeRules()
        /// Peers of one address range in a bucket and in the table.
        public var peersPerRangeInBucket = 2
        public var peersPerRangeInTable = 4
        /// Failures in a row after which a member leaves.
        public var failureLimit = 2
        /// A member that was heard from this recently needs no check before a newcomer is told to wait.
        public var freshFor: Duration = .seconds(300)

        public init() {}
    }

    /// What became of a peer that was offered.
    public enum Insertion: Hashable, Sendable {
        case added
        case updated
        /// The bucket is full. If a member has been silent for long, ask it: `failed` gives its place to the cache.
        case waits(check: KademliaContact?)
        case refused(Refusal)
    }

    public enum Refusal: String, Hashable, Sendable {
        case isOurselves, rangeFullInBucket, rangeFullInTable
    }

    public let owner: PeerID
    public let key: KademliaKey
    public var configuration: Configuration
    private var buckets: [RoutingBucket]
    private var indexOf: [PeerID: Int] = [:]
    private var rangeCounts: [AddressRange: Int] = [:]

    public init(owner: PeerID, configuration: Configuration = Configuration()) {
        self.owner = owner
        self.configuration = configuration
        key = KademliaKey(owner)
        buckets = Array(repeating: RoutingBucket(), count: KademliaKey.bitCount)
    }

    public var count: Int { indexOf.count }
    public var peers: [PeerID] { buckets.flatMap { $0.members.map(\.contact.id) } }
    public func contains(_ peer: PeerID) -> Bool { indexOf[peer] != nil }
    public func count(in range: AddressRange) -> Int { rangeCounts[range, default: 0] }

    /// The longest prefix that a member shares with us, or nil in an empty table.
    public var deepestBucket: Int? { buckets.lastIndex { !$0.members.isEmpty } }

    /// Buckets that may be worth filling: those up to the deepest one with members.
    public func memberCount(ofBucket index: Int) -> Int {
        buckets.indices.contains(index) ? buckets[index].members.count : 0
    }

    /// A peer that answered us, or that told us in identify that it serves the protocol.
    /// - Parameters:
    ///   - host: where the connection to it goes; nil counts against no range (a relay, or a test).
    ///   - now: a monotonic time.
    public mutating func observe(
        _ contact: KademliaContact, host: HostAddress?, roundTrip: Duration? = nil, now: Duration
    ) -> Insertion {
        let key = KademliaKey(contact.id)
        let index = self.key.commonPrefixLength(with: key)
        guard contact.id != owner, index < buckets.count else { return .refused(.isOurselves) }
        if buckets[index].refresh(contact, roundTrip: roundTrip, now: now) { return .updated }
        let entry = RoutingBucket.Entry(
            contact: contact, key: key, range: host.flatMap(configuration.ranges.range(of:)), roundTrip: roundTrip,
            heard: now)
        if let refusal = refusal(of: entry, in: index) { return .refused(refusal) }
        guard buckets[index].members.count < configuration.bucketSize else {
            buckets[index].wait(entry, limit: configuration.cacheSize)
            return .waits(check: buckets[index].silent(since: now - configuration.freshFor)?.contact)
        }
        insert(entry, in: index)
        return .added
    }

    /// A member or a waiting peer answered.
    public mutating func succeeded(_ peer: PeerID, roundTrip: Duration? = nil, now: Duration) {
        guard let index = bucket(of: peer) else { return }
        _ = buckets[index].refresh(KademliaContact(id: peer), roundTrip: roundTrip, now: now)
    }

    /// A peer did not answer. After some failures in a row a waiting peer takes its place; where nobody waits, it
    /// stays until one comes, since a network that is down for a moment must not empty the table.
    /// - Returns: whether it left.
    @discardableResult
    public mutating func failed(_ peer: PeerID) -> Bool {
        guard let index = bucket(of: peer) else { return false }
        guard let place = buckets[index].members.firstIndex(where: { $0.contact.id == peer }) else {
            buckets[index].waiting.removeAll { $0.contact.id == peer }
            return false
        }
        buckets[index].members[place].failures = min(buckets[index].members[place].failures + 1, 1000)
        guard buckets[index].members[place].failures >= configuration.failureLimit else { return false }
        guard !buckets[index].waiting.isEmpty || buckets[index].members.count < configuration.bucketSize else {
            return false
        }
        remove(peer)
        return true
    }

    /// Takes a peer out, for one that is banned or no longer serves, and lets a waiting one in.
    public mutating func remove(_ peer: PeerID) {
        guard let index = bucket(of: peer) else { return }
        buckets[index].waiting.removeAll { $0.contact.id == peer }
        guard let place = buckets[index].members.firstIndex(where: { $0.contact.id == peer }) else { return }
        let entry = buckets[index].members.remove(at: place)
        indexOf[peer] = nil
        if let range = entry.range {
            let left = rangeCounts[range, default: 1] - 1
            rangeCounts[range] = left > 0 ? left : nil
        }
        while let candidate = buckets[index].takeQuickestWaiting() {
            if refusal(of: candidate, in: index) == nil {
                insert(candidate, in: index)
                return
            }
        }
    }

    /// The members nearest to a key, nearest first.
    public func closest(to target: KademliaKey, count: Int, excluding peer: PeerID? = nil) -> [KademliaContact] {
        ranked(to: target).lazy.filter { $0.contact.id != peer }.prefix(max(0, count)).map(\.contact)
    }

    /// The members nearest to a key; among those that share as long a prefix with it, the quicker ones first. For whom
    /// to ask, where any of them brings the search as far.
    func seeds(for target: KademliaKey, count: Int) -> [KademliaContact] {
        ranked(to: target).prefix(max(0, count)).map { ($0, $0.key.commonPrefixLength(with: target)) }
            .sorted { left, right in
                left.1 != right.1
                    ? left.1 > right.1
                    : (left.0.roundTrip ?? .seconds(3600)) < (right.0.roundTrip ?? .seconds(3600))
            }.map(\.0.contact)
    }

    private func ranked(to target: KademliaKey) -> [RoutingBucket.Entry] {
        buckets.flatMap { bucket in bucket.members.map { ($0, $0.key.distance(to: target)) } }
            .sorted { $0.1 < $1.1 }.map(\.0)
    }

    private func bucket(of peer: PeerID) -> Int? {
        let index = key.commonPrefixLength(with: KademliaKey(peer))
        return index < buckets.count ? index : nil
    }

    private mutating func insert(_ entry: RoutingBucket.Entry, in index: Int) {
        buckets[index].waiting.removeAll { $0.contact.id == entry.contact.id }
        buckets[index].members.append(entry)
        indexOf[entry.contact.id] = index
        if let range = entry.range { rangeCounts[range, default: 0] += 1 }
    }

    private func refusal(of entry: RoutingBucket.Entry, in index: Int) -> Refusal? {
        guard let range = entry.range else { return nil }
        if count(in: range) >= configuration.peersPerRangeInTable { return .rangeFullInTable }
        let here = buckets[index].members.count { $0.range == range }
        return here >= configuration.peersPerRangeInBucket ? .rangeFullInBucket : nil
    }
}
