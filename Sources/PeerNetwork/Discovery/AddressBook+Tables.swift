/// Where addresses lie in the two tables, and who gives way.
extension AddressBook {
    private static let retryAfter: Duration = .seconds(60)
    private static let week: Duration = .seconds(7 * 24 * 3600)

    /// The range that decides a place. Exempt hosts count alone, so that a network of one site can be in the book.
    func rangeAndIdentity(of key: Key) -> (range: AddressRange?, identity: [UInt8]) {
        guard let host = HostAddress(key.address) else { return (nil, key.peer.bytes) }
        let range = configuration.ranges.range(of: host)
        return (range, range?.identity ?? key.address.bytes)
    }

    func newPlace(of entry: Entry) -> Int {
        let range = entry.rangeIdentity
        let teller = entry.tellerRange?.identity ?? []
        let inSource = salt([1], teller, range) % UInt64(configuration.newBucketsPerSource)
        let bucket = salt([2], teller, [UInt8(truncatingIfNeeded: inSource), UInt8(truncatingIfNeeded: inSource >> 8)])
        return place(inBucket: bucket % UInt64(configuration.newBuckets), entry.key)
    }

    func triedPlace(of key: Key) -> Int {
        let range = entries[key]?.rangeIdentity ?? rangeAndIdentity(of: key).identity
        let inRange = salt([3], key.bytes) % UInt64(configuration.triedBucketsPerRange)
        let bucket = salt([4], range, [UInt8(truncatingIfNeeded: inRange), UInt8(truncatingIfNeeded: inRange >> 8)])
        return place(inBucket: bucket % UInt64(configuration.triedBuckets), key)
    }

    private func place(inBucket bucket: UInt64, _ key: Key) -> Int {
        let slot = salt([5], key.bytes, [UInt8(truncatingIfNeeded: bucket), UInt8(truncatingIfNeeded: bucket >> 8)])
        return Int(bucket) * configuration.bucketSize + Int(slot % UInt64(configuration.bucketSize))
    }

    /// Moves an address that worked. If its place is taken, the owner is to be checked first.
    mutating func moveToTried(_ key: Key, now: Duration) {
        guard let entry = entries[key], case .new(let old) = entry.place else { return }
        let place = triedPlace(of: key)
        if let owner = tried[place] {
            let isHopeless = isExpendable(owner, now: now)
            guard isHopeless else {
                let isWaiting = collisions.contains { $0.newcomer == key || $0.owner == owner }
                if !isWaiting, collisions.count < configuration.collisionLimit { collisions.append((key, owner)) }
                return
            }
            evictFromTried(owner, now: now)
        }
        // The owner's way back may have gone through the newcomer's old place.
        guard entries[key]?.place == .new(old) else { return }
        new[old] = nil
        tried[place] = key
        entries[key]?.place = .tried(place)
    }

    /// Gives an address of "tried" a place in "new" again, if there is one.
    mutating func evictFromTried(_ key: Key, now: Duration) {
        guard var entry = entries[key], case .tried(let place) = entry.place else { return }
        tried[place] = nil
        let target = newPlace(of: entry)
        entry.place = .new(target)
        if let owner = new[target] {
            guard isExpendable(owner, now: now) else {
                entry.place = nil
                entries[key] = entry
                remove(key)
                return
            }
            remove(owner)
        }
        new[target] = key
        entries[key] = entry
    }

    /// Whether an address gives way to another.
    func isExpendable(_ key: Key, now: Duration) -> Bool {
        guard let entry = entries[key] else { return true }
        if let attempt = entry.lastAttempt, now - attempt < AddressBook.retryAfter { return false }
        if isStale(key, now: now) { return true }
        guard let success = entry.lastSuccess else { return entry.failures >= configuration.failureLimit }
        return entry.failures >= configuration.triedFailureLimit && now - success > AddressBook.week
    }

    func isStale(_ key: Key, now: Duration) -> Bool {
        guard let entry = entries[key], !entry.sources.contains(.configured) else { return false }
        return now - entry.lastSeen > configuration.staleAfter
    }

    mutating func insert(_ entry: Entry) {
        entries[entry.key] = entry
        addressesOf[entry.key.peer, default: []].append(entry.key)
    }

    mutating func addConfigured(_ key: Key) -> Addition {
        if configured.contains(key) { return .updated }
        guard configured.count < configuration.configuredLimit else { return .noPlace }
        configured.append(key)
        return .added
    }

    mutating func remove(_ key: Key) {
        guard let entry = entries.removeValue(forKey: key) else { return }
        switch entry.place {
        case .new(let place): new[place] = nil
        case .tried(let place): tried[place] = nil
        case nil: break
        }
        collisions.removeAll { $0.newcomer == key || $0.owner == key }
        configured.removeAll { $0 == key }
        addressesOf[key.peer]?.removeAll { $0 == key }
        if addressesOf[key.peer]?.isEmpty ?? false { addressesOf[key.peer] = nil }
    }

    /// Makes room among the addresses of one peer: one that fails, or one that only others have named.
    mutating func dropWorstAddress(of peer: PeerID, now: Duration) -> Bool {
        let keys = (addressesOf[peer] ?? []).filter { !configured.contains($0) }
        let worst = keys.compactMap { entries[$0] }.filter { $0.failures > 0 || isStale($0.key, now: now) }
            .max { ($0.failures, $1.lastSeen) < ($1.failures, $0.lastSeen) }
        guard let worst else { return false }
        remove(worst.key)
        return true
    }
}
