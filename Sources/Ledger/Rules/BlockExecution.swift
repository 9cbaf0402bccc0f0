import Primitives

/// The execution of one block in an overlay: transactions in order, then the modules' end of block. Nothing reaches the
/// store before `finish`'s changes are applied. A value of one thread.
public struct BlockExecution {
    private let rules: Rules
    private let startingByteCount: Int
    private var context: ModuleContext
    public private(set) var receipts: [Receipt] = []
    public private(set) var byteCount = 0

    /// What a block does to the state.
    public struct Outcome {
        /// Sorted by path.
        public let changes: [StateChange]
        /// One for each transaction; then, if the end of the block had events, one with these.
        public let receipts: [Receipt]
    }

    public init(rules: Rules, chain: CID, block: BlockInfo, parameters: LedgerParameters, store: any StateStore) {
        self.rules = rules
        startingByteCount = store.contentByteCount
        context = ModuleContext(
            chain: chain, block: block, parameters: parameters, sender: block.proposer, transactionID: .zero,
            module: "",
            overlay: StateOverlay(store))
        let limit = Int(clamping: parameters.stateByteLimit)
        context.growthLimit = max(0, limit - startingByteCount)
    }

    // MARK: Genesis

    /// Writes the parameters and every module's first state.
    mutating func executeGenesis(_ sections: CBORMap) throws(Refusal) {
        context.overlay.put(LedgerParameters.path, context.parameters.encoded())
        for module in rules.modules {
            context.module = module.name
            try module.genesis(sections[module.name] ?? .null, &context)
        }
        context.overlay.settle()
        context.unitsUsed = 0
    }

    // MARK: Transactions

    /// Executes a transaction. Throws when it can be in no block; a transaction that fails is executed, pays, and its
    /// receipt says why.
    @discardableResult
    public mutating func execute(_ verified: VerifiedTransaction) throws(Refusal) -> Receipt {
        let body = verified.body
        let (payer, unitLimit) = try admit(verified)
        let fees = context.parameters.fees
        context.unitsUsed = fees.startingUnits(signatures: verified.signers.count)
        context.unitLimit = unitLimit
        context.sender = body.account
        context.transactionID = verified.id
        context.events = []
        try charge(payer, for: body)
        let mark = context.overlay.mark()
        var code = ResultCode.ok
        do throws(Refusal) {
            try checkNesting(body.call.body)
            let module = try rules.module(body.module, for: body.call)
            context.module = module.name
            try module.execute(body.call, &context)
        } catch {
            context.overlay.rollBack(to: mark)
            context.events = []
            code = error.code
        }
        let fee = try settle(payer, body.feeLimit, byteCount: verified.byteCount)
        let receipt = Receipt(code: code, fee: fee, units: context.unitsUsed, events: context.events)
        if payer.kind == .derived { try notePaid(fee, by: payer) }
        receipts.append(receipt)
        byteCount += verified.byteCount
        context.overlay.settle()
        return receipt
    }

    /// Refuses a body that is not canonical, or nests deeper than the parameters permit, before a module reads it.
    private func checkNesting(_ body: [UInt8]) throws(Refusal) {
        do {
            try CBORDecoder.read(body, maximumDepth: Int(context.parameters.nestingLimit)) {
                (decoder) throws(CBORError) in try decoder.skip()
            }
        } catch {
            throw Refusal(malformed: error)
        }
    }

    /// Checks all that decides whether a transaction may be in a block here. Returns who pays, and for how many units.
    private mutating func admit(_ verified: VerifiedTransaction) throws(Refusal) -> (payer: AccountID, units: UInt64) {
        let body = verified.body
        let parameters = context.parameters
        guard body.chain == context.chain else { throw Refusal(.wrongChain, "the transaction is for \(body.chain)") }
        guard verified.byteCount <= Int(clamping: parameters.transactionByteLimit) else {
            throw Refusal(.tooLarge, "\(verified.byteCount) bytes; the limit is \(parameters.transactionByteLimit)")
        }
        guard body.lane < LaneSequences.laneCount else { throw Refusal(.laneOutOfRange, "lane \(body.lane)") }
        guard body.validUntilHeight >= context.block.height else {
            throw Refusal(.expired, "valid until height \(body.validUntilHeight); this is \(context.block.height)")
        }
        guard body.validUntilHeight - context.block.height <= parameters.validityHeightLimit else {
            throw Refusal(.limitExceeded, "valid for more than \(parameters.validityHeightLimit) heights")
        }
        let account = try context.overlay.account(body.account)
        guard account.isAuthorised(body.account, by: verified.signers) else {
            throw Refusal(.unauthorised, "the signatures do not reach the threshold of \(body.account)")
        }
        let expected = account.sequences[body.lane]
        guard body.sequence == expected else {
            throw Refusal(.wrongSequence, "lane \(body.lane) is at \(expected), not \(body.sequence)")
        }
        let units = try unitLimit(verified)
        let payer = try payer(of: verified)
        let balance = try context.overlay.account(payer).balance
        guard balance >= body.feeLimit else {
            throw Refusal(.payerCannotPay, "\(payer) has \(balance); the fee limit is \(body.feeLimit)")
        }
        return (payer, units)
    }

    /// The units that the fee limit pays for.
    private func unitLimit(_ verified: VerifiedTransaction) throws(Refusal) -> UInt64 {
        let fees = context.parameters.fees
        let start = fees.startingUnits(signatures: verified.signers.count)
        do {
            let least = try fees.fee(byteCount: verified.byteCount, units: start)
            guard least <= verified.body.feeLimit else {
                throw Refusal(.feeLimitTooLow, "\(least) is needed before anything is done")
            }
            guard !fees.perUnit.isZero else { return .max }
            let forUnits = try verified.body.feeLimit.subtracting(
                fees.perByte.multiplied(by: UInt64(verified.byteCount)))
            return UInt64(clamping: forUnits.baseUnits / fees.perUnit.baseUnits)
        } catch let error as AmountError {
            throw Refusal(error)
        } catch let refusal as Refusal {
            throw refusal
        } catch {
            throw Refusal(.amountOverflow, "\(error)")
        }
    }

    private mutating func payer(of verified: VerifiedTransaction) throws(Refusal) -> AccountID {
        let body = verified.body
        guard let payer = body.payer else { return body.account }
        if payer.kind == .derived {
            guard try isApproved(payer, for: body) else {
                throw Refusal(.payerUnauthorised, "nobody lets \(payer) pay for \(body.module).\(body.call.action)")
            }
        } else {
            guard try context.overlay.account(payer).isAuthorised(payer, by: verified.signers) else {
                throw Refusal(.payerUnauthorised, "the signatures do not reach the threshold of \(payer)")
            }
        }
        return payer
    }

    /// Asks the modules in their order; the one that owns the account answers.
    private mutating func isApproved(_ payer: AccountID, for body: TransactionBody) throws(Refusal) -> Bool {
        context.sender = body.account
        for module in rules.modules {
            context.module = module.name
            context.unitsUsed = 0
            context.unitLimit = 100_000
            let mark = context.overlay.mark()
            let approves = try module.approvesPayer(
                payer, feeLimit: body.feeLimit, for: body.call, of: body.module, &context)
            context.overlay.rollBack(to: mark)
            if approves { return true }
        }
        return false
    }

    /// Throws unless somebody lets a transaction's payer pay for it: for whoever takes transactions in.
    public mutating func checkPayer(of verified: VerifiedTransaction) throws(Refusal) {
        _ = try payer(of: verified)
    }

    /// Tells the modules. What they write is no part of the call, and nobody pays for it.
    private mutating func notePaid(_ fee: Amount, by payer: AccountID) throws(Refusal) {
        let growthLimit = context.growthLimit
        context.growthLimit = .max
        context.unitLimit = .max
        context.events = []
        for module in rules.modules {
            context.module = module.name
            try module.notePaid(fee, by: payer, &context)
        }
        context.growthLimit = growthLimit
    }

    /// Takes the fee limit from the payer, and moves the sender's lane on.
    private mutating func charge(_ payer: AccountID, for body: TransactionBody) throws(Refusal) {
        var account = try context.overlay.account(body.account)
        account.sequences[body.lane] = body.sequence &+ 1
        if payer == body.account { account.balance = try account.balance.minus(body.feeLimit) }
        try context.overlay.setAccount(body.account, account)
        guard payer != body.account else { return }
        var paying = try context.overlay.account(payer)
        paying.balance = try paying.balance.minus(body.feeLimit)
        try context.overlay.setAccount(payer, paying)
    }

    /// Gives the payer back what was not used, and returns the fee.
    private mutating func settle(_ payer: AccountID, _ limit: Amount, byteCount: Int) throws(Refusal) -> Amount {
        let used: Amount
        do { used = try context.parameters.fees.fee(byteCount: byteCount, units: context.unitsUsed) } catch {
            throw Refusal(error)
        }
        let fee = min(used, limit)
        if fee < limit {
            var account = try context.overlay.account(payer)
            account.balance = try account.balance.plus(try limit.minus(fee))
            try context.overlay.setAccount(payer, account)
        }
        context.collectedFees = try context.collectedFees.plus(fee)
        return fee
    }

    // MARK: End

    /// Runs the modules' end of block and returns what the block does.
    public mutating func finish() throws(Refusal) -> Outcome {
        context.unitLimit = .max
        context.unitsUsed = 0
        context.sender = context.block.proposer
        context.transactionID = .zero
        context.events = []
        // The limit of the state's size binds transactions: what a block must do to end is always allowed.
        context.growthLimit = .max
        for module in rules.modules {
            context.module = module.name
            try module.endBlock(&context)
        }
        if !context.collectedFees.isZero {
            // No module shares fees out: they are the proposer's.
            var account = try context.overlay.account(context.block.proposer)
            account.balance = try account.balance.plus(context.collectedFees)
            try context.overlay.setAccount(context.block.proposer, account)
            context.collectedFees = .zero
        }
        if !context.events.isEmpty {
            receipts.append(Receipt(code: .ok, fee: .zero, units: 0, events: context.events))
        }
        return Outcome(changes: context.overlay.changes(), receipts: receipts)
    }

    /// Runs a closure with the running context: for tests of a module's functions.
    public mutating func withContext<Result>(
        as module: String, sender: AccountID, _ body: (inout ModuleContext) throws(Refusal) -> Result
    ) throws(Refusal) -> Result {
        context.module = module
        context.sender = sender
        context.unitLimit = .max
        let mark = context.overlay.mark()
        do throws(Refusal) {
            return try body(&context)
        } catch {
            context.overlay.rollBack(to: mark)
            throw error
        }
    }
}
