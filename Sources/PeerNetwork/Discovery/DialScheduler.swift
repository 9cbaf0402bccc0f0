/// Decides whom to connect to next, so that no attacker has all connections of a node (Heilman et al. 2015; Bitcoin
/// Core's outbound peers, anchors and feelers).
///
/// Configured peers and anchors come first. The other outbound connections each go to another address range while there
/// is one, and some of them to the peers that this node has known longest: an attack that begins later has none of
/// those. Short connections (feelers) show which addresses are real. From time to time one connection more is made, and
/// the outbound peer that was least of use gives way. One owner at a time; `now` is the address book's time.
public struct DialScheduler: Sendable {
    public struct Configuration: Hashable, Sendable {
        /// Outbound connections besides those to configured peers, in normal and in low-bandwidth mode.
        public var outboundTarget = 8
        public var lowBandwidthTarget = 4
        /// Of these, how many go to the peers known longest.
        public var seniorSlots = 3
        public var dialsUnderWay = 8
        public var feelerInterval: Duration = .seconds(120)
        public var rotationInterval: Duration = .seconds(1_800)
        /// In low-bandwidth mode feelers and rotation come so many times later.
        public var lowBandwidthFactor = 8
        public var anchorCount = 2
        /// An outbound connection of this age makes its peer an anchor.
        public var anchorAge: Duration = .seconds(600)
        /// A connection that ends sooner counts as a failure of the peer.
        public var shortConnection: Duration = .seconds(30)
        public var firstBackoff: Duration = .seconds(5)
        public var longestBackoff: Duration = .seconds(3_600)
        public var backoffEntries = 8_192
        public var ranges = RangeRules()
        /// How often `tick` looks for work while connections are missing.
        public var pace: Duration = .seconds(1)

        public init() {}
    }

    public enum Purpose: String, Hashable, Sendable {
        case configured, anchor, outbound
        /// Shows whether the address works; close the connection once the handshake is done.
        case feeler
    }

    public struct Dial: Hashable, Sendable {
        public let key: AddressBook.Key
        public let purpose: Purpose
    }

    public enum Effect: Hashable, Sendable {
        case dial(Dial)
        /// An outbound connection gives way to another.
        case close(PeerID)
    }

    struct Outbound: Sendable {
        let key: AddressBook.Key
        let purpose: Purpose
        let isSenior: Bool
        let since: Duration
        var useful: Duration?
    }

    public var configuration: Configuration
    public var isLowBandwidth = false
    var random: PeerRandom
    var outbound: [PeerID: Outbound] = [:]
    var inbound: Set<PeerID> = []
    var underWay: [PeerID: (dial: Dial, isSenior: Bool)] = [:]
    var anchors: [AddressBook.Key] = []
    var peerBackoff: DialBackoff<PeerID>
    var addressBackoff: DialBackoff<AddressBook.Key>
    var nextFeeler: Duration?
    var nextRotation: Duration?

    /// - Parameter anchors: what `anchorsToKeep` said before the restart.
    public init(
        configuration: Configuration = Configuration(), anchors: [AddressBook.Key] = [],
        random: PeerRandom = PeerRandom()
    ) {
        self.configuration = configuration
        self.random = random
        self.anchors = Array(anchors.prefix(configuration.anchorCount))
        peerBackoff = DialBackoff(
            first: configuration.firstBackoff, most: configuration.longestBackoff, limit: configuration.backoffEntries)
        addressBackoff = DialBackoff(
            first: configuration.firstBackoff, most: configuration.longestBackoff, limit: configuration.backoffEntries)
    }

    public var outboundPeers: [PeerID] { outbound.keys.sorted() }
    public var dialsUnderWay: Int { underWay.count }
    var target: Int { isLowBandwidth ? configuration.lowBandwidthTarget : configuration.outboundTarget }

    // MARK: What happened

    /// A dial worked, and the peer proved who it is. For a feeler, `close` is among the effects.
    public mutating func dialSucceeded(_ key: AddressBook.Key, book: inout AddressBook, now: Duration) -> [Effect] {
        book.succeeded(key, now: now)
        addressBackoff.succeeded(key)
        guard let (dial, isSenior) = underWay.removeValue(forKey: key.peer) else { return [] }
        if dial.purpose == .feeler {
            peerBackoff.succeeded(key.peer)
            return inbound.contains(key.peer) ? [] : [.close(key.peer)]
        }
        outbound[key.peer] = Outbound(key: key, purpose: dial.purpose, isSenior: isSenior, since: now)
        return trim(sparing: key.peer, now: now)
    }

    /// A dial failed. While there is no connection at all, addresses are not blamed: the network is likely down.
    public mutating func dialFailed(_ key: AddressBook.Key, book: inout AddressBook, now: Duration) {
        underWay[key.peer] = nil
        addressBackoff.failed(key, now: now, random: &random)
        if book.addresses(of: key.peer).allSatisfy({ addressBackoff.isBlocked($0.key, now: now) }) {
            peerBackoff.failed(key.peer, now: now, random: &random)
        }
        if outbound.isEmpty, inbound.isEmpty { book.attempted(key, now: now) } else { book.failed(key, now: now) }
    }

    /// A peer connected to us.
    public mutating func inboundConnected(_ peer: PeerID) { inbound.insert(peer) }

    /// The last connection to a peer ended.
    public mutating func disconnected(_ peer: PeerID, now: Duration) {
        inbound.remove(peer)
        guard let connection = outbound.removeValue(forKey: peer) else { return }
        if now - connection.since < configuration.shortConnection {
            peerBackoff.failed(peer, now: now, random: &random)
        } else {
            peerBackoff.succeeded(peer)
        }
        let isOld = now - connection.since >= configuration.anchorAge
        let isNew = !anchors.contains(connection.key)
        if isOld, isNew, connection.purpose != .configured, anchors.count < configuration.anchorCount {
            anchors.append(connection.key)
        }
    }

    /// An outbound peer brought something that others had not brought before.
    public mutating func wasUseful(_ peer: PeerID, now: Duration) { outbound[peer]?.useful = now }

    /// An address of a peer that was not known before: what failed at its others may work there.
    public mutating func learntAddress(of peer: PeerID) { peerBackoff.succeeded(peer) }

    /// Our own address changed or the network is up again: what failed before may work now.
    public mutating func networkChanged() {
        peerBackoff.reset()
        addressBackoff.reset()
    }

    /// The long-lived outbound peers, to be persisted and given to the next start: an attacker who waits for the
    /// restart finds these connected first.
    public func anchorsToKeep(now: Duration) -> [AddressBook.Key] {
        let old = outbound.values.filter {
            $0.purpose != .configured && now - $0.since >= configuration.anchorAge
        }.sorted { ($0.since, $0.key.peer) < ($1.since, $1.key.peer) }
        var kept: [AddressBook.Key] = []
        var seen: Set<AddressRange> = []
        for key in old.map(\.key) + anchors where kept.count < configuration.anchorCount && !kept.contains(key) {
            if let range = configuration.ranges.range(of: key.address), !seen.insert(range).inserted { continue }
            kept.append(key)
        }
        return kept
    }

    /// Above the target, the outbound peer that was least of use gives way, and among equals the youngest.
    private mutating func trim(sparing peer: PeerID, now: Duration) -> [Effect] {
        let open = outbound.filter { $0.value.purpose == .outbound }
        guard open.count > target else { return [] }
        let candidates = open.filter { $0.key != peer && !$0.value.isSenior }
        let worst = candidates.min { left, right in
            let useful = (left.value.useful ?? .zero, right.value.useful ?? .zero)
            return useful.0 != useful.1 ? useful.0 < useful.1 : left.value.since > right.value.since
        }
        guard let worst else { return [] }
        return [.close(worst.key)]
    }
}
