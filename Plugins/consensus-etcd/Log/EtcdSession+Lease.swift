internal import EtcdEngine
internal import PluginKit

/// This node's lease, and who holds the cutter's key. A hint: two that take themselves for the cutter cost time only.
struct CutterLease {
    enum Stage: Equatable {
        case none, granting
        /// Has a lease and tries to put the key.
        case campaigning
        case held
    }

    var stage = Stage.none
    var id: Int64?
    /// Who holds the key; nil inside: nobody. Nil: not looked at yet.
    var holder: Bytes32??
    var nextKeepAlive: Int64 = 0

    mutating func lose() { (stage, id) = (.none, nil) }
}

/// Old entries are deleted, and old revisions forgotten, by the cutter, now and then.
struct LogCleaning {
    /// The height below which nothing is there any more.
    var cleanedBelow: UInt64 = 0
    /// Of the last time: what is compacted now lies a whole period back, so that no watch misses what it compacts.
    var lastRevision: Int64 = 0
    var isCompacting = false
}

extension EtcdSession {
    func note(cutter value: [UInt8]?, _ events: inout [LogEvent]) {
        // What is no key of a validator is nobody's: it goes with its lease, or the others take over each time.
        let key = value.flatMap { EtcdKeys.id(String(decoding: $0, as: UTF8.self)) }
        if lease.holder != .some(key) {
            lease.holder = .some(key)
            events.append(.cutter(key))
        }
        if key != mail.cutter, lease.stage == .held { lease.lose() }
    }

    /// The next request that the lease needs, if one is due.
    func keepLease(_ keys: EtcdKeys, _ now: Int64) {
        guard let own = mail.cutter, case .some(let holder) = lease.holder, !connections.isBusy(.lease) else { return }
        switch lease.stage {
        case .none:
            guard holder == nil else { return }
            lease.stage = .granting
            send(.lease, EtcdRequest.grant(seconds: settings.leaseSeconds))
        case .granting: break
        case .campaigning:
            send(.lease, EtcdRequest.putNew(keys.cutter, EtcdKeys.hex(own), lease: lease.id))
        case .held:
            guard let id = lease.id, lease.nextKeepAlive <= now else { return }
            lease.nextKeepAlive = now + settings.leaseSeconds * 1_000 / 3
            send(.lease, EtcdRequest.keepAlive(id))
        }
    }

    func leased(_ answer: JSON) {
        switch lease.stage {
        case .none: break
        case .granting:
            lease.id = answer["ID"]?.integer
            lease.stage = lease.id == nil ? .none : .campaigning
        case .campaigning:
            // Whoever was first holds it. A lease without a key runs out by itself.
            if answer["succeeded"] == .flag(true) {
                lease.stage = .held
                lease.nextKeepAlive = monotonicMilliseconds() + settings.leaseSeconds * 1_000 / 3
            } else {
                lease.lose()
                // Until the look says who holds it.
                lease.holder = nil
            }
            lookSoon()
        case .held:
            let left = answer["result"]?["TTL"]?.integer ?? 0
            if left <= 0 {
                lease.lose()
                lookSoon()
            }
        }
    }

    /// The next cutter need not wait for the lease to run out.
    func giveUpLease() {
        connections.cancelAll()
        guard lease.stage == .held, let id = lease.id else { return }
        send(.lease, EtcdRequest.revoke(id))
        let end = monotonicMilliseconds() + 200
        while connections.isBusy(.lease), monotonicMilliseconds() < end {
            connections.work(atMostMilliseconds: 20)
            _ = connections.takeEnded()
        }
        connections.cancelAll()
    }

    // MARK: Cleaning

    private var cleaningPeriod: UInt64 { max(16, settings.keptHeights / 4) }

    func clean(_ keys: EtcdKeys) {
        guard lease.stage == .held, mail.height > settings.keptHeights, !connections.isBusy(.clean) else { return }
        let below = mail.height - settings.keptHeights
        if cleaning.isCompacting {
            cleaning.isCompacting = false
            let upTo = cleaning.lastRevision
            cleaning.lastRevision = revision
            if settings.compacts, upTo > 0 { send(.clean, EtcdRequest.compact(to: upTo)) }
        } else if below >= cleaning.cleanedBelow + cleaningPeriod {
            cleaning.cleanedBelow = below
            cleaning.isCompacting = true
            send(.clean, EtcdRequest.deleteEntries(keys, below: below))
        }
    }

    func cleaned() {}
}
