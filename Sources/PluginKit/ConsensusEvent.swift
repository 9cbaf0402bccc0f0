import CVinculum

/// A vote as `draft/consensus-effects.h` has it.
public struct ConsensusVote: Hashable, Sendable {
    /// In the order in which a key signs them in a round.
    public enum Step: UInt32, Comparable, Sendable {
        case propose = 0
        case prepare = 1
        case commit = 2

        public static func < (left: Step, right: Step) -> Bool { left.rawValue < right.rawValue }
    }

    public var chain: Bytes32
    public var height: UInt64
    public var round: UInt32
    public var step: Step
    public var headerID: Bytes32
    /// One more than the round whose prepare votes justify this one; 0 for none.
    public var proofRound: UInt32

    public init(
        chain: Bytes32, height: UInt64, round: UInt32, step: Step, headerID: Bytes32, proofRound: UInt32 = 0
    ) {
        self.proofRound = proofRound
        self.chain = chain
        self.height = height
        self.round = round
        self.step = step
        self.headerID = headerID
    }

    init(_ vote: vin_vote) throws(PluginFailure) {
        guard let step = Step(rawValue: vote.step) else {
            throw PluginFailure(.invalid, "a vote has the step \(vote.step)")
        }
        self.init(
            chain: Bytes32(vote.chain), height: vote.height, round: vote.round, step: step,
            headerID: Bytes32(vote.header_id), proofRound: vote.proof_round)
    }

    public var record: vin_vote {
        vin_vote(
            height: height, round: round, step: step.rawValue, chain: chain.digest, header_id: headerID.digest,
            proof_round: proofRound, reserved: 0)
    }
}

/// A vote with its signature, as it travels: `vin_cast_vote`.
public struct CastVote: Hashable, Sendable {
    public let key: Bytes32
    public let vote: ConsensusVote
    public let signature: Bytes64

    public init(key: Bytes32, vote: ConsensusVote, signature: Bytes64) {
        self.key = key
        self.vote = vote
        self.signature = signature
    }

    init(_ cast: vin_cast_vote) throws(PluginFailure) {
        self.init(key: Bytes32(cast.key), vote: try ConsensusVote(cast.vote), signature: Bytes64(cast.signature))
    }

    var record: vin_cast_vote {
        vin_cast_vote(key: key.publicKey, signature: signature.signature, vote: vote.record)
    }
}

/// A validator and its voting power.
public struct ConsensusValidator: Hashable, Sendable {
    public let key: Bytes32
    public let power: UInt64

    public init(key: Bytes32, power: UInt64) {
        self.key = key
        self.power = power
    }
}

// VIN_CONSENSUS_VOTES_MAX, which the importer takes over with the wrong type.
let consensusVotesMax = UInt32(VIN_CONSENSUS_VOTES_MAX)

/// An event and when it happened: `draft/consensus-events.h`.
public struct ConsensusEvent: Sendable {
    /// Milliseconds since 1970-01-01 UTC; never goes back.
    public let timeMilliseconds: Int64
    public let body: Body

    public enum Body: Sendable {
        case start(Start)
        case time
        case timer(id: UInt64)
        case transactions(count: UInt64, bytes: UInt64)
        /// `headerID` is nil when there was nothing to put into a block.
        case proposalBuilt(height: UInt64, round: UInt32, headerID: Bytes32?, transactions: UInt64)
        /// `code` is the ledger's result code when not valid.
        case validated(Validated)
        /// `attachment` is the id of a block that came along.
        case message(sender: Bytes32, attachment: Bytes32?, votes: [CastVote], payload: [UInt8])
        /// `signature` is nil when the host refused to sign: the key has signed something else there, or later.
        case voteSigned(ConsensusVote, signature: Bytes64?)
        /// The disk or the signer did not answer: the same vote may be asked for again.
        case voteUnavailable(ConsensusVote)
        case blockCommitted(Committed)
        case parameters(height: UInt64, Settings)
    }

    public struct Start: Sendable {
        public let height: UInt64
        public let chain: Bytes32
        public let headerID: Bytes32
        public let seed: Bytes32
        /// Nil if this node does not vote.
        public let ownKey: Bytes32?
        public let parameters: Settings
        public let validators: [ConsensusValidator]
        /// Blocks of the newest persist effect that the host has again.
        public let blocks: [Bytes32]
        /// Power that makes a certificate; 0 leaves it to the engine.
        public let threshold: UInt64
        /// Of the last committed block.
        public let blockTimeMilliseconds: Int64
    }

    /// What the host found out about a block.
    public struct Validated: Sendable {
        public let height: UInt64
        public let round: UInt32
        public let headerID: Bytes32
        public let valid: Bool
        public let code: Int32
        /// As the header says; 0 for a block that the host does not have.
        public let blockTimeMilliseconds: Int64
    }

    public struct Committed: Sendable {
        public let height: UInt64
        public let headerID: Bytes32
        public let blockTimeMilliseconds: Int64
        public let byCertificate: Bool
        public let transactionsWaiting: UInt64
        /// The next height's set if it changed.
        public let validators: [ConsensusValidator]?
        /// Of that set.
        public let threshold: UInt64
    }

    /// Reads one record.
    public init(_ bytes: UnsafeRawBufferPointer) throws(PluginFailure) {
        var reader = RecordReader(bytes)
        guard let record = try reader.next() else { throw PluginFailure(.invalid, "an event has no bytes") }
        timeMilliseconds = try record.load(as: vin_event.self).time_ms
        body = try Self.body(of: record)
        guard try reader.next() == nil else { throw PluginFailure(.invalid, "more than one event was given") }
    }

    private static func body(of record: RecordView) throws(PluginFailure) -> Body {
        switch Int(record.kind) {
        case VIN_EVENT_START: return .start(try start(record))
        case VIN_EVENT_TIME: return .time
        case VIN_EVENT_TIMER: return .timer(id: try record.load(as: vin_event_timer.self).timer_id)
        case VIN_EVENT_TRANSACTIONS:
            let event = try record.load(as: vin_event_transactions.self)
            return .transactions(count: event.count, bytes: event.size_bytes)
        case VIN_EVENT_PROPOSAL_BUILT:
            let event = try record.load(as: vin_event_proposal_built.self)
            let id = Bytes32(event.header_id)
            return .proposalBuilt(
                height: event.height, round: event.round, headerID: id.isZero ? nil : id,
                transactions: event.transactions)
        case VIN_EVENT_VALIDATED:
            let event = try record.load(as: vin_event_validated.self)
            return .validated(
                Validated(
                    height: event.height, round: event.round, headerID: Bytes32(event.header_id),
                    valid: event.valid == 1, code: event.code, blockTimeMilliseconds: event.block_time_ms))
        case VIN_EVENT_MESSAGE:
            let event = try record.load(as: vin_event_message.self)
            let attachment = Bytes32(event.attachment)
            return .message(
                sender: Bytes32(event.sender), attachment: attachment.isZero ? nil : attachment,
                votes: try votes(record, event.votes), payload: Array(try record.slice(event.payload)))
        case VIN_EVENT_VOTE_SIGNED:
            let event = try record.load(as: vin_event_vote_signed.self)
            let vote = try ConsensusVote(event.vote)
            if event.status == vin_status(VIN_ERROR_UNAVAILABLE) { return .voteUnavailable(vote) }
            return .voteSigned(vote, signature: event.status == 0 ? Bytes64(event.signature) : nil)
        case VIN_EVENT_BLOCK_COMMITTED:
            let event = try record.load(as: vin_event_block_committed.self)
            return .blockCommitted(
                Committed(
                    height: event.height, headerID: Bytes32(event.header_id),
                    blockTimeMilliseconds: event.block_time_ms, byCertificate: event.flags & 1 != 0,
                    transactionsWaiting: event.transactions_waiting,
                    validators: event.validators.size == 0 ? nil : try validators(record, event.validators),
                    threshold: event.threshold))
        case VIN_EVENT_PARAMETERS:
            let event = try record.load(as: vin_event_parameters.self)
            return .parameters(height: event.height, try Settings(try record.slice(event.parameters)))
        default:
            throw PluginFailure(.unsupported, "there is no event of kind \(record.kind)")
        }
    }

    private static func start(_ record: RecordView) throws(PluginFailure) -> Start {
        let event = try record.load(as: vin_event_start.self)
        let key = Bytes32(event.own_key)
        return Start(
            height: event.height, chain: Bytes32(event.chain), headerID: Bytes32(event.header_id),
            seed: Bytes32(event.seed), ownKey: key.isZero ? nil : key,
            parameters: try Settings(try record.slice(event.parameters)),
            validators: try validators(record, event.validators),
            blocks: try record.array(event.blocks, of: vin_digest.self).map { Bytes32($0) },
            threshold: event.threshold, blockTimeMilliseconds: event.block_time_ms)
    }

    private static func votes(_ record: RecordView, _ span: vin_span) throws(PluginFailure) -> [CastVote] {
        let stride = UInt32(MemoryLayout<vin_cast_vote>.stride)
        guard span.size / stride <= consensusVotesMax else {
            throw PluginFailure(.invalid, "more than \(consensusVotesMax) votes came with a message (EVT-4)")
        }
        var votes: [CastVote] = []
        for vote in try record.array(span, of: vin_cast_vote.self) { votes.append(try CastVote(vote)) }
        return votes
    }

    private static func validators(
        _ record: RecordView, _ span: vin_span
    ) throws(PluginFailure) -> [ConsensusValidator] {
        try record.array(span, of: vin_validator.self).map { ConsensusValidator(key: Bytes32($0.key), power: $0.power) }
    }
}
