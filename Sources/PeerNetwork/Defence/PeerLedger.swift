import Glibc

/// What a peer did that it should not have done. Penalties are points; see `PeerLedger.Configuration`.
public enum Misconduct: UInt64, Hashable, Sendable, CaseIterable {
    case protocolViolation = 0
    case timeout = 1
    case invalidBlock = 2
    case invalidTransaction = 3
    case useless = 4
    case slow = 5
    case tooManyRequests = 6
    case tooMuchMemory = 7
    case badGossip = 8
    case wrongAnswer = 9
    /// A piece of a snapshot that is not what its name says.
    case invalidSnapshot = 10

    /// A word for people and for logs.
    public var word: String {
        switch self {
        case .protocolViolation: "protocol violation"
        case .timeout: "timeout"
        case .invalidBlock: "invalid block"
        case .invalidTransaction: "invalid transaction"
        case .useless: "useless"
        case .slow: "slow"
        case .tooManyRequests: "too many requests"
        case .tooMuchMemory: "too much memory"
        case .badGossip: "bad gossip"
        case .wrongAnswer: "wrong answer"
        case .invalidSnapshot: "invalid snapshot"
        }
    }
}

/// The conduct of peers: points for each offence that fade with time, and bans whose length doubles. Kept over restarts
/// by the caller. One owner at a time; `now` is the time since the Unix epoch.
///
/// Ids cost nothing, so that a ban of an id alone stops nobody for long: where many banned peers came from one address
/// range, the range is refused for a while, but for peers of good standing and exempt ones.
public struct PeerLedger: Sendable {
    public struct Configuration: Hashable, Sendable {
        /// Points of an offence; 10 where none are given.
        public var penalties: [Misconduct: Double] = [
            .protocolViolation: 25, .timeout: 5, .invalidBlock: 100, .invalidTransaction: 10, .useless: 2, .slow: 5,
            .tooManyRequests: 5, .tooMuchMemory: 25, .badGossip: 10, .wrongAnswer: 25, .invalidSnapshot: 100,
        ]
        /// The connection is cut at so many points, and the peer is banned at so many.
        public var cutAt = 50.0
        public var banAt = 100.0
        /// Points are halved in this time.
        public var halfLife: Duration = .seconds(600)
        public var firstBan: Duration = .seconds(3_600)
        public var longestBan: Duration = .seconds(7 * 24 * 3600)
        /// A peer that was not banned for so long begins with the first ban again.
        public var forgivenAfter: Duration = .seconds(30 * 24 * 3600)
        public var peerLimit = 4_096
        /// One offence of a peer is logged once in this time.
        public var logInterval: Duration = .seconds(600)
        /// Peers of one range under a ban at once that close the range, and for how long.
        public var bansThatCloseRange = 4
        public var rangeClosedFor: Duration = .seconds(3_600)
        public var ranges = RangeRules(ip4Bits: 24, ip6Bits: 64)
        public var rangeLimit = 1_024

        public init() {}
    }

    public enum Effect: Hashable, Sendable {
        /// A line for the log: this offence was not logged for the peer lately.
        case log(PeerID, Misconduct, detail: String)
        case cut(PeerID, Misconduct)
        case ban(PeerID, Misconduct, until: Duration)
        case closeRange(AddressRange, until: Duration)
    }

    struct Record: Hashable, Sendable {
        var points = 0.0
        var updated: Duration
        var counts: [Misconduct: UInt64] = [:]
        var last: Misconduct?
        var bannedUntil: Duration?
        var bans: UInt64 = 0
        var logged: [Misconduct: Duration] = [:]
    }

    /// Longer details are cut: a peer may have a part in their text.
    private static let detailLimit = 200

    public let configuration: Configuration
    var records: [PeerID: Record] = [:]
    var closed: [AddressRange: Duration] = [:]
    private var bannedIn: [AddressRange: [PeerID: Duration]] = [:]
    public var exempt: Set<PeerID> = []

    public init(configuration: Configuration = Configuration()) { self.configuration = configuration }

    public var peerCount: Int { records.count }

    /// The points of a peer now.
    public func points(of peer: PeerID, now: Duration) -> Double { records[peer].map { faded($0, now: now) } ?? 0 }

    /// Whether a peer is banned, and until when. Exempt peers never are.
    public func bannedUntil(_ peer: PeerID, now: Duration) -> Duration? {
        guard !exempt.contains(peer), let until = records[peer]?.bannedUntil, until > now else { return nil }
        return until
    }

    /// Whether new connections of unknown peers from a host are refused, and until when.
    public func closedUntil(_ host: HostAddress, now: Duration) -> Duration? {
        guard let range = configuration.ranges.range(of: host), let until = closed[range], until > now else {
            return nil
        }
        return until
    }

    /// Notes an offence and says what follows from it.
    /// - Parameter detail: the reason in words, for the log; cut to 200 characters.
    public mutating func record(
        _ offence: Misconduct, by peer: PeerID, host: HostAddress?, detail: String, now: Duration
    ) -> [Effect] {
        makeRoom(for: peer, now: now)
        var record = records[peer] ?? Record(updated: now)
        let before = faded(record, now: now)
        record.points = min(before + max(0, configuration.penalties[offence] ?? 10), 10 * configuration.banAt)
        record.updated = now
        record.counts[offence] = min(record.counts[offence, default: 0], UInt64(Int64.max) - 1) + 1
        record.last = offence
        var effects: [Effect] = []
        if record.logged[offence].map({ now < $0 || now - $0 >= configuration.logInterval }) ?? true {
            record.logged[offence] = now
            effects.append(.log(peer, offence, detail: String(detail.prefix(PeerLedger.detailLimit))))
        }
        let isBanned = record.bannedUntil.map { $0 > now } ?? false
        if !exempt.contains(peer), record.points >= configuration.banAt, !isBanned {
            let until = now + nextBan(&record, now: now)
            record.bannedUntil = until
            effects.append(.ban(peer, offence, until: until))
            effects += closeRange(of: host, for: peer, until: until, now: now)
        } else if !exempt.contains(peer), record.points >= configuration.cutAt {
            effects.append(.cut(peer, offence))
        }
        records[peer] = record
        return effects
    }

    /// Lifts a ban and forgets the points, by hand.
    public mutating func pardon(_ peer: PeerID) { records[peer] = nil }

    func faded(_ record: Record, now: Duration) -> Double {
        let elapsed = max(0, (now - record.updated).inSeconds)
        return record.points * exp2(-elapsed / max(configuration.halfLife.inSeconds, 1))
    }

    private func nextBan(_ record: inout Record, now: Duration) -> Duration {
        if let last = record.bannedUntil, now > last, now - last >= configuration.forgivenAfter { record.bans = 0 }
        var length = configuration.firstBan
        for _ in 0..<min(record.bans, 32) where length < configuration.longestBan { length = length * 2 }
        record.bans = min(record.bans + 1, 1_000)
        return min(length, configuration.longestBan)
    }

    private mutating func closeRange(
        of host: HostAddress?, for peer: PeerID, until: Duration, now: Duration
    ) -> [Effect] {
        guard let range = host.flatMap(configuration.ranges.range(of:)) else { return [] }
        if bannedIn.count >= configuration.rangeLimit, bannedIn[range] == nil {
            bannedIn = bannedIn.filter { $0.value.values.contains { $0 > now } }
            closed = closed.filter { $0.value > now }
            guard bannedIn.count < configuration.rangeLimit else { return [] }
        }
        var list = (bannedIn[range] ?? [:]).filter { $0.value > now }
        list[peer] = until
        defer { bannedIn[range] = list }
        guard list.count >= configuration.bansThatCloseRange else { return [] }
        // Those that closed it once do not close it again.
        list = [:]
        let end = now + configuration.rangeClosedFor
        closed[range] = end
        return [.closeRange(range, until: end)]
    }

    /// Forgets the peer that matters least: one that is not banned and has the fewest points, or else the one whose
    /// ban ends first.
    private mutating func makeRoom(for peer: PeerID, now: Duration) {
        guard records[peer] == nil, records.count >= configuration.peerLimit else { return }
        for (other, record) in records where faded(record, now: now) < 1 && (record.bannedUntil ?? .zero) <= now {
            records[other] = nil
        }
        guard records.count >= configuration.peerLimit else { return }
        let least = records.min { left, right in
            let ends = (max(left.value.bannedUntil ?? .zero, now), max(right.value.bannedUntil ?? .zero, now))
            return ends.0 != ends.1
                ? ends.0 < ends.1 : faded(left.value, now: now) < faded(right.value, now: now)
        }
        if let least { records[least.key] = nil }
    }
}
