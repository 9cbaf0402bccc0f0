import Ledger
import PluginHost
import Primitives

/// A consensus plugin behind the kernel's protocol: the two vocabularies are the same, on either side of the C
/// interface.
///
/// The instance is used by the kernel's thread alone, which owns the kernel and so this value; nothing else holds a
/// reference to it. That is the argument for `@unchecked Sendable`.
struct PluginEngine: Ledger.ConsensusEngine, @unchecked Sendable {
    let id: String
    private let instance: ConsensusInstance
    private let chain: CID

    init(id: String, instance: ConsensusInstance, chain: CID) {
        self.id = id
        self.instance = instance
        self.chain = chain
    }

    mutating func step(_ event: Ledger.ConsensusEvent) throws(ConsensusFault) -> [Ledger.ConsensusEffect] {
        let effects: [PluginHost.ConsensusEffect]
        do {
            effects = try instance.step(translate(event))
        } catch {
            throw ConsensusFault(code: error.status == 0 ? -1 : error.status, reason: error.description)
        }
        var translated: [Ledger.ConsensusEffect] = []
        translated.reserveCapacity(effects.count)
        for effect in effects { translated.append(try translate(effect)) }
        return translated
    }

    func snapshot() throws(ConsensusFault) -> [UInt8] {
        do { return try instance.snapshot() } catch {
            throw ConsensusFault(code: error.status == 0 ? -1 : error.status, reason: error.description)
        }
    }

    // MARK: Events

    private func translate(_ event: Ledger.ConsensusEvent) -> PluginHost.ConsensusEvent {
        let body: PluginHost.ConsensusEvent.Body
        switch event.kind {
        case .start(let height, let chain, let headerID, let seed, let ownKey, let parameters, let validators):
            body = .start(
                height: height, chain: chain, headerID: headerID, seed: seed, ownKey: ownKey,
                parameters: Self.settings(parameters), validators: Self.list(validators))
        case .timePassed: body = .time
        case .timer(let id): body = .timer(id: id)
        case .transactions(let count, let bytes): body = .transactions(count: count, bytes: bytes)
        case .proposalBuilt(let height, let round, let headerID, let transactions):
            body = .proposalBuilt(height: height, round: round, headerID: headerID, transactions: transactions)
        case .validated(let height, let round, let headerID, let code):
            body = .validated(
                height: height, round: round, headerID: headerID, valid: code == .ok, code: code.rawValue)
        case .message(let sender, let attachment, let payload):
            body = .message(sender: sender, attachment: attachment, payload: payload)
        case .voteSigned(let vote, let signature): body = .voteSigned(translate(vote), signature: signature)
        case .committed(let height, let headerID, let time, let byCertificate, let waiting, let validators):
            body = .blockCommitted(
                height: height, headerID: headerID, blockTimeMilliseconds: Int64(clamping: time),
                byCertificate: byCertificate, transactionsWaiting: waiting, validators: validators.map(Self.list))
        }
        return PluginHost.ConsensusEvent(timeMilliseconds: Int64(clamping: event.timeMilliseconds), body)
    }

    private static func list(_ set: ValidatorSet) -> [ConsensusValidator] {
        set.validators.map { ConsensusValidator(key: $0.key, power: $0.power) }
    }

    /// The engine's section of the genesis in the form of settings; values of other types were refused when the genesis
    /// was made.
    private static func settings(_ map: CBORMap) -> [String: String] {
        var settings: [String: String] = [:]
        for entry in map.entries {
            switch entry.value {
            case .text(let text): settings[entry.key] = text
            case .bool(let flag): settings[entry.key] = flag ? "true" : "false"
            case .unsigned(let number): settings[entry.key] = "\(number)"
            default: continue
            }
        }
        return settings
    }

    // MARK: Effects

    private func translate(_ effect: PluginHost.ConsensusEffect) throws(ConsensusFault) -> Ledger.ConsensusEffect {
        switch effect {
        case .propose(let height, let round, let time):
            return .propose(height: height, round: round, timeMilliseconds: UInt64(clamping: time))
        case .validate(let height, let round, let headerID):
            return .validate(height: height, round: round, headerID: headerID)
        case .signVote(let vote): return .signVote(try translate(vote))
        case .decide(let height, let round, let headerID, let signatures):
            return .decide(
                height: height, round: round, headerID: headerID,
                signatures: signatures.map { SignedBy(key: $0.key, signature: $0.signature) })
        case .persist(let state): return .persist(state)
        case .send(let recipient, let attachment, let payload):
            return .send(recipient: recipient, attachment: attachment, payload: payload)
        case .broadcast(let attachment, let payload): return .broadcast(attachment: attachment, payload: payload)
        case .setTimer(let id, let time): return .setTimer(id: id, timeMilliseconds: UInt64(clamping: time))
        case .cancelTimer(let id): return .cancelTimer(id: id)
        case .evidence(let offender, let first, let firstSignature, let second, let secondSignature):
            return .evidence(
                Evidence(
                    offender: offender, first: try translate(first), second: try translate(second),
                    firstSignature: firstSignature, secondSignature: secondSignature))
        }
    }

    private func translate(_ vote: Vote) -> ConsensusVote {
        ConsensusVote(
            chain: vote.chain.digest, height: vote.height, round: vote.round,
            step: vote.step == .prepare ? .prepare : .commit, headerID: vote.headerID)
    }

    private func translate(_ vote: ConsensusVote) throws(ConsensusFault) -> Vote {
        guard vote.chain == chain.digest else {
            throw ConsensusFault(code: -1, reason: "the engine votes on another chain")
        }
        return Vote(
            chain: chain, height: vote.height, round: vote.round, step: vote.step == .prepare ? .prepare : .commit,
            headerID: vote.headerID)
    }
}
