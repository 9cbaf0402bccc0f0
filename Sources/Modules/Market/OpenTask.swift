import Ledger
import Primitives
import Reputation

/// A task taken up by one action: loaded once, saved once.
struct OpenTask {
    let id: Digest
    let terms: TaskTerms
    var record: TaskRecord

    init(_ id: Digest, _ context: inout ModuleContext) throws(Refusal) {
        guard let record = try context.load(TaskRecord.self, at: MarketPaths.task(id)),
            let terms = try context.load(TaskTerms.self, at: MarketPaths.terms(id))
        else { throw MarketCode.taskUnknown.refusal("task \(id)") }
        self.id = id
        self.terms = terms
        self.record = record
    }

    init(_ id: Digest, terms: TaskTerms, record: TaskRecord) {
        self.id = id
        self.terms = terms
        self.record = record
    }

    func save(_ context: inout ModuleContext) throws(Refusal) { try context.save(record, at: MarketPaths.task(id)) }

    var escrow: AccountID { TaskRecord.escrow(of: id) }

    func need(_ status: TaskStatus) throws(Refusal) {
        guard record.status == status else { throw MarketCode.wrongStatus.refusal("the task is \(record.status)") }
    }

    /// The sender's replica that is not lost.
    func replica(of account: AccountID) throws(Refusal) -> Int {
        guard let index = record.replicas.firstIndex(where: { $0.provider == account && $0.outcome == .open }) else {
            throw MarketCode.notAssigned.refusal("\(account) holds no replica")
        }
        return index
    }

    func wait(_ context: inout ModuleContext) throws(Refusal) {
        try context.save(context.block.height, at: MarketPaths.waiting(id))
    }

    // MARK: Matching

    /// Offers that fit, best first: the price, made lower by up to half for standing; then the identifier. One for
    /// each provider.
    func fitting(
        _ context: inout ModuleContext
    ) throws(Refusal) -> (offers: [(id: Digest, offer: OfferRecord)], mismatches: [Mismatch]) {
        var counts = [UInt32](repeating: 0, count: MatchReason.allCases.count)
        var found: [(id: Digest, offer: OfferRecord, price: Amount)] = []
        let taken = Set(record.replicas.map(\.provider) + record.verdicts.map(\.auditor))
        for entry in try context.list(OfferRecord.self, below: MarketPaths.offers, limit: MarketModule.maximumOffers) {
            guard let id = Digest(bytes: entry.suffix) else { continue }
            let score = try Scores.score(entry.value.provider, .provider, &context)
            var reason = entry.value.mismatch(
                with: terms, requester: record.requester, score: score, at: context.block.timeMilliseconds)
            if reason == nil, taken.contains(entry.value.provider) { reason = .providerTaken }
            if let reason {
                counts[Int(reason.rawValue)] += 1
                continue
            }
            let weight = UInt128(2_000_000 - max(0, min(score, 1_000_000)))
            let price = try exact { () throws(AmountError) in
                try entry.value.terms.pricePerUnit.multiplied(by: weight, dividedBy: 2_000_000)
            }
            found.append((id, entry.value, price))
        }
        found.sort { $0.price == $1.price ? $0.id < $1.id : $0.price < $1.price }
        var offers: [(id: Digest, offer: OfferRecord)] = []
        var providers: Set<AccountID> = []
        for item in found {
            if providers.insert(item.offer.provider).inserted {
                offers.append((item.id, item.offer))
            } else {
                counts[Int(MatchReason.providerTaken.rawValue)] += 1
            }
        }
        var mismatches: [Mismatch] = []
        for reason in MatchReason.allCases where counts[Int(reason.rawValue)] > 0 {
            mismatches.append(Mismatch(reason: reason, offers: counts[Int(reason.rawValue)]))
        }
        return (offers, mismatches)
    }

    /// Assigns the missing replicas by the beacon among the better half of what fits, or says why not.
    mutating func match(_ context: inout ModuleContext) throws(Refusal) {
        let missing = Int(terms.replicas) - record.held
        var (offers, mismatches) = try fitting(&context)
        guard offers.count >= missing else {
            if !offers.isEmpty { mismatches.append(Mismatch(reason: .tooFewProviders, offers: UInt32(offers.count))) }
            guard record.mismatches != mismatches else { return }
            record.mismatches = mismatches
            try MarketEvent.taskUnmatched.emit(id, [record.requester], &context, items: 1) { $0.list(mismatches) }
            return
        }
        let best = Array(offers.prefix(max(2 * missing, (offers.count + 1) / 2)))
        let chosen = TaskDraw.pick(
            missing, from: best, beacon: context.block.beacon, task: id, start: record.replicas.count)
        let deadline = context.block.timeMilliseconds &+ terms.executeMilliseconds
        for item in chosen {
            var offer = item.offer
            offer.running += 1
            try context.save(offer, at: MarketPaths.offer(item.id))
            let units = terms.units
            let price = try exact { () throws(AmountError) in try offer.terms.pricePerUnit.multiplied(by: units) }
            let index = UInt64(record.replicas.count)
            record.replicas.append(Replica(offer: item.id, provider: offer.provider, price: price))
            try MarketEvent.replicaAssigned.emit(id, [offer.provider, record.requester], &context, items: 4) {
                encoder in
                encoder.unsigned(index)
                encoder.digest(item.id)
                encoder.value(price)
                encoder.unsigned(deadline)
            }
        }
        record.mismatches = []
        record.status = .executing
        record.deadlineMilliseconds = deadline
        try context.remove(at: MarketPaths.waiting(id))
    }
}

/// Draws without replacement that everyone can repeat.
public enum TaskDraw {
    public static func number(_ index: Int, beacon: Digest, task: Digest, purpose: String) -> UInt128 {
        var encoder = CBOREncoder()
        encoder.array(count: 4)
        encoder.digest(beacon)
        encoder.digest(task)
        encoder.text(purpose)
        encoder.unsigned(UInt64(index))
        let digest = Digest.blake2b256(signedBytes(kind: "task-draw", body: encoder.finish()))
        return digest.bytes.prefix(16).reduce(UInt128(0)) { $0 << 8 | UInt128($1) }
    }

    static func pick<Candidate>(
        _ count: Int, from candidates: [Candidate], beacon: Digest, task: Digest, start: Int
    ) -> [Candidate] {
        var rest = candidates
        var picked: [Candidate] = []
        while picked.count < count, !rest.isEmpty {
            let number = number(start + picked.count, beacon: beacon, task: task, purpose: "pick")
            picked.append(rest.remove(at: Int(number % UInt128(rest.count))))
        }
        return picked
    }
}
