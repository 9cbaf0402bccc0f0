import PluginKit

/// The engine of a network with one validator: a pure state machine without host.
///
/// Idle → (transactions wait) → batching, by a timer → building, by a propose effect → signing → deciding →
/// (committed) → idle or batching again. A value: `step` works on a copy and the caller keeps it only when it
/// succeeds (CON-3).
struct SoloEngine: Equatable {
    /// What the engine waits for.
    enum Phase: Equatable {
        /// Transactions.
        case idle
        /// The batching timer.
        case batching
        /// The block that it asked the host to build.
        case building
        /// The host's signature on the commit vote for this block.
        case signing(Bytes32)
        /// The host's word that this block is durable.
        case deciding(Bytes32)
    }

    /// The engine's section of the genesis.
    struct Parameters: Equatable {
        /// From the first waiting transaction to the proposal.
        var intervalMilliseconds: Int64 = 10
        /// A proposal goes out without waiting when so many transactions wait.
        var transactionsAtOnce: UInt64 = 2000

        init() {}

        init(_ settings: Settings) throws(PluginFailure) {
            var settings = settings
            if let interval = try settings.integer("interval_ms", in: 0...60_000) { intervalMilliseconds = interval }
            if let count = try settings.integer("transactions_at_once", in: 1...1_000_000) {
                transactionsAtOnce = UInt64(count)
            }
            try settings.refuseOthers()
        }
    }

    private static let batchTimer: UInt64 = 1

    private(set) var phase = Phase.idle
    /// Of the last committed block.
    private(set) var height: UInt64 = 0
    /// The round of the next proposal: above every round whose vote may have been signed at this height.
    private(set) var round: UInt32 = 0
    private var chain = Bytes32.zero
    private var ownKey: Bytes32?
    /// Whether the set is this key and no other: otherwise the node follows, and may be the validator again one day.
    private var isValidator = false
    /// No lower than the time of any block that was proposed or committed; the next block's lies above.
    private var timeFloorMilliseconds: Int64 = 0
    private var waiting: UInt64 = 0
    private var parameters = Parameters()
    private var hasStarted = false

    /// Goes on from what ``snapshot`` wrote; empty on the first start.
    init(snapshot: [UInt8]) throws(PluginFailure) {
        guard !snapshot.isEmpty else { return }
        guard let saved = SoloSnapshot(snapshot) else {
            throw PluginFailure(.invalid, "the snapshot is not one of consensus-solo, version 1")
        }
        height = saved.height
        round = saved.round
        timeFloorMilliseconds = saved.timeFloorMilliseconds
    }

    /// The heights, rounds and times that must survive; what was in flight is asked for again.
    var snapshot: SoloSnapshot {
        SoloSnapshot(height: height, round: round, timeFloorMilliseconds: timeFloorMilliseconds)
    }

    mutating func step(_ event: ConsensusEvent, effects: inout ConsensusEffects) throws(PluginFailure) {
        let now = event.timeMilliseconds
        if case .start(let start) = event.body {
            try begin(start)
            return
        }
        guard hasStarted else { throw PluginFailure(.state, "the first event must be start") }
        switch event.body {
        case .start, .time, .message, .validated: break
        case .transactions(let count, _):
            waiting = count
            consider(at: now, effects: &effects)
        case .timer(let id):
            if id == Self.batchTimer, phase == .batching { propose(at: now, effects: &effects) }
        case .proposalBuilt(let height, let round, let headerID, _):
            built(height: height, round: round, headerID: headerID, at: now, effects: &effects)
        case .voteSigned(let vote, let signature):
            signed(vote, signature, at: now, effects: &effects)
        case .voteUnavailable(let vote):
            // One signature is all that a block needs: a later round asks again.
            signed(vote, nil, at: now, effects: &effects)
        case .blockCommitted(let block):
            try committed(block, at: now, effects: &effects)
        case .parameters(_, let settings):
            parameters = try Parameters(settings)
        }
    }

    private mutating func begin(_ start: ConsensusEvent.Start) throws(PluginFailure) {
        guard !hasStarted else { throw PluginFailure(.state, "the engine has started already") }
        guard start.validators.count == 1 else {
            throw PluginFailure(.refused, "consensus-solo needs one validator; the set has \(start.validators.count)")
        }
        parameters = try Parameters(start.parameters)
        if start.height != height {
            height = start.height
            round = 0
        }
        chain = start.chain
        ownKey = start.ownKey
        // A key outside the set does not vote (EVT-1): this node follows.
        isValidator = start.ownKey == start.validators[0].key
        hasStarted = true
    }

    private mutating func consider(at now: Int64, effects: inout ConsensusEffects) {
        guard isValidator, waiting > 0 else { return }
        guard phase == .idle || phase == .batching else { return }
        if parameters.intervalMilliseconds == 0 || waiting >= parameters.transactionsAtOnce {
            if phase == .batching { effects.cancelTimer(id: Self.batchTimer) }
            propose(at: now, effects: &effects)
        } else if phase == .idle {
            effects.setTimer(id: Self.batchTimer, timeMilliseconds: now + parameters.intervalMilliseconds)
            phase = .batching
        }
    }

    private mutating func propose(at now: Int64, effects: inout ConsensusEffects) {
        // Strictly above the parent's (EFF-1), also where the machine's clock stands still or was set back.
        let time = max(now, timeFloorMilliseconds &+ 1)
        effects.propose(height: height + 1, round: round, timeMilliseconds: time)
        timeFloorMilliseconds = time
        // Counts what arrives while the host builds.
        waiting = 0
        phase = .building
    }

    private mutating func built(
        height builtHeight: UInt64, round builtRound: UInt32, headerID: Bytes32?, at now: Int64,
        effects: inout ConsensusEffects
    ) {
        guard phase == .building, builtHeight == height + 1, builtRound == round else { return }
        guard let headerID else {
            // Nothing was left to put into a block (all had expired, say).
            phase = .idle
            consider(at: now, effects: &effects)
            return
        }
        // Persisted before the vote is signed (CON-6): after a crash another block gets another round, so that the key
        // never signs twice at one (height, round, step).
        let next = SoloSnapshot(height: height, round: round + 1, timeFloorMilliseconds: timeFloorMilliseconds)
        effects.persist(next.bytes)
        effects.signVote(
            ConsensusVote(chain: chain, height: height + 1, round: round, step: .commit, headerID: headerID))
        phase = .signing(headerID)
    }

    private mutating func signed(
        _ vote: ConsensusVote, _ signature: Bytes64?, at now: Int64, effects: inout ConsensusEffects
    ) {
        guard case .signing(let headerID) = phase, vote.height == height + 1, vote.round == round,
            vote.headerID == headerID, let ownKey
        else { return }
        guard let signature else {
            // The key has signed something else here: build again in the next round.
            round += 1
            waiting = max(waiting, 1)
            phase = .idle
            consider(at: now, effects: &effects)
            return
        }
        effects.decide(
            height: height + 1, round: round, headerID: headerID, signatures: [(key: ownKey, signature: signature)])
        phase = .deciding(headerID)
    }

    private mutating func committed(
        _ block: ConsensusEvent.Committed, at now: Int64, effects: inout ConsensusEffects
    ) throws(PluginFailure) {
        guard block.height > height else { return }
        if let validators = block.validators {
            guard validators.count == 1 else {
                throw PluginFailure(.refused, "consensus-solo cannot go on with \(validators.count) validators")
            }
            isValidator = validators[0].key == ownKey
        }
        if phase == .batching { effects.cancelTimer(id: Self.batchTimer) }
        height = block.height
        round = 0
        timeFloorMilliseconds = max(timeFloorMilliseconds, block.blockTimeMilliseconds)
        waiting = block.transactionsWaiting
        phase = .idle
        consider(at: now, effects: &effects)
    }
}

/// The bytes that survive a restart: a version, the height, the next round, and the floor of the next block's time.
struct SoloSnapshot: Equatable {
    private static let version: UInt8 = 1
    private static let byteCount = 21

    var height: UInt64
    var round: UInt32
    var timeFloorMilliseconds: Int64

    init(height: UInt64, round: UInt32, timeFloorMilliseconds: Int64) {
        self.height = height
        self.round = round
        self.timeFloorMilliseconds = timeFloorMilliseconds
    }

    /// Nil for bytes that ``bytes`` did not write.
    init?(_ bytes: [UInt8]) {
        guard bytes.count == Self.byteCount, bytes[0] == Self.version else { return nil }
        func integer(_ range: Range<Int>) -> UInt64 { bytes[range].reduce(0) { $0 << 8 | UInt64($1) } }
        height = integer(1..<9)
        round = UInt32(integer(9..<13))
        timeFloorMilliseconds = Int64(bitPattern: integer(13..<21))
    }

    var bytes: [UInt8] {
        func big(_ value: UInt64, _ count: Int) -> [UInt8] {
            (0..<count).map { UInt8(truncatingIfNeeded: value >> UInt64(8 * (count - 1 - $0))) }
        }
        return [Self.version] + big(height, 8) + big(UInt64(round), 4)
            + big(UInt64(bitPattern: timeFloorMilliseconds), 8)
    }
}
