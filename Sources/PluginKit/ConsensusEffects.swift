import CVinculum

/// What goes first where the line is full.
public enum MessagePriority: UInt32, Sendable {
    /// Small, and somebody waits for it.
    case vote = 0
    /// A proposal with its block.
    case block = 1
    /// What is lost is asked for again.
    case catchUp = 2
}

/// The ordered batch that a step writes: `draft/consensus-effects.h`.
public struct ConsensusEffects: Sendable {
    private var writer = RecordWriter()

    public init() {}

    public var bytes: [UInt8] { writer.bytes }
    public var isEmpty: Bool { writer.bytes.isEmpty }

    mutating func removeAll() { writer.removeAll() }

    /// Build a block; answered with `proposalBuilt`.
    public mutating func propose(height: UInt64, round: UInt32, timeMilliseconds: Int64) {
        writer.append(
            vin_effect_propose(
                record: vin_record(), height: height, round: round, reserved: 0, time_ms: timeMilliseconds),
            kind: UInt32(VIN_EFFECT_PROPOSE))
    }

    /// Execute a block that came as an attachment; answered with `validated`.
    public mutating func validate(height: UInt64, round: UInt32, headerID: Bytes32) {
        writer.append(
            vin_effect_validate(
                record: vin_record(), height: height, round: round, reserved: 0, header_id: headerID.digest),
            kind: UInt32(VIN_EFFECT_VALIDATE))
    }

    /// Sign a vote; answered with `voteSigned`.
    public mutating func signVote(_ vote: ConsensusVote) {
        writer.append(vin_effect_sign_vote(record: vin_record(), vote: vote.record), kind: UInt32(VIN_EFFECT_SIGN_VOTE))
    }

    /// The block is final. Signatures are sorted by key here (EFF-2).
    public mutating func decide(
        height: UInt64, round: UInt32, headerID: Bytes32, signatures: [(key: Bytes32, signature: Bytes64)]
    ) {
        var packed: [UInt8] = []
        for entry in signatures.sorted(by: { $0.key < $1.key }) { packed += entry.key.bytes + entry.signature.bytes }
        writer.append(
            vin_effect_decide(
                record: vin_record(), height: height, round: round, reserved: 0, header_id: headerID.digest,
                signatures: vin_span()),
            kind: UInt32(VIN_EFFECT_DECIDE), tails: [(\.signatures, packed)])
    }

    /// Keep these bytes in place of the last ones, and these blocks, synced. At most once a step (EFF-3).
    public mutating func persist(_ state: [UInt8], blocks: [Bytes32] = []) {
        writer.append(
            vin_effect_persist(record: vin_record(), state: vin_span(), blocks: vin_span()),
            kind: UInt32(VIN_EFFECT_PERSIST), tails: [(\.state, state), (\.blocks, blocks.flatMap(\.bytes))])
    }

    public mutating func send(
        to recipient: Bytes32, attachment: Bytes32? = nil, votes: [CastVote] = [], payload: [UInt8],
        priority: MessagePriority = .vote
    ) {
        writer.append(
            vin_effect_send(
                record: vin_record(), recipient: recipient.publicKey, attachment: (attachment ?? .zero).digest,
                payload: vin_span(), votes: vin_span(), priority: priority.rawValue, reserved: 0),
            kind: UInt32(VIN_EFFECT_SEND), tails: [(\.payload, payload), (\.votes, Self.packed(votes))])
    }

    public mutating func broadcast(
        attachment: Bytes32? = nil, votes: [CastVote] = [], payload: [UInt8], priority: MessagePriority = .vote
    ) {
        writer.append(
            vin_effect_broadcast(
                record: vin_record(), attachment: (attachment ?? .zero).digest, payload: vin_span(), votes: vin_span(),
                priority: priority.rawValue, reserved: 0),
            kind: UInt32(VIN_EFFECT_BROADCAST), tails: [(\.payload, payload), (\.votes, Self.packed(votes))])
    }

    private static func packed(_ votes: [CastVote]) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(votes.count * MemoryLayout<vin_cast_vote>.stride)
        for vote in votes { withUnsafeBytes(of: vote.record) { bytes.append(contentsOf: $0) } }
        return bytes
    }

    /// The host may drop what it keeps of this block.
    public mutating func release(headerID: Bytes32) {
        writer.append(
            vin_effect_release(record: vin_record(), header_id: headerID.digest), kind: UInt32(VIN_EFFECT_RELEASE))
    }

    /// A `timer` event at this time or later; replaces a pending timer of the same id.
    public mutating func setTimer(id: UInt64, timeMilliseconds: Int64) {
        writer.append(
            vin_effect_set_timer(record: vin_record(), timer_id: id, time_ms: timeMilliseconds),
            kind: UInt32(VIN_EFFECT_SET_TIMER))
    }

    public mutating func cancelTimer(id: UInt64) {
        writer.append(
            vin_effect_cancel_timer(record: vin_record(), timer_id: id), kind: UInt32(VIN_EFFECT_CANCEL_TIMER))
    }

    /// Two votes of one key that contradict each other.
    public mutating func evidence(
        offender: Bytes32, first: (vote: ConsensusVote, signature: Bytes64),
        second: (vote: ConsensusVote, signature: Bytes64)
    ) {
        writer.append(
            vin_effect_evidence(
                record: vin_record(), offender: offender.publicKey, first_vote: first.vote.record,
                second_vote: second.vote.record, first_signature: first.signature.signature,
                second_signature: second.signature.signature),
            kind: UInt32(VIN_EFFECT_EVIDENCE))
    }
}
