import Ledger
import Primitives
import Reputation

/// Offers of machines and tasks for them: matched by price, fit and standing, drawn by the beacon, checked before
/// they are paid.
public struct MarketModule: LedgerModule {
    public enum Action: String, CaseIterable, Sendable {
        case offer, submit, commit, reveal, answer, verdict, cancel, advance
        case withdrawOffer = "withdraw_offer"
    }

    /// Offers that stand at a time: all of them are looked at for a match.
    public static let maximumOffers = 4_096
    /// Offers of one provider.
    public static let maximumOffersOfProvider = 16
    /// How far ahead an offer may expire (31 days): what nobody takes back is gone by then.
    public static let longestOfferMilliseconds: UInt64 = 31 * 86_400_000
    /// Waiting tasks that are served at the end of a block.
    public static let tasksPerBlock = 32
    /// Waiting tasks that are looked at, each block going on where the last one ended.
    static let tasksSeenPerBlock = 1_024
    /// Expired offers that are deleted at the end of a block.
    static let expiriesPerBlock = 64

    public init() {}

    public var name: String { MarketPaths.module }
    public var actions: [ModuleAction] { Action.allCases.map { ModuleAction($0.rawValue) } }

    public func execute(_ call: ActionCall, _ context: inout ModuleContext) throws(Refusal) {
        guard let action = Action(rawValue: call.action), call.version == 1 else {
            throw Refusal(.unknownAction, "\(call.action) version \(call.version)")
        }
        switch action {
        case .offer: try makeOffer(try call.decode(), &context)
        case .withdrawOffer: try withdraw(try call.decode(WithdrawOfferBody.self).offer, &context)
        case .submit: try submit(try call.decode(SubmitTaskBody.self).terms, &context)
        case .commit:
            let body = try call.decode(TaskCommitBody.self)
            try on(body.task, &context) { (task, context) throws(Refusal) in try task.commit(body, &context) }
        case .reveal:
            let body = try call.decode(TaskRevealBody.self)
            try on(body.task, &context) { (task, context) throws(Refusal) in try task.reveal(body, &context) }
        case .answer:
            let body = try call.decode(AnswerBody.self)
            try on(body.task, &context) { (task, context) throws(Refusal) in try task.answer(body, &context) }
        case .verdict:
            let body = try call.decode(TaskVerdictBody.self)
            try on(body.task, &context) { (task, context) throws(Refusal) in try task.takeVerdict(body, &context) }
        case .cancel:
            try on(try call.decode(TaskBody.self).task, &context) { (task, context) throws(Refusal) in
                guard context.sender == task.record.requester else { throw MarketCode.notOwner.refusal("cancel") }
                guard task.record.status == .matching, task.record.replicas.isEmpty else {
                    throw MarketCode.wrongStatus.refusal("providers are at work")
                }
                try task.cancel(&context)
            }
        case .advance:
            try on(try call.decode(TaskBody.self).task, &context) { (task, context) throws(Refusal) in
                try task.advance(&context)
            }
        }
    }

    /// Matches tasks and draws audits for which a later block has come.
    public func endBlock(_ context: inout ModuleContext) throws(Refusal) {
        try serveWaiting(&context)
        try OfferBook.deleteExpired(&context)
    }

    private func serveWaiting(_ context: inout ModuleContext) throws(Refusal) {
        let changed = try context.load(UInt64.self, at: MarketPaths.offersChanged) ?? 0
        let before = try context.load(Digest.self, at: MarketPaths.lastSeen)
        var (served, last) = (0, before)
        for item in try nextWaiting(after: before, &context) where item.since < context.block.height {
            guard served < MarketModule.tasksPerBlock else { break }
            let id = item.id
            last = id
            var task = try OpenTask(id, &context)
            if task.record.status == .matching {
                // The last attempt saw all offers there are: only a change can help.
                guard task.record.mismatches.isEmpty || changed >= item.since else { continue }
                try task.match(&context)
                if task.record.status == .matching { try task.wait(&context) }
            } else {
                try task.drawAudit(&context)
            }
            try task.save(&context)
            served += 1
        }
        if let last, last != before { try context.save(last, at: MarketPaths.lastSeen) }
    }

    /// Waiting tasks in the order of their ids from the one after the last that was seen, round and round: however many
    /// wait for what nobody offers, each has its turn.
    private func nextWaiting(
        after last: Digest?, _ context: inout ModuleContext
    ) throws(Refusal) -> [(id: Digest, since: UInt64)] {
        let limit = MarketModule.tasksSeenPerBlock
        var found = try waiting(from: last.map { MarketPaths.waiting($0).bytes + [0] } ?? [], limit: limit, &context)
        if let last, found.count < limit {
            found += try waiting(from: [], limit: limit - found.count, &context).filter { $0.id <= last }
        }
        return found
    }

    private func waiting(
        from start: [UInt8], limit: Int, _ context: inout ModuleContext
    ) throws(Refusal) -> [(id: Digest, since: UInt64)] {
        let prefix = MarketPaths.waitingTasks.bytes
        var found: [(id: Digest, since: UInt64)] = []
        for entry in try context.scan(prefix: prefix, from: start, limit: limit) {
            guard let id = Digest(bytes: Array(entry.path.dropFirst(prefix.count))),
                let since = try? UInt64.decode(entry.value)
            else { throw Refusal(.stateCorrupt, "a waiting task of the market") }
            found.append((id, since))
        }
        return found
    }

    private func on(
        _ id: Digest, _ context: inout ModuleContext,
        _ rule: (inout OpenTask, inout ModuleContext) throws(Refusal) -> Void
    ) throws(Refusal) {
        var task = try OpenTask(id, &context)
        try rule(&task, &context)
        try task.save(&context)
    }

    private func makeOffer(_ terms: OfferTerms, _ context: inout ModuleContext) throws(Refusal) {
        let provider = context.sender
        guard terms.capacity > 0, terms.kinds > 0, terms.kinds < 8, terms.hardware.cores > 0 else {
            throw MarketCode.invalidField.refusal("capacity, kinds and cores are at least 1; kinds has 3 bits")
        }
        guard terms.uptimeMillionths <= 1_000_000 else {
            throw MarketCode.invalidField.refusal("uptime at most 1")
        }
        let now = context.block.timeMilliseconds
        guard terms.expiryMilliseconds > now,
            terms.expiryMilliseconds - now <= MarketModule.longestOfferMilliseconds
        else { throw MarketCode.invalidField.refusal("expiry: in the past, or more than 31 days ahead") }
        guard try Scores.tier(provider, .provider, &context) > .barred else {
            throw MarketCode.barred.refusal("\(provider)")
        }
        let id = context.transactionID
        try OfferBook.add(OfferRecord(provider: provider, terms: terms), as: id, &context)
        try MarketEvent.offerMade.emit(id, [provider], &context)
    }

    private func withdraw(_ id: Digest, _ context: inout ModuleContext) throws(Refusal) {
        guard let offer = try context.load(OfferRecord.self, at: MarketPaths.offer(id)) else {
            throw MarketCode.offerUnknown.refusal("offer \(id)")
        }
        guard offer.provider == context.sender else { throw MarketCode.notOwner.refusal("offer \(id)") }
        guard offer.running == 0 else { throw MarketCode.offerBusy.refusal("\(offer.running) replicas run") }
        try OfferBook.remove(offer, id, &context)
        try MarketEvent.offerWithdrawn.emit(id, [context.sender], &context)
    }

    private func submit(_ terms: TaskTerms, _ context: inout ModuleContext) throws(Refusal) {
        try terms.check()
        let escrow = try exact { () throws(AmountError) in try terms.escrow() }
        let id = context.transactionID
        let record = TaskRecord(
            requester: context.sender,
            deadlineMilliseconds: context.block.timeMilliseconds &+ terms.matchMilliseconds)
        let task = OpenTask(id, terms: terms, record: record)
        try context.transfer(from: context.sender, to: task.escrow, amount: escrow)
        try context.save(terms, at: MarketPaths.terms(id))
        try task.save(&context)
        try task.wait(&context)
        try MarketEvent.taskSubmitted.emit(id, [context.sender], &context, items: 1) { $0.value(escrow) }
    }
}
