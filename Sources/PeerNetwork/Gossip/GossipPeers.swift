/// A peer's number in one router, given in order of arrival: what choices are made over, so that they repeat.
typealias PeerIndex = Int

/// Peers in ascending order of their numbers. Small: looked up by halving, changed by moving.
struct PeerSet: Sequence, Equatable, Sendable {
    private(set) var members: [PeerIndex] = []

    var count: Int { members.count }
    var isEmpty: Bool { members.isEmpty }

    func makeIterator() -> IndexingIterator<[PeerIndex]> { members.makeIterator() }

    func contains(_ peer: PeerIndex) -> Bool {
        let position = position(of: peer)
        return position < members.count && members[position] == peer
    }

    /// False if it was there.
    @discardableResult
    mutating func insert(_ peer: PeerIndex) -> Bool {
        let position = position(of: peer)
        if position < members.count, members[position] == peer { return false }
        members.insert(peer, at: position)
        return true
    }

    /// False if it was not there.
    @discardableResult
    mutating func remove(_ peer: PeerIndex) -> Bool {
        let position = position(of: peer)
        guard position < members.count, members[position] == peer else { return false }
        members.remove(at: position)
        return true
    }

    /// Where the peer stands or would stand.
    private func position(of peer: PeerIndex) -> Int {
        var low = 0
        var high = members.count
        while low < high {
            let middle = (low + high) / 2
            if members[middle] < peer { low = middle + 1 } else { high = middle }
        }
        return low
    }
}

/// What a router remembers of a peer, connected or gone.
struct GossipPeer: Sendable {
    let id: PeerID
    let isDirect: Bool
    /// Nil when the peer is gone.
    var session: GossipSession?
    var counters = GossipCounters()
    /// Until when neither side grafts the other, by topic; only of topics that we were in.
    var backoffs: [String: Duration] = [:]
    /// When to forget a peer that is gone.
    var expiry: Duration = .zero
    /// Bits of the reasons that were logged, by their place in `GossipReason.allCases`.
    var logged: UInt64 = 0
}

/// What holds while a peer is connected.
struct GossipSession: Sendable {
    var info: GossipPeerInfo
    var topics: Set<String> = []
    var record: [UInt8]?
    /// Counts since the last heartbeat.
    var haveMessages = 0
    var askedIDs = 0
    var wantedIDs = 0
    var wantedBytes = 0
    /// Messages of the peer that wait for validation.
    var waiting = 0
    /// IDONTWANT: for how many heartbeats yet.
    var unwanted: [GossipMessageID: Int] = [:]
    /// Heartbeats since our topics were last told or changed.
    var announcementAge = 0
    /// What a queue gave up on, told again at the next heartbeat if it still holds.
    var lostGrafts: Set<String> = []
    var lostPrunes: Set<String> = []
    var isCut = false

    var isOutbound: Bool { info.direction == .outbound }
    var hasMesh: Bool { info.version != .flood }
}

/// What a router knows of a topic.
struct GossipTopic: Sendable {
    var subscribers = PeerSet()
    /// Nil unless we are in the topic.
    var mesh: PeerSet?
    var fanout = PeerSet()
    /// When we last published without being in the topic.
    var fanoutTime: Duration?

    var isIdle: Bool { subscribers.isEmpty && mesh == nil && fanoutTime == nil }
}
