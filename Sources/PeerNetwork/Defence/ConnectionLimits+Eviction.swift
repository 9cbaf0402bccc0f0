/// Which inbound connection makes room for another when all places are taken (after Bitcoin Core's eviction of inbound
/// peers): an attacker who fills the places must not be able to hold them.
extension ConnectionLimits {
    /// Connections that each measure protects.
    private static let protectedByAge = 8
    private static let protectedByUse = 8
    private static let protectedByRange = 8

    /// The youngest connection of the wide range that has the most, among those that nothing protects: not age, not
    /// use, not being the first of a rare range. Nil when all are protected.
    public func evictionCandidate() -> Ticket? {
        var open = connections.filter { $0.value.direction == .inbound && !$0.value.isExempt }
        for ticket in open.sorted(by: { ($0.value.opened, $0.key) < ($1.value.opened, $1.key) })
            .prefix(ConnectionLimits.protectedByAge)
        { open[ticket.key] = nil }
        let useful = open.filter { $0.value.useful != nil }
        for ticket in useful.sorted(by: { ($0.value.useful ?? .zero, $0.key) > ($1.value.useful ?? .zero, $1.key) })
            .prefix(ConnectionLimits.protectedByUse)
        { open[ticket.key] = nil }
        let groups = Dictionary(grouping: open) { $0.value.wide }
        let rare = groups.filter { $0.key != nil }.sorted { left, right in
            let (least, most) = (left.value.count, right.value.count)
            return least != most
                ? least < most : (left.value.map(\.key).min() ?? .last) < (right.value.map(\.key).min() ?? .last)
        }
        for group in rare.prefix(ConnectionLimits.protectedByRange) {
            if let first = group.value.map(\.key).min() { open[first] = nil }
        }
        let left = Dictionary(grouping: open) { $0.value.wide }.values.max { one, other in
            let latest = (one.map(\.key).max() ?? .last, other.map(\.key).max() ?? .last)
            return one.count != other.count ? one.count < other.count : latest.0 < latest.1
        }
        return left?.max { ($0.value.opened, $0.key) < ($1.value.opened, $1.key) }?.key
    }
}

extension ConnectionLimits {
    /// Admits a connection whose peer is known already; nothing is taken where it is refused.
    mutating func place(
        _ peer: PeerID, _ host: HostAddress?, _ direction: Direction, now: Duration
    ) throws(Refusal) -> Ticket {
        let ticket = try admit(host: host, direction: direction, now: now)
        do throws(Refusal) { try identified(ticket, as: peer) } catch {
            release(ticket)
            throw error
        }
        return ticket
    }
}

extension ConnectionLimits.Refusal {
    /// Whether somebody else's leaving would help.
    var isForWantOfRoom: Bool {
        switch self {
        case .total, .inbound: true
        case .peer, .range, .rate, .totalRate: false
        }
    }

    /// The reason without its particulars.
    var kind: String {
        switch self {
        case .total: "total"
        case .inbound: "inbound"
        case .peer: "peer"
        case .range: "range"
        case .rate: "rate"
        case .totalRate: "totalRate"
        }
    }
}

extension ConnectionLimits.Ticket {
    fileprivate static let last = ConnectionLimits.Ticket(number: .max)
}
