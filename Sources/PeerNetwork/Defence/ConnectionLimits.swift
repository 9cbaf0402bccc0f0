/// Which connections a node takes: numbers in all, inbound, of a peer and of an address range, and how fast new ones
/// may come from a range. Configured peers and anchors are exempt from limits of ranges and rates, and have a reserve
/// above the total. One owner at a time.
///
/// A connection is asked about twice: when it comes, by its host, and when the handshake has proved the peer.
public struct ConnectionLimits: Sendable {
    public struct Configuration: Hashable, Sendable {
        public var total = 192
        public var inbound = 128
        public var perPeer = 2
        /// Inbound connections of /24 and /16 (IPv4), /64 and /48 (IPv6).
        public var perNarrowRange = 4
        public var perWideRange = 16
        public var narrow = RangeRules(ip4Bits: 24, ip6Bits: 64)
        public var wide = RangeRules(ip4Bits: 16, ip6Bits: 48)
        /// New inbound connections of one narrow range, and of all together.
        public var rangeRate = TokenBucket.Rate(burst: 8, perSecond: 0.2)
        public var totalRate = TokenBucket.Rate(burst: 64, perSecond: 16)
        /// Ranges whose rates are kept apart.
        public var ratedRanges = 4_096
        /// Connections above the total that exempt peers may have.
        public var exemptReserve = 32

        public init() {}
    }

    public enum Direction: String, Hashable, Sendable { case inbound, outbound }

    public enum Refusal: Error, Hashable, Sendable, CustomStringConvertible {
        case total(Int)
        case inbound(Int)
        case peer(Int)
        case range(AddressRange, Int)
        case rate(AddressRange)
        case totalRate

        public var description: String {
            switch self {
            case .total(let limit): "\(limit) connections are the most [total]"
            case .inbound(let limit): "\(limit) inbound connections are the most [inbound]"
            case .peer(let limit): "\(limit) connections of one peer are the most [peer]"
            case .range(let range, let limit): "\(limit) inbound connections of \(range) are the most [range]"
            case .rate(let range): "connections of \(range) come too fast [rate]"
            case .totalRate: "connections come too fast [totalRate]"
            }
        }
    }

    /// Names a connection that was let in.
    public struct Ticket: Hashable, Comparable, Sendable {
        let number: UInt64

        public static func < (left: Ticket, right: Ticket) -> Bool { left.number < right.number }
    }

    struct Connection: Sendable {
        let direction: Direction
        let narrow: AddressRange?
        let wide: AddressRange?
        let opened: Duration
        var peer: PeerID?
        var isExempt: Bool
        /// The last time that it brought something of worth.
        var useful: Duration?
    }

    public let configuration: Configuration
    /// Peers and hosts that the limits do not count: configured ones and anchors.
    public var exemptPeers: Set<PeerID> = []
    public var exemptHosts: Set<HostAddress> = []
    var connections: [Ticket: Connection] = [:]
    private var ofRange: [AddressRange: Int] = [:]
    private var ofPeer: [PeerID: Int] = [:]
    private var rates: KeyedRateLimiter<AddressRange>
    private var totalRate: TokenBucket?
    private var lastNumber: UInt64 = 0

    public init(configuration: Configuration = Configuration()) {
        self.configuration = configuration
        rates = KeyedRateLimiter(configuration.rangeRate, keyLimit: configuration.ratedRanges)
    }

    public var count: Int { connections.count }
    public var inboundCount: Int { connections.values.count { $0.direction == .inbound && !$0.isExempt } }

    /// A connection is there, or is about to be made. Every ticket is released once.
    /// - Parameters:
    ///   - peer: who is dialled; nil for an inbound connection.
    ///   - now: monotonic.
    public mutating func admit(
        host: HostAddress?, direction: Direction, peer: PeerID? = nil, now: Duration
    ) throws(Refusal) -> Ticket {
        let isExempt = host.map(exemptHosts.contains) ?? false || peer.map(exemptPeers.contains) ?? false
        let narrow = host.flatMap(configuration.narrow.range(of:))
        let wide = host.flatMap(configuration.wide.range(of:))
        let limit = configuration.total + (isExempt ? configuration.exemptReserve : 0)
        guard connections.count < limit else { throw .total(limit) }
        if direction == .inbound, !isExempt { try checkInbound(narrow, wide, now: now) }
        if let peer { try checkPeer(peer) }
        lastNumber += 1
        let ticket = Ticket(number: lastNumber)
        connections[ticket] = Connection(
            direction: direction, narrow: narrow, wide: wide, opened: now, peer: peer, isExempt: isExempt)
        if let peer { ofPeer[peer, default: 0] += 1 }
        if direction == .inbound, !isExempt { count(narrow, wide, by: 1) }
        return ticket
    }

    /// The handshake proved who it is.
    public mutating func identified(_ ticket: Ticket, as peer: PeerID) throws(Refusal) {
        guard var connection = connections[ticket], connection.peer == nil else { return }
        try checkPeer(peer)
        connection.peer = peer
        ofPeer[peer, default: 0] += 1
        if exemptPeers.contains(peer), !connection.isExempt {
            connection.isExempt = true
            if connection.direction == .inbound { count(connection.narrow, connection.wide, by: -1) }
        }
        connections[ticket] = connection
    }

    /// The connection brought something that others had not brought before.
    public mutating func wasUseful(_ ticket: Ticket, now: Duration) { connections[ticket]?.useful = now }

    /// The connection is closed.
    public mutating func release(_ ticket: Ticket) {
        guard let connection = connections.removeValue(forKey: ticket) else { return }
        if let peer = connection.peer {
            let left = ofPeer[peer, default: 1] - 1
            ofPeer[peer] = left > 0 ? left : nil
        }
        if connection.direction == .inbound, !connection.isExempt { count(connection.narrow, connection.wide, by: -1) }
    }

    private func checkPeer(_ peer: PeerID) throws(Refusal) {
        guard ofPeer[peer, default: 0] < configuration.perPeer else { throw .peer(configuration.perPeer) }
    }

    private mutating func checkInbound(
        _ narrow: AddressRange?, _ wide: AddressRange?, now: Duration
    ) throws(Refusal) {
        guard inboundCount < configuration.inbound else { throw .inbound(configuration.inbound) }
        for (range, limit) in [(narrow, configuration.perNarrowRange), (wide, configuration.perWideRange)] {
            if let range, ofRange[range, default: 0] >= limit { throw .range(range, limit) }
        }
        if let narrow, !rates.take(narrow, now: now) { throw .rate(narrow) }
        var bucket = totalRate ?? TokenBucket(configuration.totalRate, now: now)
        defer { totalRate = bucket }
        guard bucket.take(1, configuration.totalRate, now: now) else { throw .totalRate }
    }

    private mutating func count(_ narrow: AddressRange?, _ wide: AddressRange?, by step: Int) {
        for range in [narrow, wide] {
            guard let range else { continue }
            let sum = ofRange[range, default: 0] + step
            ofRange[range] = sum > 0 ? sum : nil
        }
    }
}
