/// When a node does what nobody asked for.
struct KademliaSchedule: Sendable {
    /// The next search for our own key.
    var bootstrapAt: Duration?
    var expireAt: Duration?
    /// When a search last went through a bucket.
    var touched: [Int: Duration] = [:]
    var republishAt: [[UInt8]: Duration] = [:]
}

extension KademliaNode {
    /// Searches of the schedule's own that run side by side; the rest of the places is for callers.
    private static let backgroundLookups = 3
    /// What finds no place for its search is tried again this much later, at the soonest.
    private static let pace: Duration = .seconds(1)
    private static let expiryInterval: Duration = .seconds(300)
    /// Draws for a key with a prefix of so many bits need two to that power in the mean.
    private static let drawsPerBit = 8

    var checksUnderWay: Int {
        requests.values.count { if case .check = $0.purpose { true } else { false } }
    }

    /// When `tick` is due, at the latest.
    public func nextTick(now: Duration) -> Duration {
        var times = lookups.values.map(\.deadline)
        if let time = schedule.bootstrapAt { times.append(time) }
        if let time = schedule.republishAt.values.min() { times.append(time) }
        times.append(schedule.expireAt ?? now + KademliaNode.expiryInterval)
        return max(now + KademliaNode.pace, times.min() ?? now)
    }

    /// Ends searches that ran out of time, refreshes buckets, repeats announcements, and drops what has expired.
    public mutating func tick(now: Duration) -> [Effect] {
        var effects: [Effect] = []
        for number in lookups.filter({ $0.value.deadline <= now }).keys.sorted() {
            guard var running = lookups[number] else { continue }
            let steps = running.lookup.expire()
            lookups[number] = running
            effects += carryOut(steps, of: number, now: now)
        }
        if now >= schedule.expireAt ?? .zero {
            providers.expire(now: now)
            schedule.expireAt = now + KademliaNode.expiryInterval
        }
        return effects + refresh(now: now) + republish(now: now)
    }

    /// Searches for our own key and for a drawn one in each bucket that no search has touched for long. Buckets beyond
    /// the places for searches come with later ticks.
    private mutating func refresh(now: Duration) -> [Effect] {
        guard let due = schedule.bootstrapAt, due <= now, table.count > 0 else { return [] }
        let last = min(table.deepestBucket ?? 0, configuration.refreshedPrefixLimit)
        let stale = (0...last).filter { index in
            schedule.touched[index].map { now - $0 >= configuration.refreshAfter } ?? true
        }
        var effects: [Effect] = []
        let own = KademliaKey.bitCount
        if schedule.touched[own].map({ now - $0 >= configuration.refreshAfter }) ?? true {
            guard let (_, steps) = beginInBackground(.closest(owner.bytes), for: .refresh, now: now) else { return [] }
            schedule.touched[own] = now
            effects += steps
        }
        for index in stale {
            guard let peer = drawPeer(sharing: index) else { continue }
            guard let (_, steps) = beginInBackground(.closest(peer.bytes), for: .refresh, now: now) else {
                schedule.bootstrapAt = now + configuration.requestTimeout
                return effects
            }
            schedule.touched[index] = now
            effects += steps
        }
        schedule.bootstrapAt = now + configuration.refreshAfter
        return effects
    }

    private mutating func republish(now: Duration) -> [Effect] {
        var effects: [Effect] = []
        guard table.count > 0 else { return [] }
        for (key, due) in schedule.republishAt where due <= now {
            guard let (_, steps) = beginInBackground(.closest(key), for: .provide(key), now: now) else { break }
            schedule.republishAt[key] = now + configuration.republishAfter
            effects += steps
        }
        return effects
    }

    private mutating func beginInBackground(
        _ goal: KademliaLookup.Goal, for use: LookupUse, now: Duration
    ) -> (lookup: UInt64, effects: [Effect])? {
        let inBackground = lookups.values.count { $0.use != .asked }
        return inBackground < KademliaNode.backgroundLookups ? begin(goal, for: use, now: now) : nil
    }

    mutating func begin(
        _ goal: KademliaLookup.Goal, for use: LookupUse, now: Duration
    ) -> (lookup: UInt64, effects: [Effect])? {
        guard lookups.count < configuration.lookupLimit else { return nil }
        let target = KademliaKey(hashing: goal.key)
        let width = configuration.lookup.disjointPaths * configuration.lookup.alpha
        let seeds = table.seeds(for: target, count: max(configuration.lookup.k, width))
        var lookup = KademliaLookup(goal: goal, owner: owner, seeds: seeds, configuration: configuration.lookup)
        lastNumber += 1
        let number = lastNumber
        let steps = lookup.start()
        lookups[number] = Running(lookup: lookup, use: use, deadline: now + configuration.lookupTimeout)
        return (number, carryOut(steps, of: number, now: now))
    }

    mutating func carryOut(_ steps: [KademliaLookup.Effect], of number: UInt64, now: Duration) -> [Effect] {
        guard let running = lookups[number] else { return [] }
        var effects: [Effect] = []
        for step in steps {
            switch step {
            case .ask(let contact):
                effects.append(ask(contact, request(of: running.lookup.goal), for: .lookup(number)))
            case .finished(let outcome):
                lookups[number] = nil
                // Answers that still come are no longer waited for.
                requests = requests.filter { if case .lookup(number) = $0.value.purpose { false } else { true } }
                effects += ended(running, outcome, number: number)
            }
        }
        return effects
    }

    private func ended(_ running: Running, _ outcome: KademliaLookup.Outcome, number: UInt64) -> [Effect] {
        guard case .provide(let key) = running.use else {
            return running.use == .asked ? [.finished(lookup: number, outcome)] : []
        }
        let own = KademliaContact(id: owner, addresses: ownAddresses)
        let message = KademliaMessage(.addProvider, key: key, providers: [.init(own)])
        return outcome.closest.map { .tell($0, message) }
    }

    private func request(of goal: KademliaLookup.Goal) -> KademliaMessage {
        if case .providers = goal { return KademliaMessage(.getProviders, key: goal.key) }
        return KademliaMessage(.findNode, key: goal.key)
    }

    mutating func ask(_ contact: KademliaContact, _ message: KademliaMessage, for purpose: Purpose) -> Effect {
        lastNumber += 1
        requests[lastNumber] = (contact.id, purpose)
        return .ask(request: lastNumber, contact, message, timeout: configuration.requestTimeout)
    }

    /// A peer id, of no known key, whose place shares a prefix of exactly so many bits with ours.
    private mutating func drawPeer(sharing bits: Int) -> PeerID? {
        let header: [UInt8] = [0x12, 0x20]
        let fixed = random.bytes(count: 24)
        for _ in 0..<(KademliaNode.drawsPerBit << min(bits + 1, configuration.refreshedPrefixLimit + 1)) {
            let draw = random.next()
            let digest = fixed + (0..<8).map { UInt8(truncatingIfNeeded: draw >> (8 * UInt64($0))) }
            guard let peer = try? PeerID(multihash: header + digest) else { return nil }
            if KademliaKey(peer).commonPrefixLength(with: table.key) == bits { return peer }
        }
        return nil
    }
}
