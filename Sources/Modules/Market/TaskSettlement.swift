import Ledger
import Primitives
import Reputation

/// Pay out of the task's escrow; what is left goes back.
extension OpenTask {
    mutating func settle(_ context: inout ModuleContext) throws(Refusal) {
        for replica in record.replicas where replica.outcome != .lost {
            try giveBack(replica.offer, &context)
            switch replica.outcome {
            case .accepted:
                try Scores.note(replica.provider, .provider, .taskAccepted, &context)
                try pay(replica.provider, replica.price, &context)
            case .rejected: try Scores.note(replica.provider, .provider, .taskRejected, &context)
            case .open, .lost, .undecided: break
            }
        }
        let outcomes = record.replicas.map(\.outcome)
        for verdict in record.verdicts where !verdict.outcomes.isEmpty {
            // Only what was decided counts, and what was decided differently counts against.
            let agrees = zip(verdict.outcomes, outcomes).allSatisfy { said, decided in
                said == .open || decided == .undecided || said == decided
            }
            try Scores.note(
                verdict.auditor, .auditor, agrees ? .verdictWithQuorum : .verdictAgainstQuorum, &context)
            if agrees { try pay(verdict.auditor, terms.auditorFee, &context) }
        }
        record.status = .done
        let refund = try refund(&context)
        try MarketEvent.taskDone.emit(
            id, [record.requester] + record.replicas.map(\.provider), &context, items: 2
        ) { encoder in
            encoder.array(count: outcomes.count)
            for outcome in outcomes { encoder.unsigned(outcome.rawValue) }
            encoder.value(refund)
        }
    }

    mutating func cancel(_ context: inout ModuleContext) throws(Refusal) {
        for replica in record.replicas where replica.outcome == .open { try giveBack(replica.offer, &context) }
        record.status = .cancelled
        let refund = try refund(&context)
        try MarketEvent.taskCancelled.emit(id, [record.requester], &context, items: 1) { $0.value(refund) }
    }

    private mutating func refund(_ context: inout ModuleContext) throws(Refusal) -> Amount {
        try context.remove(at: MarketPaths.waiting(id))
        let rest = try context.balance(of: escrow)
        let refunded = record.refunded
        record.refunded = try exact { () throws(AmountError) in try refunded.adding(rest) }
        if !rest.isZero { try context.transfer(from: escrow, to: record.requester, amount: rest) }
        return rest
    }

    private mutating func pay(
        _ account: AccountID, _ amount: Amount, _ context: inout ModuleContext
    ) throws(Refusal) {
        guard !amount.isZero else { return }
        let paid = record.paid
        record.paid = try exact { () throws(AmountError) in try paid.adding(amount) }
        try context.transfer(from: escrow, to: account, amount: amount)
        try MarketEvent.partyPaid.emit(id, [account], &context, items: 1) { $0.value(amount) }
    }

    /// Anyone may say that time has run out.
    mutating func advance(_ context: inout ModuleContext) throws(Refusal) {
        guard record.status != .done, record.status != .cancelled else {
            throw MarketCode.wrongStatus.refusal("the task has ended")
        }
        let isLate = context.block.timeMilliseconds > record.deadlineMilliseconds
        // The end of this block draws or matches: all that was missing was a block.
        if try waitsForBlock(&context), !isLate || record.status != .matching { return }
        guard isLate else {
            throw MarketCode.tooEarly.refusal("until \(record.deadlineMilliseconds)")
        }
        switch record.status {
        case .matching:
            // Replicas that are committed are still worth judging, even if a lost one was not replaced.
            guard record.held > 0 else { return try cancel(&context) }
            try context.remove(at: MarketPaths.waiting(id))
            record.status = .executing
            record.deadlineMilliseconds = context.block.timeMilliseconds &+ terms.executeMilliseconds
            try openRevealsIfComplete(&context)
        case .executing: try reassign(&context)
        case .revealing: try closeReveals(&context)
        case .judging:
            if terms.kind == .benchmark {
                // The requester owes the answer: without it the work is taken as right.
                for index in record.replicas.indices where record.replicas[index].outcome == .open {
                    record.replicas[index].outcome = .accepted
                }
                try settle(&context)
            } else {
                try tally(isLate: true, &context)
            }
        case .done, .cancelled: break
        }
    }

    private func waitsForBlock(_ context: inout ModuleContext) throws(Refusal) -> Bool {
        guard let since = try context.load(UInt64.self, at: MarketPaths.waiting(id)), context.block.height > since
        else {
            return false
        }
        if record.status != .matching || record.mismatches.isEmpty { return true }
        // The last attempt saw all offers there were.
        return try context.load(UInt64.self, at: MarketPaths.offersChanged) ?? 0 >= since
    }

    /// Replaces providers that were silent; after too many, or when nobody fits in time, the task goes on with what
    /// it has.
    private mutating func reassign(_ context: inout ModuleContext) throws(Refusal) {
        for index in record.replicas.indices
        where record.replicas[index].outcome == .open && record.replicas[index].commitment == nil {
            try lose(index, &context)
            record.reassignments += 1
        }
        if record.reassignments <= TaskRecord.maximumReassignments {
            record.status = .matching
            record.deadlineMilliseconds = context.block.timeMilliseconds &+ terms.matchMilliseconds
            return try wait(&context)
        }
        guard record.held > 0 else { return try cancel(&context) }
        try openRevealsIfComplete(&context)
    }
}
