import CVinculum
import Primitives

/// What an engine asks for: `draft/consensus-effects.h`.
public enum ConsensusEffect: Sendable, Hashable {
    case propose(height: UInt64, round: UInt32, timeMilliseconds: Int64)
    case validate(height: UInt64, round: UInt32, headerID: Digest)
    case signVote(ConsensusVote)
    case decide(height: UInt64, round: UInt32, headerID: Digest, signatures: [VoteSignature])
    case persist([UInt8])
    case send(recipient: PublicKey, attachment: Digest?, payload: [UInt8])
    case broadcast(attachment: Digest?, payload: [UInt8])
    case setTimer(id: UInt64, timeMilliseconds: Int64)
    case cancelTimer(id: UInt64)
    case evidence(
        offender: PublicKey, first: ConsensusVote, firstSignature: Signature, second: ConsensusVote,
        secondSignature: Signature)

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
            return .persist(try decoder.slice(record, effect.state, after: MemoryLayout<vin_effect_persist>.size))
        case VIN_EFFECT_SEND:
            let effect = try decoder.load(record, as: vin_effect_send.self)
            return .send(
                recipient: try key(effect.recipient, decoder), attachment: attachment(effect.attachment),
                payload: try decoder.slice(record, effect.payload, after: MemoryLayout<vin_effect_send>.size))
        case VIN_EFFECT_BROADCAST:
            let effect = try decoder.load(record, as: vin_effect_broadcast.self)
            return .broadcast(
                attachment: attachment(effect.attachment),
                payload: try decoder.slice(record, effect.payload, after: MemoryLayout<vin_effect_broadcast>.size))
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

    private static func attachment(_ record: vin_digest) -> Digest? {
        let digest = Digest(record)
        return digest == .zero ? nil : digest
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
        return ConsensusVote(
            chain: Digest(record.chain), height: record.height, round: record.round, step: step,
            headerID: Digest(record.header_id))
    }
}
