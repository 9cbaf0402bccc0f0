/// The peers whose keys share a prefix of one length with ours, and those that wait for a place among them.
struct RoutingBucket: Sendable {
    struct Entry: Sendable {
        var contact: KademliaContact
        let key: KademliaKey
        /// What the limits count; nil for an exempt host.
        let range: AddressRange?
        /// Smoothed, as TCP does (RFC 6298): an eighth of each new sample.
        var roundTrip: Duration?
        var heard: Duration
        var failures = 0
    }

    var members: [Entry] = []
    var waiting: [Entry] = []

    /// Notes that a peer was heard from; false when it is not a member.
    mutating func refresh(_ contact: KademliaContact, roundTrip: Duration?, now: Duration) -> Bool {
        if let place = members.firstIndex(where: { $0.contact.id == contact.id }) {
            RoutingBucket.note(&members[place], contact, roundTrip, now)
            return true
        }
        if let place = waiting.firstIndex(where: { $0.contact.id == contact.id }) {
            RoutingBucket.note(&waiting[place], contact, roundTrip, now)
        }
        return false
    }

    private static func note(_ entry: inout Entry, _ contact: KademliaContact, _ roundTrip: Duration?, _ now: Duration)
    {
        entry.heard = max(entry.heard, now)
        entry.failures = 0
        if !contact.addresses.isEmpty { entry.contact.addresses = contact.addresses }
        guard let roundTrip else { return }
        entry.roundTrip = entry.roundTrip.map { $0 + (roundTrip - $0) / 8 } ?? roundTrip
    }

    /// Lets a peer wait. Of those that are there already, the one that was heard from longest ago makes room.
    mutating func wait(_ entry: Entry, limit: Int) {
        waiting.removeAll { $0.contact.id == entry.contact.id }
        if waiting.count >= limit, let oldest = waiting.indices.min(by: { waiting[$0].heard < waiting[$1].heard }) {
            waiting.remove(at: oldest)
        }
        if waiting.count < limit { waiting.append(entry) }
    }

    /// Any waiting peer keeps the bucket as good, so the quickest is taken.
    mutating func takeQuickestWaiting() -> Entry? {
        let unknown = Duration.seconds(3600)
        let best = waiting.indices.min {
            (waiting[$0].roundTrip ?? unknown, waiting[$1].heard) < (
                waiting[$1].roundTrip ?? unknown, waiting[$0].heard
            )
        }
        return best.map { waiting.remove(at: $0) }
    }

    /// The member that was heard from longest ago, if that is before a time.
    func silent(since time: Duration) -> Entry? {
        members.min { $0.heard < $1.heard }.flatMap { $0.heard < time ? $0 : nil }
    }
}
