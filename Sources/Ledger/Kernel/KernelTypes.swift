import Primitives

/// What the kernel is told. Times are milliseconds since 1970-01-01 UTC and never go back.
public enum KernelEvent: Sendable {
    /// The first event of a life; `seed` is all the randomness that the engine gets.
    case start(seed: Digest, timeMilliseconds: UInt64)
    /// The engine in charge, made and given its saved state: it starts, in place of the one before.
    case engine(any ConsensusEngine, seed: Digest, timeMilliseconds: UInt64)
    /// Transactions whose signatures were checked.
    case transactions([VerifiedTransaction], timeMilliseconds: UInt64)
    case timePassed(timeMilliseconds: UInt64)
    case timer(id: UInt64, timeMilliseconds: UInt64)
    /// From the same engine on another node: sender and votes' signatures were checked (`VoteChecker`).
    case message(sender: PublicKey, ConsensusMessage, timeMilliseconds: UInt64)
    /// A final block of another node. Blocks above the next height are not taken: whoever follows asks in order.
    case finalBlock(ExportedBlock, timeMilliseconds: UInt64)
    /// Answers a `sign` effect; nil when the signer refused.
    case voteSigned(Vote, Signature?, timeMilliseconds: UInt64)
    /// Answers a `sign` effect where the disk or the signer did not: it may be asked for again.
    case voteUnavailable(Vote, timeMilliseconds: UInt64)
    /// Answers a `persist` effect: the block is durable.
    case persisted(height: UInt64, timeMilliseconds: UInt64)

    var timeMilliseconds: UInt64 {
        switch self {
        case .start(_, let time), .engine(_, _, let time), .transactions(_, let time), .timePassed(let time),
            .timer(_, let time),
            .message(_, _, let time), .finalBlock(_, let time), .voteSigned(_, _, let time),
            .voteUnavailable(_, let time), .persisted(_, let time):
            time
        }
    }
}

/// What the kernel wants done, in this order within one step's answer: engine state and blocks persisted and synced,
/// then votes signed, then the rest.
public enum KernelEffect: Sendable {
    /// Keep the engine's state and these blocks, synced, in place of the last ones. After a restart the kernel wants
    /// the blocks again (`Kernel.keep`).
    case persistEngine([UInt8], blocks: [Block])
    /// Store a decided block in one transaction, synced; answer with `persisted`.
    case persist(CommittedBlock)
    /// Sign, if the key has signed nothing else at this place or a later one; answer with `voteSigned`.
    case sign(Vote)
    /// `recipient` nil: to all other validators.
    case send(recipient: PublicKey?, ConsensusMessage, ConsensusPriority)
    case setTimer(id: UInt64, timeMilliseconds: UInt64)
    case cancelTimer(id: UInt64)
    /// The block is durable: acknowledge its transactions, publish its events.
    case committed(CommittedBlock)
    /// A transaction was not taken, or has left the mempool without a block.
    case rejected(id: Digest, Refusal)
    case evidence(Evidence)
    /// A block that was said to be final is not: its sender lied, or has another chain.
    case blockRefused(height: UInt64, TrustError)
    /// Another engine is in charge of the next height. The one before has no timers any more; the host makes this one
    /// and answers with `engine`.
    case engineWanted(EngineActivation)
    /// The engine's call failed; it had no effect, and the event may be repeated.
    case engineFailed(ConsensusFault)
    /// The kernel cannot go on; what it answered before holds.
    case stopped(KernelError)
}

/// A decided block with all that is stored of it.
public struct CommittedBlock: Sendable {
    public let header: Header
    public let headerID: Digest
    public let certificate: Certificate
    public let transactions: [VerifiedTransaction]
    /// One for each transaction; then, if the end of the block had events, one with these.
    public let receipts: [Receipt]
    /// Sorted by path: what restart applies.
    public let changes: [StateChange]
    /// What the history has gained.
    public let historyHashes: [TransactionHistory.Run]
    /// The block's randomness.
    public let beacon: Digest
    /// The set to which the header hands over; nil where the same validators go on.
    public let newValidators: ValidatorSet?

    public init(
        header: Header, headerID: Digest, certificate: Certificate, transactions: [VerifiedTransaction],
        receipts: [Receipt], changes: [StateChange], historyHashes: [TransactionHistory.Run], beacon: Digest,
        newValidators: ValidatorSet? = nil
    ) {
        self.header = header
        self.headerID = headerID
        self.certificate = certificate
        self.transactions = transactions
        self.receipts = receipts
        self.changes = changes
        self.historyHashes = historyHashes
        self.beacon = beacon
        self.newValidators = newValidators
    }

    public var certifiedHeader: CertifiedHeader { CertifiedHeader(header: header, certificate: certificate) }

    /// The slot of the block's first transaction.
    public var firstSlot: UInt64 { header.historySize - UInt64(transactions.count) }
}

/// Why the kernel cannot go on, or refuses an event. The committed chain is as it was; whether the engine is, nobody
/// can tell, so that the kernel is made again from the archive.
public struct KernelError: Error, Hashable, Sendable, CustomStringConvertible {
    public enum Code: String, Hashable, Sendable {
        /// The height's rules are of a version that this binary does not execute.
        case unsupportedRules
        /// The engine decided what is not final, or not known.
        case invalidDecision
        /// The stored chain contradicts itself.
        case corrupt
        case outOfOrder
        case invalidGenesis
    }

    public let code: Code
    public let reason: String

    public init(_ code: Code, _ reason: String) {
        self.code = code
        self.reason = reason
    }

    public var description: String { "\(reason) [\(code.rawValue)]" }
}
