package import PluginKit

/// Byzantine-fault-tolerant agreement with instant finality: Tendermint (Buchman, Kwon and Milosevic 2018, arXiv
/// 1807.04938) as a state machine without host, clock, keys or random source.
///
/// A round: its proposer's block, prepare votes, commit votes; a quorum is more than two thirds of power. Line numbers
/// in comments are those of algorithm 1 of the paper, whose prevote and precommit are prepare and commit here. Three
/// things are added. A proposal brings the votes that prove its round. Prepare votes name that round, so that a fork
/// gives evidence against a third of power (Buchman et al. 2022, "Revisiting Tendermint"). And nothing begins before
/// there is something to decide.
///
/// One thread. ``step(_:effects:)`` throws before it changes anything (CON-3).
package struct BFTEngine: Sendable {
    /// What the engine waits for.
    enum Phase: Equatable, Sendable {
        /// Something to put into a block.
        case idle
        /// The round's proposal.
        case propose
        /// Prepare votes; its own is asked for.
        case prepare
        /// Commit votes; its own is asked for.
        case commit
        /// The host's word that the decided block is durable.
        case deciding
    }

    /// What the host has found out about a block of this height.
    struct BlockState: Equatable, Sendable {
        enum Validity: Equatable, Sendable { case missing, asked, valid, invalid }

        let headerID: Bytes32
        var validity = Validity.missing
        /// The validator that sent it; nil: this node made or kept it.
        var source: Int?
        var timeMilliseconds: Int64 = 0
    }

    /// Votes of a validator in a later round than this one's: of its highest round alone (CON-11).
    struct Ahead: Equatable, Sendable {
        var round: UInt32 = 0
        var votes: [CastVote] = []
    }

    /// What this node keeps of another validator, for a height.
    struct Peer: Equatable, Sendable {
        var ahead = Ahead()
        var isAccused = false
        /// Sent a block that was not good: no other of this height is taken from it.
        var isDistrusted = false
        var answered: Int64 = .min
        var sentBlock = Bytes32.zero
        var sentBlockTime: Int64 = .min
        var asked: Int64 = .min
    }

    /// Rounds before the current one that are kept whole.
    static let roundsKept: UInt32 = 16
    /// Votes of rounds above are refused: no chain comes so far.
    static let roundLimit: UInt32 = 1 << 30
    /// Blocks of a height that are known at once.
    static let blocksKept = 12

    package internal(set) var memory = EngineMemory()
    package var parameters = EngineParameters()
    var validators: ValidatorTable
    var ownIndex: Int?
    var ownKey: Bytes32?
    var chain = Bytes32.zero
    /// Where the proposers' turns begin on this chain.
    var turnStart: UInt64 = 0
    var parentTime: Int64 = 0
    var phase = Phase.idle
    /// By round, ascending.
    var rounds: [RoundState] = []
    /// Of the height below, for evidence that comes late.
    var roundsBelow: [RoundState] = []
    var blocks: [BlockState] = []
    var peers: [Peer] = []
    var waiting: UInt64 = 0
    /// Votes to be signed when this step ends, after what they depend on is written, once.
    var unsigned: [ConsensusVote] = []
    var isBuilding = false
    /// The host had nothing to put into a block.
    var hasNothing = false
    var roundStart: Int64 = 0
    var timeouts = Timeouts()
    var deadlines = [Int64?](repeating: nil, count: Timer.allCases.count)
    var statusTurn = 0
    var statusWait: Int64 = 0
    /// A validator that is known to work on the next height already.
    var isBehind = false
    package internal(set) var hasStarted = false
    #if PLANTED_BUGS
    package var planted: PlantedBug?
    #endif

    enum Timer: Int, CaseIterable, Sendable {
        case batch, propose, prepare, commit, status, retry

        var id: UInt64 { UInt64(rawValue) + 1 }
    }

    /// Goes on from what ``memory`` held; empty on the first start.
    package init(snapshot: [UInt8]) throws(PluginFailure) {
        validators = try ValidatorTable([ConsensusValidator(key: .zero, power: 1)], threshold: 0)
        guard !snapshot.isEmpty else { return }
        guard let saved = EngineMemory(snapshot) else {
            throw PluginFailure(.invalid, "the snapshot is not one of this engine, version 1")
        }
        memory = saved
    }

    package var snapshot: [UInt8] { memory.bytes }
    /// The height that is being decided.
    package var height: UInt64 { memory.height }
    package var round: UInt32 { memory.round }

    /// Takes one event and writes effects.
    package mutating func step(
        _ event: ConsensusEvent, effects: inout ConsensusEffects
    ) throws(PluginFailure) {
        // Sums of times must not overflow, whatever a host says.
        let now = Self.bounded(event.timeMilliseconds)
        if case .start(let start) = event.body {
            try begin(start, at: now, &effects)
            return flushVotes(&effects)
        }
        guard hasStarted else { throw PluginFailure(.state, "the first event must be start") }
        switch event.body {
        case .start, .time: break
        case .transactions(let count, _):
            waiting = count
            if count > 0 { hasNothing = false }
        case .timer(let id): timer(id, at: now, &effects)
        case .proposalBuilt(let height, let round, let headerID, _):
            built(height: height, round: round, headerID: headerID, at: now, &effects)
        case .validated(let result): validated(result, at: now, &effects)
        case .message(let sender, let attachment, let votes, let payload):
            message(from: sender, attachment, votes, payload, at: now, &effects)
        case .voteSigned(let vote, let signature): signed(vote, signature, at: now, &effects)
        case .voteUnavailable(let vote):
            if vote == memory.asked { set(.retry, at: now + Self.retryMilliseconds, &effects) }
        case .blockCommitted(let block): try committed(block, at: now, &effects)
        case .parameters(_, let settings): parameters = try EngineParameters(settings)
        }
        evaluate(at: now, &effects)
        flushVotes(&effects)
    }

    /// Until the host is asked again for a vote that its disk did not take.
    static let retryMilliseconds: Int64 = 250

    static func bounded(_ time: Int64) -> Int64 { min(max(0, time), 1 << 53) }

    // MARK: Lives and heights

    private mutating func begin(
        _ start: ConsensusEvent.Start, at now: Int64, _ effects: inout ConsensusEffects
    ) throws(PluginFailure) {
        guard !hasStarted else { throw PluginFailure(.state, "the engine has started already") }
        let parameters = try EngineParameters(start.parameters)
        let table = try ValidatorTable(start.validators, threshold: start.threshold)
        guard start.height < UInt64.max else { throw PluginFailure(.invalid, "there is no height above") }
        self.parameters = parameters
        chain = start.chain
        ownKey = start.ownKey
        turnStart = start.chain.bytes.bigEndian(at: 0, 8)
        parentTime = Self.bounded(start.blockTimeMilliseconds)
        hasStarted = true
        let saved = memory
        enter(height: start.height + 1, table)
        guard saved.height == memory.height else { return }
        resume(saved, start.blocks, at: now, &effects)
    }

    /// Goes on within the height of an earlier life.
    private mutating func resume(
        _ saved: EngineMemory, _ kept: [Bytes32], at now: Int64, _ effects: inout ConsensusEffects
    ) {
        memory = saved
        startRound(saved.round, at: now, &effects)
        memory.ownVotes = saved.ownVotes
        for cast in saved.proof + saved.ownVotes { add(cast, at: now, &effects) }
        takeCertificates(saved.proof, at: now)
        for id in [saved.locked?.headerID, saved.valid?.headerID, saved.asked?.headerID] {
            guard let id, !id.isZero, kept.contains(id) else { continue }
            ask(toValidate: id, from: nil, &effects)
        }
        if phase == .idle { activate(at: now, &effects) }
        if let asked = saved.asked, asked.round == saved.round {
            switch asked.step {
            case .propose: break
            case .prepare: phase = .prepare
            case .commit: phase = .commit
            }
            // The very same vote again, which the host grants, if it went out or not.
            if !saved.ownVotes.contains(where: { $0.vote == asked }) { effects.signVote(asked) }
        }
        sendStatus(at: now, &effects)
    }

    /// Forgets the height below.
    private mutating func enter(height: UInt64, _ table: ValidatorTable) {
        roundsBelow = memory.height &+ 1 == height && table.keys == validators.keys ? rounds : []
        memory = EngineMemory()
        memory.height = height
        validators = table
        ownIndex = ownKey.flatMap { table.index(of: $0) }
        rounds = [RoundState(round: 0, count: table.count)]
        blocks = []
        peers = Array(repeating: Peer(), count: table.count)
        phase = .idle
        isBuilding = false
        hasNothing = false
        statusWait = 0
        deadlines = Array(repeating: nil, count: Timer.allCases.count)
    }

    private mutating func committed(
        _ block: ConsensusEvent.Committed, at now: Int64, _ effects: inout ConsensusEffects
    ) throws(PluginFailure) {
        guard block.height >= memory.height, block.height < UInt64.max else { return }
        let table =
            if let changed = block.validators {
                try ValidatorTable(changed, threshold: block.threshold)
            } else { validators }
        if phase == .deciding, !block.byCertificate { timeouts.observe(now - roundStart, round: memory.round) }
        for timer in Timer.allCases where deadlines[timer.rawValue] != nil { cancel(timer, &effects) }
        let wasBehind = isBehind
        isBehind = false
        enter(height: block.height + 1, table)
        parentTime = Self.bounded(block.blockTimeMilliseconds)
        waiting = block.transactionsWaiting
        roundStart = now
        // Others may be ahead: what they sent before is asked for again.
        if wasBehind { sendStatus(at: now, &effects) }
        if parameters.idleMilliseconds > 0 { set(.batch, at: now + parameters.idleMilliseconds, &effects) }
    }

    /// The rules of the paper with 0-based rounds, whose proposals everyone can compute.
    func proposer(of round: UInt32) -> Int {
        validators.proposer(height: memory.height, round: round, start: turnStart)
    }

    var isProposer: Bool { ownIndex == proposer(of: memory.round) }

    // MARK: Timers

    mutating func set(_ timer: Timer, at time: Int64, _ effects: inout ConsensusEffects) {
        deadlines[timer.rawValue] = time
        effects.setTimer(id: timer.id, timeMilliseconds: time)
    }

    mutating func cancel(_ timer: Timer, _ effects: inout ConsensusEffects) {
        guard deadlines[timer.rawValue] != nil else { return }
        deadlines[timer.rawValue] = nil
        effects.cancelTimer(id: timer.id)
    }

    private mutating func timer(_ id: UInt64, at now: Int64, _ effects: inout ConsensusEffects) {
        // One that was replaced may still be on its way.
        guard let timer = Timer.allCases.first(where: { $0.id == id }), let due = deadlines[timer.rawValue], due <= now
        else { return }
        deadlines[timer.rawValue] = nil
        switch timer {
        case .batch: if phase == .idle, waiting > 0 || isProposer { activate(at: now, &effects) }
        // Lines 57 to 60: no proposal came.
        case .propose: if phase == .propose { vote(.prepare, for: nil, at: now, &effects) }
        // Lines 61 to 64.
        case .prepare: if phase == .prepare { vote(.commit, for: nil, at: now, &effects) }
        // Lines 65 to 67.
        case .commit:
            if phase != .deciding, memory.round < Self.roundLimit { startRound(memory.round + 1, at: now, &effects) }
        case .status: if phase != .idle, phase != .deciding { sendStatus(at: now, &effects) }
        case .retry: if let asked = memory.asked { effects.signVote(asked) }
        }
    }
}
