import Primitives

/// A block that was executed and found valid, and may be decided.
struct Candidate {
    let header: Header
    let headerID: Digest
    let transactions: [VerifiedTransaction]
    let receipts: [Receipt]
    let changes: [StateChange]
    /// The history with this block.
    let history: TransactionHistory
    let beacon: Digest
    /// The set that certifies the block after, where it is not the one that certifies this.
    let newValidators: ValidatorSet?
}

extension Kernel {
    // MARK: Admission

    /// Checks what can be checked before a transaction waits. Whoever passes may still fail in its block.
    mutating func admit(_ transaction: VerifiedTransaction) throws(Refusal) {
        // Of the committed state: a candidate may never be decided.
        revertApplied()
        let body = transaction.body
        let parameters = state.parameters
        guard body.chain == chain else { throw Refusal(.wrongChain, "the transaction is for \(body.chain)") }
        guard transaction.byteCount <= Int(clamping: parameters.transactionByteLimit) else {
            throw Refusal(.tooLarge, "\(transaction.byteCount) bytes; the limit is \(parameters.transactionByteLimit)")
        }
        guard body.lane < LaneSequences.laneCount else { throw Refusal(.laneOutOfRange, "lane \(body.lane)") }
        guard body.validUntilHeight > head.height else {
            throw Refusal(.expired, "valid until height \(body.validUntilHeight); \(head.height) is committed")
        }
        _ = try configuration.rules.module(body.module, for: body.call)
        let account = try state.account(body.account)
        guard account.isAuthorised(body.account, by: transaction.signers) else {
            throw Refusal(.unauthorised, "the signatures do not reach the threshold of \(body.account)")
        }
        let payer = try body.payer.map { (id) throws(Refusal) in try state.account(id) } ?? account
        guard payer.balance >= body.feeLimit else {
            throw Refusal(.payerCannotPay, "the payer has \(payer.balance); the fee limit is \(body.feeLimit)")
        }
        if body.payer != nil {
            // Without the payer's consent it is in no block, and would wait at somebody else's expense.
            var execution = state.begin(
                BlockInfo(
                    height: head.height + 1, timeMilliseconds: head.timeMilliseconds, beacon: head.beacon,
                    proposer: body.account))
            try execution.checkPayer(of: transaction)
        }
        try mempool.insert(transaction, expected: account.sequences[body.lane])
    }

    // MARK: Proposals

    /// Builds and executes the next block from the mempool; nil if there is nothing to put into it.
    mutating func propose(
        height: UInt64, timeMilliseconds: UInt64, _ effects: inout [KernelEffect]
    ) throws(KernelError) -> Candidate? {
        guard height == head.height + 1, persisting == nil else {
            throw KernelError(.outOfOrder, "a block \(height) was asked for above height \(head.height)")
        }
        guard let signer = configuration.beaconSigner else {
            throw KernelError(.outOfOrder, "a node without a key was asked for a block")
        }
        guard mempool.count > 0 else { return nil }
        revertApplied()
        let proof: [UInt8]
        do {
            proof = try signer.proveBeacon(Beacon.input(previous: head.beacon, height: height))
        } catch {
            effects.append(.engineFailed(error))
            return nil
        }
        guard let beacon = beacon(proof, by: signer.publicKey, height: height) else {
            throw KernelError(.invalidDecision, "this node's own beacon proof does not verify")
        }
        let time = max(timeMilliseconds, head.timeMilliseconds + 1)
        var execution = state.begin(
            BlockInfo(
                height: height, timeMilliseconds: time, beacon: beacon, proposer: AccountID(signer.publicKey)))
        var taken: [VerifiedTransaction] = []
        var refused: [(VerifiedTransaction, Refusal)] = []
        let limit = Int(clamping: state.parameters.blockByteLimit)
        mempool.select { transaction in
            guard execution.byteCount + transaction.byteCount <= limit else { return .stop }
            do throws(Refusal) {
                try execution.execute(transaction)
                taken.append(transaction)
                return .taken
            } catch {
                refused.append((transaction, error))
                return .leaveOut
            }
        }
        for (transaction, refusal) in refused {
            for dropped in mempool.drop(transaction) { effects.append(.rejected(id: dropped.id, refusal)) }
        }
        guard !taken.isEmpty else { return nil }
        let candidate = try build(
            taken, execution, height: height, timeMilliseconds: time, proposer: signer.publicKey, beaconProof: proof,
            beacon: beacon)
        candidates[candidate.headerID] = candidate
        return candidate
    }

    private func beacon(_ proof: [UInt8], by key: PublicKey, height: UInt64) -> Digest? {
        Beacon.value(
            proof: proof, proposer: key, previous: head.beacon, height: height, verifier: configuration.beaconVerifier)
    }

    /// Ends an execution and writes its header. The candidate's changes are in the store afterwards.
    private mutating func build(
        _ transactions: [VerifiedTransaction], _ execution: consuming BlockExecution, height: UInt64,
        timeMilliseconds: UInt64, proposer: PublicKey, beaconProof: [UInt8], beacon: Digest
    ) throws(KernelError) -> Candidate {
        let outcome: BlockExecution.Outcome
        let undo: StateUndo
        // As the block before left it: what this one decides holds a block later.
        let newValidators = try newValidators(after: height)
        do {
            outcome = try execution.finish()
            undo = try state.store.apply(outcome.changes)
        } catch {
            throw KernelError(.invalidDecision, "the end of block \(height) failed: \(error)")
        }
        var history = history
        for transaction in transactions { history.append(transaction.id) }
        let validators = head.validators.digest
        let header = Header(
            chain: chain, height: height, parent: head.headerID, timeMilliseconds: timeMilliseconds, proposer: proposer,
            beaconProof: beaconProof, rulesVersion: configuration.genesis.rulesVersion(at: height),
            engine: engineInCharge.engine,
            validatorSetDigest: validators,
            nextValidatorSetDigest: newValidators?.digest ?? validators, stateRoot: state.store.root(),
            transactionsRoot: HistoryVector.root(leafDigests: transactions.map { BLAKE2bMerkleHash.leaf($0.id) }),
            receiptsRoot: Kernel.receiptsRoot(outcome.receipts, transactions),
            historyRoot: history.root(), historySize: history.size)
        let candidate = Candidate(
            header: header, headerID: header.id, transactions: transactions, receipts: outcome.receipts,
            changes: outcome.changes, history: history, beacon: beacon, newValidators: newValidators)
        applied = (candidate.headerID, undo)
        return candidate
    }

    /// The set that certifies the block after this one; nil where the set stays.
    private func newValidators(after height: UInt64) throws(KernelError) -> ValidatorSet? {
        do {
            return try state.newValidators(at: height + 1).flatMap { $0 == head.validators ? nil : $0 }
        } catch {
            throw KernelError(.corrupt, error.detail)
        }
    }

    static func receiptsRoot(_ receipts: [Receipt], _ transactions: [VerifiedTransaction]) -> Digest {
        HistoryVector.root(
            leafDigests: receipts.enumerated().map { index, receipt in
                receipt.leaf(of: index < transactions.count ? transactions[index].id : .zero)
            })
    }

    // MARK: Validation

    /// Executes a block that came from another node and compares its header with what it should be.
    mutating func validate(_ id: Digest, height: UInt64, timeMilliseconds: UInt64) -> ResultCode {
        if candidates[id] != nil { return .ok }
        guard let block = attachments[id] else { return .malformed }
        do {
            try validate(block, id: id, height: height, now: timeMilliseconds)
            return .ok
        } catch let refusal as Refusal {
            return refusal.code
        } catch {
            return .malformed
        }
    }

    private mutating func validate(_ block: Block, id: Digest, height: UInt64, now: UInt64) throws {
        let header = block.header
        guard persisting == nil, header.height == height, height == head.height + 1, header.parent == head.headerID,
            header.chain == chain, header.timeMilliseconds > head.timeMilliseconds,
            header.timeMilliseconds <= now + configuration.clockDriftMilliseconds,
            head.validators.power(of: header.proposer) != nil, !block.transactions.isEmpty,
            let beacon = beacon(header.beaconProof, by: header.proposer, height: height)
        else { throw Refusal(.malformed, "the header does not follow the last block") }
        let bytes = block.transactions.reduce(0) { $0 + $1.count }
        guard bytes <= Int(clamping: state.parameters.blockByteLimit) else {
            throw Refusal(.tooLarge, "\(bytes) bytes of transactions")
        }
        revertApplied()
        var execution = state.begin(
            BlockInfo(
                height: height, timeMilliseconds: header.timeMilliseconds, beacon: beacon,
                proposer: AccountID(header.proposer)))
        let limit = Int(clamping: state.parameters.transactionByteLimit)
        var transactions: [VerifiedTransaction] = []
        for encoded in block.transactions {
            let transaction =
                try mempool.verified(encoded) ?? VerifiedTransaction(decoding: encoded, byteLimit: limit)
            try execution.execute(transaction)
            transactions.append(transaction)
        }
        let candidate = try build(
            transactions, execution, height: height, timeMilliseconds: header.timeMilliseconds,
            proposer: header.proposer, beaconProof: header.beaconProof, beacon: beacon)
        guard candidate.headerID == id else {
            revertApplied()
            throw Refusal(.malformed, "the block executes to another header")
        }
        candidates[id] = candidate
    }

    // MARK: Decisions

    /// Makes a candidate final, if the certificate says so.
    mutating func decide(
        height: UInt64, headerID: Digest, _ certificate: Certificate
    ) throws(KernelError) -> CommittedBlock {
        guard persisting == nil, height == head.height + 1, let candidate = candidates[headerID] else {
            throw KernelError(
                .invalidDecision, "the engine decided block \(headerID) of height \(height), which is unknown")
        }
        do {
            try certificate.verify(candidate.header, validators: head.validators)
        } catch {
            throw KernelError(.invalidDecision, "the decision of height \(height) is not certified: \(error)")
        }
        do {
            if applied?.id == headerID {
                try state.reload(candidate.changes)
            } else {
                revertApplied()
                try state.apply(candidate.changes)
            }
        } catch {
            throw KernelError(.corrupt, "the changes of height \(height) do not apply: \(error)")
        }
        applied = nil
        history = candidate.history
        candidates.removeAll(keepingCapacity: true)
        attachments.removeAll(keepingCapacity: true)
        mempool.remove(committed: candidate.transactions)
        let committed = CommittedBlock(
            header: candidate.header, headerID: headerID, certificate: certificate,
            transactions: candidate.transactions, receipts: candidate.receipts, changes: candidate.changes,
            historyHashes: history.takeNewHashes(), beacon: candidate.beacon, newValidators: candidate.newValidators)
        head = ChainHead(
            certified: committed.certifiedHeader, beacon: candidate.beacon,
            validators: candidate.newValidators ?? head.validators)
        persisting = committed
        isPersistingByCertificate = false
        return committed
    }

    mutating func revertApplied() {
        guard let (_, undo) = applied else { return }
        state.store.revert(undo)
        applied = nil
    }
}
