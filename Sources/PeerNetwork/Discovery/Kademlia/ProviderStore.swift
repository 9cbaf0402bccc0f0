/// Who says that they hold an object, by the object's key (kad-dht specification, "Content provider advertisement").
///
/// A peer announces itself alone. Bounded in keys, in providers of a key and in keys of a provider; where all keys are
/// taken, those nearest to this node's own stay, as those are the ones that others look for here.
public struct ProviderStore: Sendable {
    public struct Configuration: Hashable, Sendable {
        public var keyLimit = 8_192
        public var providersPerKey = 20
        public var keysPerProvider = 1_024
        /// How long an announcement holds; providers repeat it every `republishAfter`.
        public var expiresAfter: Duration = .seconds(48 * 3600)
        /// How long the addresses in it are handed on: a peer may have moved by then.
        public var addressesHoldFor: Duration = .seconds(1_800)

        public init() {}
    }

    private struct Record: Sendable {
        var contact: KademliaContact
        var announced: Duration
    }

    public var configuration: Configuration
    private let own: KademliaKey
    private var records: [[UInt8]: [Record]] = [:]
    private var keysOf: [PeerID: Int] = [:]

    public init(owner: PeerID, configuration: Configuration = Configuration()) {
        own = KademliaKey(owner)
        self.configuration = configuration
    }

    public var keyCount: Int { records.count }

    /// Notes that a peer provides an object.
    public mutating func add(_ contact: KademliaContact, for key: [UInt8], now: Duration) throws(KademliaRefusal) {
        guard !key.isEmpty, key.count <= KademliaMessage.Limits.key else { throw .emptyKey }
        let contact = KademliaContact(
            id: contact.id, addresses: Array(contact.addresses.prefix(KademliaMessage.Limits.keptAddresses)))
        let record = Record(contact: contact, announced: now)
        var list = records[key] ?? []
        if let place = list.firstIndex(where: { $0.contact.id == contact.id }) {
            list[place] = record
            records[key] = list
            return
        }
        guard keysOf[contact.id, default: 0] < configuration.keysPerProvider else {
            throw .noRoomForProviders("\(configuration.keysPerProvider) keys of one provider are the most")
        }
        if list.count >= configuration.providersPerKey {
            try replaceOldest(in: &list, now: now)
        } else if list.isEmpty, records.count >= configuration.keyLimit {
            try makeRoom(for: key, now: now)
        }
        list.append(record)
        records[key] = list
        keysOf[contact.id, default: 0] += 1
    }

    /// The providers of an object, the latest announcement first.
    public func providers(of key: [UInt8], now: Duration) -> [KademliaContact] {
        let list = (records[key] ?? []).filter { now - $0.announced < configuration.expiresAfter }
        return list.sorted { $0.announced > $1.announced }.map { record in
            let isFresh = now - record.announced < configuration.addressesHoldFor
            return isFresh ? record.contact : KademliaContact(id: record.contact.id)
        }
    }

    /// Drops what has expired. Once in some minutes is enough.
    public mutating func expire(now: Duration) {
        for (key, list) in records where list.contains(where: { now - $0.announced >= configuration.expiresAfter }) {
            for record in list where now - record.announced >= configuration.expiresAfter { forget(record) }
            let kept = list.filter { now - $0.announced < configuration.expiresAfter }
            records[key] = kept.isEmpty ? nil : kept
        }
    }

    /// A full list takes a newcomer only for one that should have repeated its announcement by now.
    private mutating func replaceOldest(in list: inout [Record], now: Duration) throws(KademliaRefusal) {
        guard let place = list.indices.min(by: { list[$0].announced < list[$1].announced }),
            now - list[place].announced >= configuration.expiresAfter / 2
        else { throw .noRoomForProviders("\(configuration.providersPerKey) providers of one key are the most") }
        forget(list.remove(at: place))
    }

    private mutating func makeRoom(for key: [UInt8], now: Duration) throws(KademliaRefusal) {
        expire(now: now)
        guard records.count >= configuration.keyLimit else { return }
        let distances = records.keys.lazy.map { [own] in ($0, KademliaKey(hashing: $0).distance(to: own)) }
        guard let farthest = distances.max(by: { $0.1 < $1.1 }),
            KademliaKey(hashing: key).distance(to: own) < farthest.1
        else { throw .noRoomForProviders("all \(configuration.keyLimit) keys are taken by nearer ones") }
        for record in records.removeValue(forKey: farthest.0) ?? [] { forget(record) }
    }

    private mutating func forget(_ record: Record) {
        let left = keysOf[record.contact.id, default: 1] - 1
        keysOf[record.contact.id] = left > 0 ? left : nil
    }
}
