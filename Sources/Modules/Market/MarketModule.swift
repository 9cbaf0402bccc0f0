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

    /// Offers that a match looks at.
    public static let maximumOffers = 4_096
    /// Waiting tasks that are served at the end of a block.
    public static let tasksPerBlock = 32

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
        let changed = try context.load(UInt64.self, at: MarketPaths.offersChanged) ?? 0
        let waiting = try context.list(
            UInt64.self, below: MarketPaths.waitingTasks, limit: MarketModule.maximumOffers)
        var served = 0
        for item in waiting where item.value < context.block.height && served < MarketModule.tasksPerBlock {
            guard let id = Digest(bytes: item.suffix) else { continue }
            var task = try OpenTask(id, &context)
            if task.record.status == .matching {
                // The last attempt saw all offers there are: only a change can help.
                guard task.record.mismatches.isEmpty || changed >= item.value else { continue }
                try task.match(&context)
                if task.record.status == .matching { try task.wait(&context) }
            } else {
                try task.drawAudit(&context)
            }
            try task.save(&context)
            served += 1
        }
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
        guard terms.uptimeMillionths <= 1_000_000, terms.place.utf8.count <= 16 else {
            throw MarketCode.invalidField.refusal("uptime at most 1, place at most 16 bytes")
        }
        guard terms.expiryMilliseconds > context.block.timeMilliseconds else {
            throw MarketCode.invalidField.refusal("expiry: in the past")
        }
        guard try Scores.tier(provider, .provider, &context) > .barred else {
            throw MarketCode.barred.refusal("\(provider)")
        }
        let id = context.transactionID
        try context.save(OfferRecord(provider: provider, terms: terms), at: MarketPaths.offer(id))
        try context.save(context.block.height, at: MarketPaths.offersChanged)
        try MarketEvent.offerMade.emit(id, [provider], &context)
    }

    private func withdraw(_ id: Digest, _ context: inout ModuleContext) throws(Refusal) {
        guard let offer = try context.load(OfferRecord.self, at: MarketPaths.offer(id)) else {
            throw MarketCode.offerUnknown.refusal("offer \(id)")
        }
        guard offer.provider == context.sender else { throw MarketCode.notOwner.refusal("offer \(id)") }
        guard offer.running == 0 else { throw MarketCode.offerBusy.refusal("\(offer.running) replicas run") }
        try context.remove(at: MarketPaths.offer(id))
        try context.save(context.block.height, at: MarketPaths.offersChanged)
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
