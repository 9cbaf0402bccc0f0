import Primitives

/// A host with one validator and no disk: drives an engine through blocks, timers, lost votes, noise and a crash, and
/// writes down every byte that it answers.
struct ConsensusScenario {
    private struct Slot: Hashable {
        let height: UInt64
        let round: UInt32
        let step: ConsensusVote.Step
    }

    private var numbers: SeededNumbers
    private var now: Int64 = 1_700_000_000_000
    private var trace: [UInt8] = []
    private var pending: [ConsensusEvent.Body] = []
    private var timers: [(id: UInt64, due: Int64)] = []
    private var height: UInt64 = 0
    private var headerID = Digest.zero
    private var built: Set<Digest> = []
    private var decided = 0
    // What the host keeps over a crash: the newest persist effect, and what the key was asked to sign.
    private var saved: [UInt8] = []
    private var kept: Set<Digest> = []
    private var blockTime: Int64 = 0
    private var blockTimes: [Digest: Int64] = [:]
    private var votes: [Slot: Digest] = [:]
    // Of one life of the engine.
    private var hasProposed = false
    private var votesInLife = 0
    /// The key was refused a vote at this height.
    private var isRefused = false
    /// Steps since the engine, after that, gave a vote for no block.
    private var stepsWithoutBlock: Int?

    /// So long a scenario waits for an engine that was refused a vote, before others decide the height.
    private static let stepsUntilOthersDecide = 8

    init(seed: UInt64) { numbers = SeededNumbers(seed: seed) }

    /// The trace: effects of every step, then the snapshot. The engine is made twice: half-way the first one is gone,
    /// with all that was under way, and the second goes on from what was persisted.
    mutating func run(
        steps: Int, _ make: () throws(PluginError) -> ConsensusInstance
    ) throws(PluginError) -> [UInt8] {
        guard let key = numbers.key(), let stranger = numbers.key() else { return [] }
        let chain = numbers.digest()
        let seed = numbers.digest()
        headerID = numbers.digest()
        for isLast in [false, true] {
            let engine = try make()
            try engine.start(snapshot: saved)
            pending = [
                .start(
                    .init(
                        height: height, chain: chain, headerID: headerID, seed: seed, ownKey: key,
                        parameters: engine.manifest.conformance, validators: [ConsensusValidator(key: key, power: 1)],
                        threshold: 1, blocks: kept.sorted(), blockTimeMilliseconds: blockTime))
            ]
            try live(engine, steps: steps / 2, endsWithVote: !isLast, chain, key, stranger)
            if isLast { trace += try engine.snapshot() }
            try engine.stop()
        }
        return trace
    }

    /// - Parameter endsWithVote: goes on for some steps until a vote is under way, which the crash then takes along.
    private mutating func live(
        _ engine: ConsensusInstance, steps: Int, endsWithVote: Bool, _ chain: Digest, _ key: PublicKey,
        _ stranger: PublicKey
    ) throws(PluginError) {
        timers = []
        // What a persist effect named is here again; the rest of the candidates is gone (EFF-5).
        built = kept
        (isRefused, stepsWithoutBlock) = (false, nil)
        hasProposed = false
        votesInLife = 0
        let before = decided
        for number in 0..<(endsWithVote ? steps + steps / 2 : steps) {
            if number >= steps, pending.contains(where: { if case .voteSigned = $0 { true } else { false } }) { break }
            let body = pending.isEmpty ? othersDecide() ?? draw(stranger) : pending.removeFirst()
            now += Int64(numbers.below(40))
            let event = ConsensusEvent(timeMilliseconds: now, body)
            let bytes = try engine.step(encoded: event.encoded())
            trace += bytes
            for effect in try ConsensusEffect.decode(bytes, plugin: engine.manifest.id) {
                try apply(effect, chain, key, engine.manifest.id)
            }
        }
        guard !hasProposed || decided > before else {
            throw PluginError(
                .malformed, plugin: engine.manifest.id, call: "step",
                "proposes blocks and decides none after a vote that the host refused to sign (VIN_EVENT_VOTE_SIGNED)")
        }
    }

    /// An engine that does not know what its key has signed may leave the height to others (CON-13), if it goes on voting
    /// for no block: what it signed is decided, then, by the rest of the network. One that falls silent gets no help.
    private mutating func othersDecide() -> ConsensusEvent.Body? {
        guard let waited = stepsWithoutBlock else { return nil }
        guard waited >= Self.stepsUntilOthersDecide else {
            stepsWithoutBlock = waited + 1
            return nil
        }
        headerID = numbers.digest()
        return committed(byCertificate: true)
    }

    private mutating func committed(byCertificate: Bool) -> ConsensusEvent.Body {
        height += 1
        built = []
        kept = []
        blockTimes = [:]
        (isRefused, stepsWithoutBlock) = (false, nil)
        return .blockCommitted(
            height: height, headerID: headerID, blockTimeMilliseconds: blockTime, byCertificate: byCertificate,
            transactionsWaiting: numbers.below(5), validators: nil, threshold: 0)
    }

    private mutating func draw(_ stranger: PublicKey) -> ConsensusEvent.Body {
        if let due = timers.firstIndex(where: { $0.due <= now }) { return .timer(id: timers.remove(at: due).id) }
        switch numbers.below(4) {
        case 0: return .transactions(count: 1 + numbers.below(9), bytes: 1000)
        case 1:
            return .message(
                sender: stranger, attachment: nil, votes: [], payload: numbers.bytes(Int(numbers.below(64))))
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
        case .propose(let atHeight, let round, let time):
            guard atHeight == height + 1 else { throw broken("proposes for height \(atHeight) after \(height)") }
            guard time > blockTime else { throw broken("proposes the time \(time) after \(blockTime) (EFF-1)") }
            hasProposed = true
            // Now and then there is nothing to put into a block.
            let id = numbers.below(8) == 0 ? nil : numbers.digest()
            if let id {
                built.insert(id)
                blockTimes[id] = time
            }
            pending.append(
                .proposalBuilt(height: atHeight, round: round, headerID: id, transactions: id == nil ? 0 : 3))
        case .validate(let atHeight, let round, let id):
            let isKnown = built.contains(id)
            pending.append(
                .validated(
                    height: atHeight, round: round, headerID: id, valid: isKnown, code: isKnown ? 0 : 1,
                    blockTimeMilliseconds: isKnown ? blockTimes[id] ?? now : 0))
        case .signVote(let vote):
            guard vote.chain == chain else { throw broken("asks for a vote on another chain") }
            let slot = Slot(height: vote.height, round: vote.round, step: vote.step)
            guard votes[slot] == nil || votes[slot] == vote.headerID else {
                throw broken(
                    "asks for a second vote at height \(vote.height), round \(vote.round) (CON-5, after a crash CON-6)")
            }
            votes[slot] = vote.headerID
            votesInLife += 1
            // The first, and now and then another, is refused: the key has signed something else elsewhere.
            let refuses = votesInLife == 1 || numbers.below(8) == 0
            if isRefused, vote.headerID == .zero, stepsWithoutBlock == nil { stepsWithoutBlock = 0 }
            if refuses, vote.headerID != .zero { isRefused = true }
            pending.append(.voteSigned(vote, signature: refuses ? nil : Signature(bytes: numbers.bytes(64))))
        case .decide(let atHeight, _, let id, let signatures):
            guard atHeight == height + 1, built.contains(id) else {
                throw broken("decides a block that was not built at this height (CON-4)")
            }
            guard signatures.map(\.key) == [key] else { throw broken("decides without the signature (EFF-2)") }
            headerID = id
            blockTime = max(blockTime, blockTimes[id] ?? 0)
            decided += 1
            pending.append(committed(byCertificate: false))
        case .setTimer(let id, let due):
            timers.removeAll { $0.id == id }
            timers.append((id, due))
        case .cancelTimer(let id): timers.removeAll { $0.id == id }
        case .persist(let state, let blocks):
            guard built.isSuperset(of: blocks) else {
                throw broken("keeps a block that the host does not have (EFF-5)")
            }
            (saved, kept) = (state, Set(blocks))
        case .evidence(let offender, _, _, _, _):
            if offender == key { throw broken("names its own key, which keeps the rules (CON-12)") }
        case .send, .release: break
        }
    }
}
