/// What peers may make a node hold at once: bytes in all, for one peer and for one address range. Whoever takes memory
/// for a peer reserves it here first and releases it after. One owner at a time.
public struct MemoryBudget: Sendable {
    public struct Limits: Hashable, Sendable {
        public var total = 256 << 20
        public var perPeer = 16 << 20
        public var perRange = 64 << 20
        public var ranges = RangeRules(ip4Bits: 24, ip6Bits: 48)

        public init() {}
    }

    public enum Refusal: Error, Hashable, Sendable, CustomStringConvertible {
        case negative
        case total(wanted: Int, free: Int)
        case peer(wanted: Int, free: Int)
        case range(AddressRange, wanted: Int, free: Int)

        public var description: String {
            switch self {
            case .negative: "a negative number of bytes [negative]"
            case .total(let wanted, let free): "\(wanted) bytes, \(free) free in all [total]"
            case .peer(let wanted, let free): "\(wanted) bytes, \(free) free for this peer [peer]"
            case .range(let range, let wanted, let free): "\(wanted) bytes, \(free) free for \(range) [range]"
            }
        }
    }

    public let limits: Limits
    public private(set) var used = 0
    private var peers: [PeerID: Int] = [:]
    private var ranges: [AddressRange: Int] = [:]

    public init(limits: Limits = Limits()) { self.limits = limits }

    public func used(by peer: PeerID) -> Int { peers[peer, default: 0] }

    /// Takes bytes; all or none. `host` must be the same at the release.
    public mutating func reserve(_ bytes: Int, for peer: PeerID, host: HostAddress?) throws(Refusal) {
        guard bytes >= 0 else { throw .negative }
        guard bytes <= limits.total - used else { throw .total(wanted: bytes, free: limits.total - used) }
        let byPeer = limits.perPeer - peers[peer, default: 0]
        guard bytes <= byPeer else { throw .peer(wanted: bytes, free: byPeer) }
        let range = host.flatMap(limits.ranges.range(of:))
        if let range {
            let byRange = limits.perRange - ranges[range, default: 0]
            guard bytes <= byRange else { throw .range(range, wanted: bytes, free: byRange) }
        }
        guard bytes > 0 else { return }
        used += bytes
        peers[peer, default: 0] += bytes
        if let range { ranges[range, default: 0] += bytes }
    }

    /// Whether a peer, or all together, hold three quarters of what they may.
    public func isTight(for peer: PeerID) -> Bool {
        used > limits.total / 4 * 3 || peers[peer, default: 0] > limits.perPeer / 4 * 3
    }

    /// The peer that holds most; the first by id among equals.
    public var largest: PeerID? {
        peers.max { ($0.value, $1.key) < ($1.value, $0.key) }?.key
    }

    /// Takes bytes above the limit of all, while whoever holds most is being disconnected.
    mutating func overdraw(_ bytes: Int, for peer: PeerID, host: HostAddress?) {
        used += bytes
        peers[peer, default: 0] += bytes
        if let range = host.flatMap(limits.ranges.range(of:)) { ranges[range, default: 0] += bytes }
    }

    /// Gives bytes back; more than were taken count as those.
    public mutating func release(_ bytes: Int, for peer: PeerID, host: HostAddress?) {
        let given = min(max(bytes, 0), peers[peer, default: 0])
        guard given > 0 else { return }
        used -= given
        let left = peers[peer, default: 0] - given
        peers[peer] = left > 0 ? left : nil
        if let range = host.flatMap(limits.ranges.range(of:)) {
            let left = ranges[range, default: 0] - given
            ranges[range] = left > 0 ? left : nil
        }
    }
}
