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
        case .start(let start):
            body = .start(
                .init(
                    height: start.height, chain: start.chain, headerID: start.headerID, seed: start.seed,
                    ownKey: start.ownKey, parameters: Self.settings(start.parameters),
                    validators: Self.list(start.validators), threshold: start.validators.threshold,
                    blocks: start.blocks, blockTimeMilliseconds: Int64(clamping: start.blockTimeMilliseconds)))
        case .timePassed: body = .time
        case .timer(let id): body = .timer(id: id)
        case .transactions(let count, let bytes): body = .transactions(count: count, bytes: bytes)
        case .proposalBuilt(let height, let round, let headerID, let transactions):
            body = .proposalBuilt(height: height, round: round, headerID: headerID, transactions: transactions)
        case .validated(let height, let round, let headerID, let code, let time):
            body = .validated(
                height: height, round: round, headerID: headerID, valid: code == .ok, code: code.rawValue,
                blockTimeMilliseconds: Int64(clamping: time))
        case .message(let sender, let attachment, let votes, let payload):
            body = .message(
                sender: sender, attachment: attachment, votes: votes.map(translate), payload: payload)
        case .voteSigned(let vote, let signature): body = .voteSigned(translate(vote), signature: signature)
        case .voteUnavailable(let vote): body = .voteUnavailable(translate(vote))
        case .committed(let height, let headerID, let time, let byCertificate, let waiting, let validators):
            body = .blockCommitted(
                height: height, headerID: headerID, blockTimeMilliseconds: Int64(clamping: time),
                byCertificate: byCertificate, transactionsWaiting: waiting, validators: validators.map(Self.list),
                threshold: validators?.threshold ?? 0)
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
        case .persist(let state, let blocks): return .persist(state, blocks: blocks)
        case .release(let id): return .release(id)
        case .send(let recipient, let message):
            var votes: [Ledger.CastVote] = []
            for cast in message.votes {
                votes.append(
                    Ledger.CastVote(
                        vote: try translate(cast.vote), by: SignedBy(key: cast.key, signature: cast.signature)))
            }
            return .send(
                recipient: recipient, attachment: message.attachment, votes: votes, payload: message.payload,
                ConsensusPriority(rawValue: UInt8(clamping: message.priority.rawValue)) ?? .catchUp)
        case .setTimer(let id, let time): return .setTimer(id: id, timeMilliseconds: UInt64(clamping: time))
        case .cancelTimer(let id): return .cancelTimer(id: id)
        case .evidence(let offender, let first, let firstSignature, let second, let secondSignature):
            return .evidence(
                Evidence(
                    offender: offender, first: try translate(first), second: try translate(second),
                    firstSignature: firstSignature, secondSignature: secondSignature))
        }
    }

    private func translate(_ cast: Ledger.CastVote) -> PluginHost.CastVote {
        PluginHost.CastVote(key: cast.by.key, vote: translate(cast.vote), signature: cast.by.signature)
    }

    private func translate(_ vote: Vote) -> ConsensusVote {
        let step: ConsensusVote.Step =
            switch vote.step {
            case .propose: .propose
            case .prepare: .prepare
            case .commit: .commit
            }
        return ConsensusVote(
            chain: vote.chain.digest, height: vote.height, round: vote.round, step: step, headerID: vote.headerID,
            proofRound: vote.proofRound)
    }

    private func translate(_ vote: ConsensusVote) throws(ConsensusFault) -> Vote {
        guard vote.chain == chain.digest else {
            throw ConsensusFault(code: -1, reason: "the engine votes on another chain")
        }
        let step: Vote.Step =
            switch vote.step {
            case .propose: .propose
            case .prepare: .prepare
            case .commit: .commit
            }
        return Vote(
            chain: chain, height: vote.height, round: vote.round, step: step, headerID: vote.headerID,
            proofRound: vote.proofRound)
    }
}
