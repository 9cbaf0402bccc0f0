import CVinculum
import Primitives

/// A typed vote: `vin_vote`.
public struct ConsensusVote: Sendable, Hashable {
    public enum Step: UInt32, Sendable {
        case prepare = 1
        case commit = 2
    }

    /// Digest in the chain id's CID.
    public var chain: Digest
    public var height: UInt64
    public var round: UInt32
    public var step: Step
    public var headerID: Digest

    public init(chain: Digest, height: UInt64, round: UInt32, step: Step, headerID: Digest) {
        self.chain = chain
        self.height = height
        self.round = round
        self.step = step
        self.headerID = headerID
    }

    var record: vin_vote {
        vin_vote(
            height: height, round: round, step: step.rawValue, chain: chain.record, header_id: headerID.record)
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
        /// `parameters` in the form of settings (`key=value` lines, sorted); `ownKey` nil: does not vote.
        case start(
            height: UInt64, chain: Digest, headerID: Digest, seed: Digest, ownKey: PublicKey?,
            parameters: [String: String], validators: [ConsensusValidator])
        case time
        case timer(id: UInt64)
        case transactions(count: UInt64, bytes: UInt64)
        /// `headerID` nil: nothing to put into a block.
        case proposalBuilt(height: UInt64, round: UInt32, headerID: Digest?, transactions: UInt64)
        case validated(height: UInt64, round: UInt32, headerID: Digest, valid: Bool, code: Int32)
        case message(sender: PublicKey, attachment: Digest?, payload: [UInt8])
        /// `signature` nil: the host refused, because the key has signed something else there.
        case voteSigned(ConsensusVote, signature: Signature?)
        case blockCommitted(
            height: UInt64, headerID: Digest, blockTimeMilliseconds: Int64, byCertificate: Bool,
            transactionsWaiting: UInt64, validators: [ConsensusValidator]?)
        case parameters(height: UInt64, [String: String])
    }

    /// The record that crosses the boundary.
    public func encoded() -> [UInt8] {
        var encoder = RecordEncoder()
        let head = vin_event(record: vin_record(), time_ms: timeMilliseconds)
        switch body {
        case .start(let height, let chain, let headerID, let seed, let ownKey, let parameters, let validators):
            encoder.append(
                vin_event_start(
                    event: head, height: height, chain: chain.record, header_id: headerID.record, seed: seed.record,
                    own_key: ownKey?.record ?? vin_public_key(), parameters: vin_span(), validators: vin_span()),
                kind: VIN_EVENT_START,
                tails: [
                    (\.parameters, Self.settings(parameters)), (\.validators, Self.packed(validators)),
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
        case .validated(let height, let round, let headerID, let valid, let code):
            encoder.append(
                vin_event_validated(
                    event: head, height: height, round: round, valid: valid ? 1 : 0, code: code, reserved: 0,
                    header_id: headerID.record),
                kind: VIN_EVENT_VALIDATED)
        case .message(let sender, let attachment, let payload):
            encoder.append(
                vin_event_message(
                    event: head, sender: sender.record, attachment: (attachment ?? .zero).record, payload: vin_span()),
                kind: VIN_EVENT_MESSAGE, tails: [(\.payload, payload)])
        case .voteSigned(let vote, let signature):
            encoder.append(
                vin_event_vote_signed(
                    event: head, vote: vote.record,
                    status: signature == nil ? vin_status(VIN_ERROR_CONFLICT) : vin_status(VIN_OK), reserved: 0,
                    signature: signature.flatMap { Plain.value($0.bytes, as: vin_signature.self) } ?? vin_signature()),
                kind: VIN_EVENT_VOTE_SIGNED)
        case .blockCommitted(let height, let headerID, let time, let byCertificate, let waiting, let validators):
            encoder.append(
                vin_event_block_committed(
                    event: head, height: height, header_id: headerID.record, block_time_ms: time,
                    flags: byCertificate ? 1 : 0, reserved: 0, transactions_waiting: waiting, validators: vin_span()),
                kind: VIN_EVENT_BLOCK_COMMITTED, tails: [(\.validators, Self.packed(validators ?? []))])
        case .parameters(let height, let parameters):
            encoder.append(
                vin_event_parameters(event: head, height: height, parameters: vin_span()), kind: VIN_EVENT_PARAMETERS,
                tails: [(\.parameters, Self.settings(parameters))])
        }
        return encoder.bytes
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
