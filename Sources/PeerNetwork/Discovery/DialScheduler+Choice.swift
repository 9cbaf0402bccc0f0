/// Whom to dial, and when to look again.
extension DialScheduler {
    /// When `tick` is due.
    public func nextTick(now: Duration) -> Duration {
        let missing = outbound.values.count { $0.purpose == .outbound } < target
        let soon = now + configuration.pace * (isLowBandwidth ? configuration.lowBandwidthFactor : 1)
        if missing { return soon }
        return max(soon, min(nextFeeler ?? soon, nextRotation ?? soon, now + configuration.firstBackoff * 12))
    }

    /// Chooses what to dial now.
    /// - Parameter isBlocked: peers and addresses that must not be dialled: banned ones, our own.
    public mutating func tick(
        book: inout AddressBook, now: Duration,
        isBlocked: @escaping @Sendable (AddressBook.Key) -> Bool = { _ in false }
    ) -> [Effect] {
        var effects: [Effect] = []
        // A configured peer may have moved: its other addresses come after the one that the configuration names.
        let configured = book.configuredPeers
        let moved = Set(configured.map(\.peer)).sorted().flatMap { book.addresses(of: $0).map(\.key) }
        for (keys, purpose) in [(configured + moved, Purpose.configured), (anchors, .anchor)] {
            for key in keys where mayDial(key, now: now) && !isBlocked(key) {
                if purpose == .anchor, outboundCount >= target { break }
                effects += dial(key, purpose, book: &book, now: now)
            }
        }
        while outboundCount < target, underWay.count < configuration.dialsUnderWay,
            let (key, isSenior) = choose(book: book, now: now, isBlocked: isBlocked)
        {
            effects += dial(key, .outbound, isSenior: isSenior, book: &book, now: now)
        }
        return effects + feel(book: &book, now: now, isBlocked: isBlocked)
            + rotate(book: &book, now: now, isBlocked: isBlocked)
    }

    /// Connections of our own choice that exist or are on their way.
    private var outboundCount: Int {
        outbound.values.count { $0.purpose != .configured }
            + underWay.values.count { $0.dial.purpose == .outbound || $0.dial.purpose == .anchor }
    }

    private func mayDial(_ key: AddressBook.Key, now: Duration) -> Bool {
        outbound[key.peer] == nil && underWay[key.peer] == nil && underWay.count < configuration.dialsUnderWay
            && !addressBackoff.isBlocked(key, now: now) && !peerBackoff.isBlocked(key.peer, now: now)
    }

    private mutating func dial(
        _ key: AddressBook.Key, _ purpose: Purpose, isSenior: Bool = false, book: inout AddressBook, now: Duration
    ) -> [Effect] {
        let dial = Dial(key: key, purpose: purpose)
        underWay[key.peer] = (dial, isSenior)
        book.attempted(key, now: now)
        return [.dial(dial)]
    }

    private func exclusion(
        now: Duration, isBlocked: @escaping @Sendable (AddressBook.Key) -> Bool
    ) -> AddressBook.Exclusion {
        let peers = peerBackoff.blocked(now: now).union(outbound.keys).union(inbound).union(underWay.keys)
        let connected = outbound.values.map(\.key) + underWay.values.map(\.dial.key)
        let addresses = addressBackoff.blocked(now: now)
        return AddressBook.Exclusion(
            peers: peers, ranges: Set(connected.compactMap { configuration.ranges.range(of: $0.address) }),
            isBlocked: { addresses.contains($0) || isBlocked($0) })
    }

    /// Seniors first, then those that worked and those that did not yet, by turns of chance. A range that a connection
    /// exists in is used again only when the book has no other.
    private mutating func choose(
        book: AddressBook, now: Duration, isBlocked: @escaping @Sendable (AddressBook.Key) -> Bool
    ) -> (key: AddressBook.Key, isSenior: Bool)? {
        var exclusion = exclusion(now: now, isBlocked: isBlocked)
        let seniors = outbound.values.count(where: \.isSenior) + underWay.values.count(where: \.isSenior)
        var kinds: [AddressBook.Kind] = random.unit() < 0.5 ? [.tried, .new] : [.new, .tried]
        if seniors < min(configuration.seniorSlots, target) { kinds.insert(.senior, at: 0) }
        for hasOtherRange in [true, false] {
            if !hasOtherRange { exclusion.ranges = [] }
            for kind in kinds {
                let found = book.candidates(kind, count: 1, excluding: exclusion, random: &random)
                if let key = found.first { return (key, kind == .senior) }
            }
        }
        return nil
    }

    private mutating func feel(
        book: inout AddressBook, now: Duration, isBlocked: @escaping @Sendable (AddressBook.Key) -> Bool
    ) -> [Effect] {
        guard let due = nextFeeler else {
            nextFeeler = now + interval(configuration.feelerInterval)
            return []
        }
        guard now >= due, outboundCount > 0, underWay.count < configuration.dialsUnderWay else { return [] }
        nextFeeler = now + interval(configuration.feelerInterval)
        var exclusion = exclusion(now: now, isBlocked: isBlocked)
        exclusion.ranges = []
        guard let key = book.feeler(excluding: exclusion, random: &random) else { return [] }
        return dial(key, .feeler, book: &book, now: now)
    }

    /// One connection more, to a range that none goes to; `trim` then decides who leaves.
    private mutating func rotate(
        book: inout AddressBook, now: Duration, isBlocked: @escaping @Sendable (AddressBook.Key) -> Bool
    ) -> [Effect] {
        guard let due = nextRotation else {
            nextRotation = now + interval(configuration.rotationInterval)
            return []
        }
        guard now >= due, outboundCount == target, underWay.count < configuration.dialsUnderWay else { return [] }
        nextRotation = now + interval(configuration.rotationInterval)
        let exclusion = exclusion(now: now, isBlocked: isBlocked)
        let kinds: [AddressBook.Kind] = random.unit() < 0.5 ? [.tried, .new] : [.new, .tried]
        for kind in kinds {
            if let key = book.candidates(kind, count: 1, excluding: exclusion, random: &random).first {
                return dial(key, .outbound, book: &book, now: now)
            }
        }
        return []
    }

    /// An interval with a random part, so that nobody knows when the next feeler goes out.
    private mutating func interval(_ mean: Duration) -> Duration {
        mean * (isLowBandwidth ? configuration.lowBandwidthFactor : 1) * (0.5 + random.unit())
    }
}
