import CVinculum
import Primitives

/// What an engine asks for: `draft/consensus-effects.h`.
public enum ConsensusEffect: Sendable, Hashable {
    case propose(height: UInt64, round: UInt32, timeMilliseconds: Int64)
    case validate(height: UInt64, round: UInt32, headerID: Digest)
    case signVote(ConsensusVote)
    case decide(height: UInt64, round: UInt32, headerID: Digest, signatures: [VoteSignature])
    case persist([UInt8], blocks: [Digest])
    /// `recipient` nil: to all other validators.
    case send(recipient: PublicKey?, Message)
    case setTimer(id: UInt64, timeMilliseconds: Int64)
    case cancelTimer(id: UInt64)
    case evidence(
        offender: PublicKey, first: ConsensusVote, firstSignature: Signature, second: ConsensusVote,
        secondSignature: Signature)
    /// The host may drop what it keeps of this block.
    case release(Digest)

    /// What goes first where the line is full.
    public enum Priority: UInt32, Sendable {
        case vote = 0
        case block = 1
        case catchUp = 2
    }

    public struct Message: Sendable, Hashable {
        /// The id of a block that the host has.
        public let attachment: Digest?
        public let votes: [CastVote]
        public let payload: [UInt8]
        public let priority: Priority

        public init(attachment: Digest?, votes: [CastVote], payload: [UInt8], priority: Priority) {
            self.attachment = attachment
            self.votes = votes
            self.payload = payload
            self.priority = priority
        }
    }

    public struct VoteSignature: Sendable, Hashable {
        public let key: PublicKey
        public let signature: Signature
    }

    /// Position in the order of CON-3: persist, then sign, then the rest.
    var stage: Int {
        switch self {
        case .persist: 0
        case .signVote: 1
        default: 2
        }
    }
}

extension ConsensusEffect {
    /// Reads a batch and puts it into the order in which it is to be applied (CON-3). A malformed batch is refused
    /// whole.
    public static func decode(_ bytes: [UInt8], plugin: String) throws(PluginError) -> [ConsensusEffect] {
        if bytes.isEmpty { return [] }
        var decoder = RecordDecoder(bytes, plugin: plugin, call: "step")
        var stages: [[ConsensusEffect]] = [[], [], []]
        while let record = try decoder.next() {
            let effect = try decode(record, decoder)
            stages[effect.stage].append(effect)
        }
        guard stages[0].count <= 1 else { throw decoder.fault("more than one persist effect in a batch (EFF-3)") }
        return stages[0] + stages[1] + stages[2]
    }

    private static func decode(
        _ record: RecordDecoder.Record, _ decoder: RecordDecoder
    ) throws(PluginError) -> ConsensusEffect {
        switch Int(record.kind) {
        case VIN_EFFECT_PROPOSE:
            let effect = try decoder.load(record, as: vin_effect_propose.self)
            try decoder.requireZero(effect.reserved, record)
            return .propose(height: effect.height, round: effect.round, timeMilliseconds: effect.time_ms)
        case VIN_EFFECT_VALIDATE:
            let effect = try decoder.load(record, as: vin_effect_validate.self)
            try decoder.requireZero(effect.reserved, record)
            return .validate(height: effect.height, round: effect.round, headerID: Digest(effect.header_id))
        case VIN_EFFECT_SIGN_VOTE:
            return .signVote(try vote(decoder.load(record, as: vin_effect_sign_vote.self).vote, decoder))
        case VIN_EFFECT_DECIDE: return try decide(record, decoder)
        case VIN_EFFECT_PERSIST:
            let effect = try decoder.load(record, as: vin_effect_persist.self)
            let size = MemoryLayout<vin_effect_persist>.size
            return .persist(
                try decoder.slice(record, effect.state, after: size),
                blocks: try decoder.array(record, effect.blocks, after: size, of: vin_digest.self).map { Digest($0) })
        case VIN_EFFECT_SEND:
            let effect = try decoder.load(record, as: vin_effect_send.self)
            try decoder.requireZero(effect.reserved, record)
            let message = try message(
                record, effect.attachment, effect.payload, effect.votes, effect.priority,
                size: MemoryLayout<vin_effect_send>.size, decoder)
            return .send(recipient: try key(effect.recipient, decoder), message)
        case VIN_EFFECT_BROADCAST:
            let effect = try decoder.load(record, as: vin_effect_broadcast.self)
            try decoder.requireZero(effect.reserved, record)
            let message = try message(
                record, effect.attachment, effect.payload, effect.votes, effect.priority,
                size: MemoryLayout<vin_effect_broadcast>.size, decoder)
            return .send(recipient: nil, message)
        case VIN_EFFECT_RELEASE:
            return .release(Digest(try decoder.load(record, as: vin_effect_release.self).header_id))
        case VIN_EFFECT_SET_TIMER:
            let effect = try decoder.load(record, as: vin_effect_set_timer.self)
            return .setTimer(id: effect.timer_id, timeMilliseconds: effect.time_ms)
        case VIN_EFFECT_CANCEL_TIMER:
            return .cancelTimer(id: try decoder.load(record, as: vin_effect_cancel_timer.self).timer_id)
        case VIN_EFFECT_EVIDENCE:
            let effect = try decoder.load(record, as: vin_effect_evidence.self)
            return .evidence(
                offender: try key(effect.offender, decoder), first: try vote(effect.first_vote, decoder),
                firstSignature: try signature(effect.first_signature, decoder),
                second: try vote(effect.second_vote, decoder),
                secondSignature: try signature(effect.second_signature, decoder))
        default: throw decoder.fault("there is no effect of kind \(record.kind) (REC-5)")
        }
    }

    private static func message(
        _ record: RecordDecoder.Record, _ attachment: vin_digest, _ payload: vin_span, _ votes: vin_span,
        _ priority: UInt32, size: Int, _ decoder: RecordDecoder
    ) throws(PluginError) -> Message {
        guard let priority = Priority(rawValue: priority) else {
            throw decoder.fault("there is no priority \(priority) (BASE-4)")
        }
        let casts = try decoder.array(record, votes, after: size, of: vin_cast_vote.self)
        guard casts.count <= CastVote.limit else {
            throw decoder.fault("\(casts.count) votes in a message (EFF-6)")
        }
        var read: [CastVote] = []
        for cast in casts {
            read.append(
                CastVote(
                    key: try key(cast.key, decoder), vote: try vote(cast.vote, decoder),
                    signature: try signature(cast.signature, decoder)))
        }
        return Message(
            attachment: Digest(attachment) == .zero ? nil : Digest(attachment), votes: read,
            payload: try decoder.slice(record, payload, after: size), priority: priority)
    }

    private static func decide(
        _ record: RecordDecoder.Record, _ decoder: RecordDecoder
    ) throws(PluginError) -> ConsensusEffect {
        let effect = try decoder.load(record, as: vin_effect_decide.self)
        try decoder.requireZero(effect.reserved, record)
        let packed = try decoder.slice(record, effect.signatures, after: MemoryLayout<vin_effect_decide>.size)
        let size = MemoryLayout<vin_vote_signature>.size
        guard packed.count % size == 0 else { throw decoder.fault("signatures are not a whole number (REC-3)") }
        var signatures: [VoteSignature] = []
        for start in stride(from: 0, to: packed.count, by: size) {
            guard let key = PublicKey(bytes: packed[start..<start + 32]),
                let signature = Signature(bytes: packed[(start + 32)..<(start + size)])
            else { throw decoder.fault("a signature or its key is malformed") }
            if let last = signatures.last, last.key >= key { throw decoder.fault("signatures are not sorted (EFF-2)") }
            signatures.append(VoteSignature(key: key, signature: signature))
        }
        return .decide(
            height: effect.height, round: effect.round, headerID: Digest(effect.header_id), signatures: signatures)
    }

    private static func key(_ record: vin_public_key, _ decoder: RecordDecoder) throws(PluginError) -> PublicKey {
        guard let key = PublicKey(bytes: Plain.bytes(record)) else { throw decoder.fault("a key is malformed") }
        return key
    }

    private static func signature(_ record: vin_signature, _ decoder: RecordDecoder) throws(PluginError) -> Signature {
        guard let value = Signature(bytes: Plain.bytes(record)) else { throw decoder.fault("a signature is malformed") }
        return value
    }

    private static func vote(_ record: vin_vote, _ decoder: RecordDecoder) throws(PluginError) -> ConsensusVote {
        guard let step = ConsensusVote.Step(rawValue: record.step) else {
            throw decoder.fault("there is no vote step \(record.step)")
        }
        guard record.reserved == 0, record.proof_round <= (step == .commit ? 0 : record.round) else {
            throw decoder.fault("a vote of round \(record.round) names proof round \(record.proof_round)")
        }
        return ConsensusVote(
            chain: Digest(record.chain), height: record.height, round: record.round, step: step,
            headerID: Digest(record.header_id), proofRound: record.proof_round)
    }
}
