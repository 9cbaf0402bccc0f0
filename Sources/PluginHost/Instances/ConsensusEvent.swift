import CVinculum
import Primitives

/// A typed vote: `vin_vote`.
public struct ConsensusVote: Sendable, Hashable {
    public enum Step: UInt32, Sendable {
        case propose = 0
        case prepare = 1
        case commit = 2
    }

    /// Digest in the chain id's CID.
    public var chain: Digest
    public var height: UInt64
    public var round: UInt32
    public var step: Step
    public var headerID: Digest
    /// One more than the round whose prepare votes justify this one; 0 for none.
    public var proofRound: UInt32

    public init(
        chain: Digest, height: UInt64, round: UInt32, step: Step, headerID: Digest, proofRound: UInt32 = 0
    ) {
        self.proofRound = proofRound
        self.chain = chain
        self.height = height
        self.round = round
        self.step = step
        self.headerID = headerID
    }

    var record: vin_vote {
        vin_vote(
            height: height, round: round, step: step.rawValue, chain: chain.record, header_id: headerID.record,
            proof_round: proofRound, reserved: 0)
    }
}

/// A vote with its signature, as it travels: `vin_cast_vote`.
public struct CastVote: Sendable, Hashable {
    public var key: PublicKey
    public var vote: ConsensusVote
    public var signature: Signature

    public init(key: PublicKey, vote: ConsensusVote, signature: Signature) {
        self.key = key
        self.vote = vote
        self.signature = signature
    }

    /// What a message may carry at most (EVT-4, EFF-6).
    public static let limit = Int(VIN_CONSENSUS_VOTES_MAX)

    static func packed(_ votes: [CastVote]) -> [UInt8] {
        votes.flatMap { cast in
            Plain.bytes(
                vin_cast_vote(
                    key: cast.key.record,
                    signature: Plain.value(cast.signature.bytes, as: vin_signature.self) ?? vin_signature(),
                    vote: cast.vote.record))
        }
    }
}

public struct ConsensusValidator: Sendable, Hashable {
    public var key: PublicKey
    public var power: UInt64

    public init(key: PublicKey, power: UInt64) {
        self.key = key
        self.power = power
    }
}

/// What an engine is told: `draft/consensus-events.h`. Time is in milliseconds since 1970 and never goes back.
public struct ConsensusEvent: Sendable {
    public var timeMilliseconds: Int64
    public var body: Body

    public init(timeMilliseconds: Int64, _ body: Body) {
        self.timeMilliseconds = timeMilliseconds
        self.body = body
    }

    public enum Body: Sendable {
        case start(Start)
        case time
        case timer(id: UInt64)
        case transactions(count: UInt64, bytes: UInt64)
        /// `headerID` nil: nothing to put into a block.
        case proposalBuilt(height: UInt64, round: UInt32, headerID: Digest?, transactions: UInt64)
        case validated(
            height: UInt64, round: UInt32, headerID: Digest, valid: Bool, code: Int32, blockTimeMilliseconds: Int64)
        case message(sender: PublicKey, attachment: Digest?, votes: [CastVote], payload: [UInt8])
        /// `signature` nil: the host refused, because the key has signed something else there.
        case voteSigned(ConsensusVote, signature: Signature?)
        /// The disk or the signer did not answer.
        case voteUnavailable(ConsensusVote)
        /// `threshold` belongs to `validators`.
        case blockCommitted(
            height: UInt64, headerID: Digest, blockTimeMilliseconds: Int64, byCertificate: Bool,
            transactionsWaiting: UInt64, validators: [ConsensusValidator]?, threshold: UInt64)
        case parameters(height: UInt64, [String: String])
    }

    /// The first event of a life.
    public struct Start: Sendable {
        /// Of the last committed block.
        public var height: UInt64
        public var chain: Digest
        public var headerID: Digest
        public var seed: Digest
        /// Nil: does not vote.
        public var ownKey: PublicKey?
        /// In the form of settings (`key=value` lines, sorted).
        public var parameters: [String: String]
        public var validators: [ConsensusValidator]
        /// Power that makes a certificate; 0 leaves it to the engine.
        public var threshold: UInt64
        /// Blocks of the newest persist effect that the host has again.
        public var blocks: [Digest]
        /// Of the last committed block.
        public var blockTimeMilliseconds: Int64

        public init(
            height: UInt64, chain: Digest, headerID: Digest, seed: Digest, ownKey: PublicKey?,
            parameters: [String: String], validators: [ConsensusValidator], threshold: UInt64 = 0,
            blocks: [Digest] = [], blockTimeMilliseconds: Int64 = 0
        ) {
            self.height = height
            self.chain = chain
            self.headerID = headerID
            self.seed = seed
            self.ownKey = ownKey
            self.parameters = parameters
            self.validators = validators
            self.threshold = threshold
            self.blocks = blocks
            self.blockTimeMilliseconds = blockTimeMilliseconds
        }
    }

    /// The record that crosses the boundary.
    public func encoded() -> [UInt8] {
        var encoder = RecordEncoder()
        let head = vin_event(record: vin_record(), time_ms: timeMilliseconds)
        switch body {
        case .start(let start):
            encoder.append(
                vin_event_start(
                    event: head, height: start.height, chain: start.chain.record, header_id: start.headerID.record,
                    seed: start.seed.record, own_key: start.ownKey?.record ?? vin_public_key(),
                    parameters: vin_span(), validators: vin_span(), blocks: vin_span(), threshold: start.threshold,
                    block_time_ms: start.blockTimeMilliseconds),
                kind: VIN_EVENT_START,
                tails: [
                    (\.parameters, Self.settings(start.parameters)), (\.validators, Self.packed(start.validators)),
                    (\.blocks, start.blocks.flatMap { Plain.bytes($0.record) }),
                ])
        case .time: encoder.append(head, kind: VIN_EVENT_TIME)
        case .timer(let id): encoder.append(vin_event_timer(event: head, timer_id: id), kind: VIN_EVENT_TIMER)
        case .transactions(let count, let bytes):
            encoder.append(
                vin_event_transactions(event: head, count: count, size_bytes: bytes), kind: VIN_EVENT_TRANSACTIONS)
        case .proposalBuilt(let height, let round, let headerID, let transactions):
            encoder.append(
                vin_event_proposal_built(
                    event: head, height: height, round: round, flags: headerID == nil ? 1 : 0,
                    header_id: (headerID ?? .zero).record, transactions: transactions),
                kind: VIN_EVENT_PROPOSAL_BUILT)
        case .validated(let height, let round, let headerID, let valid, let code, let time):
            encoder.append(
                vin_event_validated(
                    event: head, height: height, round: round, valid: valid ? 1 : 0, code: code, reserved: 0,
                    header_id: headerID.record, block_time_ms: time),
                kind: VIN_EVENT_VALIDATED)
        case .message(let sender, let attachment, let votes, let payload):
            encoder.append(
                vin_event_message(
                    event: head, sender: sender.record, attachment: (attachment ?? .zero).record, payload: vin_span(),
                    votes: vin_span()),
                kind: VIN_EVENT_MESSAGE, tails: [(\.payload, payload), (\.votes, CastVote.packed(votes))])
        case .voteSigned(let vote, let signature):
            encoder.append(
                Self.answer(
                    vote, signature == nil ? vin_status(VIN_ERROR_CONFLICT) : vin_status(VIN_OK), signature, head),
                kind: VIN_EVENT_VOTE_SIGNED)
        case .voteUnavailable(let vote):
            encoder.append(
                Self.answer(vote, vin_status(VIN_ERROR_UNAVAILABLE), nil, head), kind: VIN_EVENT_VOTE_SIGNED)
        case .blockCommitted(
            let height, let headerID, let time, let byCertificate, let waiting, let validators, let threshold):
            encoder.append(
                vin_event_block_committed(
                    event: head, height: height, header_id: headerID.record, block_time_ms: time,
                    flags: byCertificate ? 1 : 0, reserved: 0, transactions_waiting: waiting, validators: vin_span(),
                    threshold: threshold),
                kind: VIN_EVENT_BLOCK_COMMITTED, tails: [(\.validators, Self.packed(validators ?? []))])
        case .parameters(let height, let parameters):
            encoder.append(
                vin_event_parameters(event: head, height: height, parameters: vin_span()), kind: VIN_EVENT_PARAMETERS,
                tails: [(\.parameters, Self.settings(parameters))])
        }
        return encoder.bytes
    }

    private static func answer(
        _ vote: ConsensusVote, _ status: vin_status, _ signature: Signature?, _ head: vin_event
    ) -> vin_event_vote_signed {
        vin_event_vote_signed(
            event: head, vote: vote.record, status: status, reserved: 0,
            signature: signature.flatMap { Plain.value($0.bytes, as: vin_signature.self) } ?? vin_signature())
    }

    private static func packed(_ validators: [ConsensusValidator]) -> [UInt8] {
        validators.sorted { $0.key < $1.key }.flatMap {
            Plain.bytes(vin_validator(key: $0.key.record, power: $0.power))
        }
    }

    static func settings(_ values: [String: String]) -> [UInt8] {
        values.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
            .flatMap { Array("\($0.key)=\($0.value)\n".utf8) }
    }
}
