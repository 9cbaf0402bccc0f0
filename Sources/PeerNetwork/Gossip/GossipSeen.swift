/// The ids of messages that were met, for as long as they could come back, and who brought each.
///
/// The oldest make room when there are more than the bounds allow: what is forgotten is taken for new, and the
/// validator meets it again.
struct GossipSeen: Sendable {
    enum Status: Sendable {
        case waiting
        /// With the time of the verdict.
        case valid(Duration)
        case invalid
        case ignored
    }

    struct Entry: Sendable {
        var status: Status
        /// Peers that sent the message while their sending it counts, the first of them first.
        var senders: [PeerIndex]
    }

    private let lifetime: Duration
    private let countLimit: Int
    private let byteLimit: Int
    private var entries: [GossipMessageID: Entry] = [:]
    private var order = GossipFIFO<(id: GossipMessageID, time: Duration)>()
    private(set) var byteCount = 0

    /// What an entry takes beside its id: two array headers, hash table and queue slots.
    static let overhead = 192

    init(_ configuration: GossipConfiguration) {
        lifetime = configuration.seenLifetime
        countLimit = configuration.seenCount
        byteLimit = configuration.seenByteCount
    }

    var count: Int { entries.count }

    subscript(id: GossipMessageID) -> Entry? { entries[id] }

    mutating func insert(_ id: GossipMessageID, _ entry: Entry, now: Duration) {
        guard entries.updateValue(entry, forKey: id) == nil else { return }
        order.append((id, now))
        byteCount += GossipSeen.cost(id)
        while entries.count > countLimit || byteCount > byteLimit { removeOldest() }
    }

    mutating func update(_ id: GossipMessageID, _ change: (inout Entry) -> Void) {
        guard entries[id] != nil else { return }
        change(&entries[id, default: Entry(status: .ignored, senders: [])])
    }

    mutating func expire(now: Duration) {
        while let first = order.first, now - first.time > lifetime { removeOldest() }
    }

    private mutating func removeOldest() {
        guard let first = order.popFirst() else { return }
        entries[first.id] = nil
        byteCount -= GossipSeen.cost(first.id)
    }

    private static func cost(_ id: GossipMessageID) -> Int { id.bytes.count + overhead }
}

/// A queue in an array: taken from at the front, which moves when half of the array is behind it.
struct GossipFIFO<Element>: Sequence {
    private var elements: [Element?] = []
    private var head = 0

    init() {}

    var count: Int { elements.count - head }
    var first: Element? { head < elements.count ? elements[head] : nil }

    mutating func append(_ element: Element) { elements.append(element) }

    mutating func popFirst() -> Element? {
        guard head < elements.count else { return nil }
        let element = elements[head]
        // What has left holds no memory, though its place stays for a while.
        elements[head] = nil
        head += 1
        if head > 16, head * 2 >= elements.count {
            elements.removeFirst(head)
            head = 0
        }
        return element
    }

    func makeIterator() -> some IteratorProtocol<Element> { elements[head...].lazy.compactMap { $0 }.makeIterator() }
}

extension GossipFIFO: Sendable where Element: Sendable {}
