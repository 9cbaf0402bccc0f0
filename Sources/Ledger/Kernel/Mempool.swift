import Primitives

/// Transactions that wait for a block: by lane in the order of their sequences, across lanes by fee limit and then
/// arrival. A value of one thread; every bound is a parameter.
public struct Mempool {
    public struct Limits: Hashable, Sendable {
        public var pendingPerAccount = 64
        public var byteCount = 64 << 20
        public init() {}
    }

    private struct Lane: Hashable {
        let account: AccountID
        let number: UInt8
    }

    private struct Waiting {
        let transaction: VerifiedTransaction
        let arrival: UInt64
    }

    /// Consecutive sequences from `first` on; the part before `start` has left.
    private struct Queue {
        var first: UInt64
        var waiting: [Waiting]
    }

    public let limits: Limits
    private var lanes: [Lane: Queue] = [:]
    private var pendingOfAccount: [AccountID: Int] = [:]
    private var ids: Set<Digest> = []
    /// By all their bytes, signatures included: what is here with these very bytes is checked already.
    private var checked: [[UInt8]: VerifiedTransaction] = [:]
    private var nextArrival: UInt64 = 0
    public private(set) var byteCount = 0

    public init(limits: Limits = Limits()) { self.limits = limits }

    public var count: Int { ids.count }
    public func contains(_ id: Digest) -> Bool { ids.contains(id) }

    /// The transaction with exactly these bytes, if it waits here: its signatures need no second check.
    public func verified(_ encoded: [UInt8]) -> VerifiedTransaction? { checked[encoded] }

    /// What waits, the oldest first, so many at most: for nodes that have not heard of it.
    public func waiting(atMost limit: Int) -> [VerifiedTransaction] {
        lanes.values.flatMap(\.waiting).sorted { $0.arrival < $1.arrival }.prefix(limit).map(\.transaction)
    }

    /// The one that has waited longest, of those that are next in their lanes.
    public var oldest: VerifiedTransaction? {
        lanes.values.compactMap(\.waiting.first).min { $0.arrival < $1.arrival }?.transaction
    }

    /// Takes a transaction in. `expected` is the sequence at which the state has its lane. Refuses a duplicate, a
    /// sequence that is past or would leave a gap, one more than an account may have waiting, and a replacement whose
    /// fee limit is not a tenth above the one that waits.
    public mutating func insert(_ transaction: VerifiedTransaction, expected: UInt64) throws(Refusal) {
        let body = transaction.body
        guard !ids.contains(transaction.id) else { throw Refusal(.duplicate, "the transaction is waiting already") }
        guard body.sequence >= expected else {
            throw Refusal(.wrongSequence, "lane \(body.lane) is at \(expected), not \(body.sequence)")
        }
        guard byteCount + transaction.byteCount <= limits.byteCount else {
            throw Refusal(.mempoolFull, "\(limits.byteCount) bytes of transactions are waiting")
        }
        let lane = Lane(account: body.account, number: body.lane)
        var queue = lanes[lane] ?? Queue(first: expected, waiting: [])
        if queue.waiting.isEmpty { queue.first = expected }
        guard body.sequence >= queue.first else {
            throw Refusal(.wrongSequence, "sequence \(body.sequence) of lane \(body.lane) is being executed")
        }
        let place = body.sequence - queue.first
        guard place <= UInt64(queue.waiting.count) else {
            throw Refusal(
                .sequenceTooFarAhead,
                "the next sequence of lane \(body.lane) is \(queue.first + UInt64(queue.waiting.count))")
        }
        let waiting = Waiting(transaction: transaction, arrival: nextArrival)
        if place < UInt64(queue.waiting.count) {
            let old = queue.waiting[Int(place)].transaction
            let limit = old.body.feeLimit.baseUnits
            let (least, overflow) = limit.addingReportingOverflow(limit / 10)
            guard !overflow, body.feeLimit.baseUnits >= least, body.feeLimit > old.body.feeLimit else {
                throw Refusal(.replacementUnderpriced, "a fee limit a tenth above \(old.body.feeLimit) is needed")
            }
            ids.remove(old.id)
            checked[old.transaction.encoded] = nil
            byteCount -= old.byteCount
            queue.waiting[Int(place)] = waiting
        } else {
            let pending = pendingOfAccount[body.account, default: 0]
            guard pending < limits.pendingPerAccount else {
                throw Refusal(.tooManyPending, "\(pending) transactions of the account are waiting")
            }
            pendingOfAccount[body.account] = pending + 1
            // Taken out first, so that the queue is not copied to grow by one.
            lanes[lane] = nil
            queue.waiting.append(waiting)
        }
        lanes[lane] = queue
        nextArrival += 1
        ids.insert(transaction.id)
        checked[transaction.transaction.encoded] = transaction
        byteCount += transaction.byteCount
    }

    /// The sequence after the last one that waits in a lane; nil if none does.
    public func nextSequence(of account: AccountID, lane: UInt8) -> UInt64? {
        guard let queue = lanes[Lane(account: account, number: lane)], !queue.waiting.isEmpty else { return nil }
        return queue.first + UInt64(queue.waiting.count)
    }

    /// Hands transactions to `take` in the order of the pool until it says stop. A lane whose transaction is refused is
    /// left out from there on. Nothing is removed.
    func select(_ take: (VerifiedTransaction) -> Selection) {
        var heap = SelectionHeap()
        for (lane, queue) in lanes {
            guard let first = queue.waiting.first else { continue }
            heap.push(.init(fee: first.transaction.body.feeLimit, arrival: first.arrival, lane: lane, place: 0))
        }
        while let entry = heap.pop() {
            guard let queue = lanes[entry.lane] else { continue }
            switch take(queue.waiting[entry.place].transaction) {
            case .stop: return
            case .leaveOut: continue
            case .taken:
                let next = entry.place + 1
                guard next < queue.waiting.count else { continue }
                let waiting = queue.waiting[next]
                heap.push(
                    .init(
                        fee: waiting.transaction.body.feeLimit, arrival: waiting.arrival, lane: entry.lane, place: next)
                )
            }
        }
    }

    /// What `select`'s closure answers.
    enum Selection { case taken, leaveOut, stop }

    /// Removes what a block holds, and whatever waited in the same places.
    mutating func remove(committed transactions: [VerifiedTransaction]) {
        for transaction in transactions {
            let lane = Lane(account: transaction.body.account, number: transaction.body.lane)
            guard var queue = lanes.removeValue(forKey: lane) else { continue }
            while let first = queue.waiting.first, queue.first <= transaction.body.sequence {
                forget(first.transaction)
                queue.waiting.removeFirst()
                queue.first += 1
            }
            if !queue.waiting.isEmpty { lanes[lane] = queue }
        }
    }

    /// Removes a transaction that can never be in a block, and those of its lane that would follow; returns all of
    /// them.
    mutating func drop(_ transaction: VerifiedTransaction) -> [VerifiedTransaction] {
        let lane = Lane(account: transaction.body.account, number: transaction.body.lane)
        guard let place = lanes[lane]?.waiting.firstIndex(where: { $0.transaction.id == transaction.id }),
            var queue = lanes.removeValue(forKey: lane)
        else { return [] }
        let dropped = queue.waiting[place...].map(\.transaction)
        for transaction in dropped { forget(transaction) }
        queue.waiting.removeSubrange(place...)
        if !queue.waiting.isEmpty { lanes[lane] = queue }
        return dropped
    }

    private mutating func forget(_ transaction: VerifiedTransaction) {
        ids.remove(transaction.id)
        checked[transaction.transaction.encoded] = nil
        byteCount -= transaction.byteCount
        let left = pendingOfAccount[transaction.body.account, default: 1] - 1
        pendingOfAccount[transaction.body.account] = left > 0 ? left : nil
    }

    /// The heads of lanes, highest fee first, then earliest arrival: a total order, so that the order in which the
    /// dictionary of lanes is walked does not show.
    private struct SelectionHeap {
        struct Entry {
            let fee: Amount
            let arrival: UInt64
            let lane: Lane
            let place: Int

            func precedes(_ other: Entry) -> Bool {
                fee == other.fee ? arrival < other.arrival : fee > other.fee
            }
        }

        private var entries: [Entry] = []

        mutating func push(_ entry: Entry) {
            entries.append(entry)
            var child = entries.count - 1
            while child > 0, entries[child].precedes(entries[(child - 1) / 2]) {
                entries.swapAt(child, (child - 1) / 2)
                child = (child - 1) / 2
            }
        }

        mutating func pop() -> Entry? {
            guard let last = entries.popLast() else { return nil }
            guard let top = entries.first else { return last }
            entries[0] = last
            var parent = 0
            while true {
                let left = 2 * parent + 1
                guard left < entries.count else { return top }
                let right = left + 1
                let child = right < entries.count && entries[right].precedes(entries[left]) ? right : left
                guard entries[child].precedes(entries[parent]) else { return top }
                entries.swapAt(parent, child)
                parent = child
            }
        }
    }
}
