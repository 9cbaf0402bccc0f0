/// The messages that can be announced and asked for: the message cache of gossipsub 1.0, a window a heartbeat.
struct GossipHistory: Sendable {
    private struct Entry: Sendable {
        let message: GossipMessage
        let byteCount: Int
        /// How often each peer was sent the message for asking.
        var sent: [PeerIndex: Int] = [:]
    }

    private let gossipWindows: Int
    private let byteLimit: Int
    private var entries: [GossipMessageID: Entry] = [:]
    /// Newest first.
    private var windows: [[GossipMessageID]]
    private(set) var byteCount = 0

    init(_ configuration: GossipConfiguration) {
        gossipWindows = configuration.historyGossip
        byteLimit = configuration.historyByteCount
        windows = Array(repeating: [], count: configuration.historyLength)
    }

    var count: Int { entries.count }

    mutating func insert(_ id: GossipMessageID, _ message: GossipMessage) {
        let cost = message.encodedByteCount + GossipSeen.overhead
        guard cost <= byteLimit, entries[id] == nil else { return }
        entries[id] = Entry(message: message, byteCount: cost)
        windows[0].append(id)
        byteCount += cost
        while byteCount > byteLimit, dropOldest() {}
    }

    /// Half of the oldest window that holds anything, rounded up, makes room.
    private mutating func dropOldest() -> Bool {
        guard let place = windows.lastIndex(where: { !$0.isEmpty }) else { return false }
        let dropped = windows[place].prefix((windows[place].count + 1) / 2)
        windows[place].removeFirst(dropped.count)
        for id in dropped { forget(id) }
        return true
    }

    /// A heartbeat has passed.
    mutating func shift() {
        for id in windows.removeLast() { forget(id) }
        windows.insert([], at: 0)
    }

    private mutating func forget(_ id: GossipMessageID) {
        guard let entry = entries.removeValue(forKey: id) else { return }
        byteCount -= entry.byteCount
    }

    /// What is announced of a topic, oldest last.
    func announced(_ topic: String) -> [GossipMessageID] {
        windows.prefix(gossipWindows).flatMap { $0.filter { entries[$0]?.message.topic == topic } }
    }

    /// The message for a peer that asks, and how often it has asked, this time included.
    mutating func fetch(_ id: GossipMessageID, for peer: PeerIndex) -> (message: GossipMessage, times: Int)? {
        guard let entry = entries[id] else { return nil }
        let times = (entry.sent[peer] ?? 0) + 1
        entries[id]?.sent[peer] = times
        return (entry.message, times)
    }
}
