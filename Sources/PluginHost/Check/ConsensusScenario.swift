import Primitives

/// A host with one validator and no disk: drives an engine through blocks, timers, lost votes and noise, and writes
/// down every byte that it answers.
struct ConsensusScenario {
    private var numbers: SeededNumbers
    private var now: Int64 = 1_700_000_000_000
    private var trace: [UInt8] = []
    private var pending: [ConsensusEvent.Body] = []
    private var timers: [(id: UInt64, due: Int64)] = []
    private var height: UInt64 = 0
    private var built: Set<Digest> = []
    private(set) var decided = 0

    init(seed: UInt64) { numbers = SeededNumbers(seed: seed) }

    /// The trace: effects of every step, then the snapshot.
    mutating func run(_ engine: ConsensusInstance, steps: Int) throws(PluginError) -> [UInt8] {
        guard let key = numbers.key(), let stranger = numbers.key() else { return [] }
        let chain = numbers.digest()
        try engine.start(snapshot: [])
        pending = [
            .start(
                height: 0, chain: chain, headerID: numbers.digest(), seed: numbers.digest(), ownKey: key,
                parameters: engine.manifest.conformance,
                validators: [ConsensusValidator(key: key, power: 1)])
        ]
        for _ in 0..<steps {
            let body = pending.isEmpty ? draw(stranger) : pending.removeFirst()
            now += Int64(numbers.below(40))
            let event = ConsensusEvent(timeMilliseconds: now, body)
            let bytes = try engine.step(encoded: event.encoded())
            trace += bytes
            for effect in try ConsensusEffect.decode(bytes, plugin: engine.manifest.id) {
                try apply(effect, chain, key, engine.manifest.id)
            }
        }
        trace += try engine.snapshot()
        try engine.stop()
        return trace
    }

    private mutating func draw(_ stranger: PublicKey) -> ConsensusEvent.Body {
        if let due = timers.firstIndex(where: { $0.due <= now }) { return .timer(id: timers.remove(at: due).id) }
        switch numbers.below(4) {
        case 0: return .transactions(count: 1 + numbers.below(9), bytes: 1000)
        case 1: return .message(sender: stranger, attachment: nil, payload: numbers.bytes(Int(numbers.below(64))))
        case 2:
            if let next = timers.min(by: { $0.due < $1.due }) { now = max(now, next.due) }
            return .time
        default: return .time
        }
    }

    private mutating func apply(
        _ effect: ConsensusEffect, _ chain: Digest, _ key: PublicKey, _ plugin: String
    ) throws(PluginError) {
        func broken(_ rule: String) -> PluginError { PluginError(.malformed, plugin: plugin, call: "step", rule) }
        switch effect {
        case .propose(let atHeight, let round, _):
            guard atHeight == height + 1 else { throw broken("proposes for height \(atHeight) after \(height)") }
            // Now and then there is nothing to put into a block.
            let id = numbers.below(8) == 0 ? nil : numbers.digest()
            if let id { built.insert(id) }
            pending.append(
                .proposalBuilt(height: atHeight, round: round, headerID: id, transactions: id == nil ? 0 : 3))
        case .validate(let atHeight, let round, let id):
            pending.append(.validated(height: atHeight, round: round, headerID: id, valid: true, code: 0))
        case .signVote(let vote):
            guard vote.chain == chain else { throw broken("asks for a vote on another chain") }
            pending.append(.voteSigned(vote, signature: Signature(bytes: numbers.bytes(64))))
        case .decide(let atHeight, _, let id, let signatures):
            guard atHeight == height + 1, built.contains(id) else {
                throw broken("decides a block that was not built at this height (CON-4)")
            }
            guard signatures.map(\.key) == [key] else { throw broken("decides without the signature (EFF-2)") }
            height = atHeight
            built = []
            decided += 1
            pending.append(
                .blockCommitted(
                    height: height, headerID: id, blockTimeMilliseconds: now, byCertificate: false,
                    transactionsWaiting: numbers.below(5), validators: nil))
        case .setTimer(let id, let due):
            timers.removeAll { $0.id == id }
            timers.append((id, due))
        case .cancelTimer(let id): timers.removeAll { $0.id == id }
        case .persist, .send, .broadcast, .evidence: break
        }
    }
}
