package import PluginKit

/// What a step asks for, of the host and of the log.
package struct EngineOutput: Sendable {
    package var effects: ConsensusEffects
    package var requests: [LogRequest] = []

    package init(effects: ConsensusEffects = ConsensusEffects()) { self.effects = effects }
}

/// Blocks in the order of a log that others keep, certified by a majority of the operators: crash-tolerant agreement as
/// a state machine without host, network, clock, keys or random source.
///
/// A height has rounds, mostly one. In a round each validator gives one commit vote: for the block that the log has at
/// (height, round), or for none. The host signs no second vote at a place, so no two blocks of a round get a majority,
/// whatever the log says or forgets. A validator leaves a round only with votes of a majority in hand. Where they leave
/// one block that may still be decided, the next round is bound to it; where they leave none, the next round takes
/// another entry of the log (``RoundVotes/Outcome``). So a decided block is the only one that later rounds can decide:
/// the argument is that of Paxos, with the log in the place of the proposer's number.
///
/// An entry is written when a majority has the block and found it valid: while the log keeps its word and that majority
/// lives, no entry is voted down.
///
/// One thread. ``step(_:log:_:)`` throws before it changes anything (CON-3).
package struct EtcdEngine: Sendable {
    /// What the host has found out about a block of this height.
    struct BlockState: Equatable, Sendable {
        enum Validity: Equatable, Sendable { case missing, asked, valid, invalid }

        let headerID: Bytes32
        var validity: Validity
        /// The validator that is to hear that the block is here.
        var offeredBy: Int?
    }

    /// What this node keeps of another validator, for a height.
    struct Peer: Equatable, Sendable {
        var isAccused = false
        var answered: Int64 = .min
        var asked: Int64 = .min
        var sentBlock = Bytes32.zero
        var sentBlockTime: Int64 = .min
    }

    /// What the log or other validators say that the round is about.
    enum Target: Equatable, Sendable {
        case block(Bytes32)
        case foreign
    }

    enum Timer: Int, CaseIterable, Sendable {
        case turn, missing, status, retry

        var id: UInt64 { UInt64(rawValue) + 1 }
    }

    /// Rounds and entries that are known at once (CON-11).
    static let roundsKept = 16
    static let entriesKept = 64
    static let blocksKept = 12
    /// Votes of rounds above are refused: no chain comes so far.
    static let roundLimit: UInt32 = 1 << 30
    /// Until the host is asked again for a vote that its disk did not take.
    private static let retryMilliseconds: Int64 = 250

    package internal(set) var memory = EngineMemory()
    package var parameters = EngineParameters()
    var operators: Operators
    var ownIndex: Int?
    var ownKey: Bytes32?
    var chain = Bytes32.zero
    var parentTime: Int64 = 0
    /// By round, ascending.
    var rounds: [RoundVotes] = []
    /// Of this height and later ones, ascending.
    var entries: [(place: LogPlace, entry: LogEntry)] = []
    var cutter: Bytes32?
    var blocks: [BlockState] = []
    var peers: [Peer] = []
    /// The votes that decided the height below, for those who missed them.
    var certificate: (height: UInt64, votes: [CastVote])?
    var waiting: UInt64 = 0
    /// The block that this node offers, and who has it.
    var ownBlock: Bytes32?
    var holders: [Bool] = []
    /// Where the log was asked to write it.
    var appended: LogPlace?
    var isBuilding = false
    var isDeciding = false
    /// The host had nothing to put into a block.
    var hasNothing = false
    /// Since when there is something to propose.
    var turnStart: Int64?
    /// The vote that the host was asked to sign and has not answered.
    var asked: ConsensusVote?
    /// To be signed when this step ends, after what it depends on is written.
    var unsigned: ConsensusVote?
    var wanted: Bytes32?
    /// Since when the round's block has been missing.
    var missingSince: Int64?
    var deadlines = [Int64?](repeating: nil, count: Timer.allCases.count)
    var statusTurn = 0
    var statusWait: Int64 = 0
    private var isFollowing = false
    package private(set) var hasStarted = false
    /// A bug on purpose, for the tests of the tests.
    package var planted: PlantedBug?

    /// Goes on from what ``snapshot`` held; empty on the first start.
    package init(snapshot: [UInt8]) throws(PluginFailure) {
        operators = try Operators([ConsensusValidator(key: .zero, power: 1)], threshold: 0)
        guard !snapshot.isEmpty else { return }
        guard let saved = EngineMemory(snapshot) else {
            throw PluginFailure(.invalid, "the snapshot is not one of consensus-etcd, version 1")
        }
        memory = saved
    }

    package var snapshot: [UInt8] { memory.bytes }
    /// How many rounds, entries and blocks are known (CON-11).
    package var knownCounts: [Int] { [rounds.count, entries.count, blocks.count] }

    /// Takes one event of the host and what the log has told since the last step.
    package mutating func step(
        _ event: ConsensusEvent, log events: [LogEvent], _ out: inout EngineOutput
    ) throws(PluginFailure) {
        // Sums of times must not overflow, whatever a host says.
        let now = Self.bounded(event.timeMilliseconds)
        switch event.body {
        case .start(let start): try begin(start, at: now, &out)
        case _ where !hasStarted: throw PluginFailure(.state, "the first event must be start")
        case .time: break
        case .transactions(let count, _):
            waiting = count
            hasNothing = false
        case .timer(let id): timer(id, at: now, &out)
        case .proposalBuilt(let height, let round, let headerID, _):
            built(height: height, round: round, headerID: headerID, &out)
        case .validated(let result): validated(result, at: now, &out)
        case .message(let sender, let attachment, let votes, let payload):
            message(from: sender, attachment, votes, payload, at: now, &out)
        case .voteSigned(let vote, let signature): signed(vote, signature, &out)
        case .voteUnavailable(let vote):
            if vote == asked { set(.retry, at: now + Self.retryMilliseconds, &out) }
        case .blockCommitted(let block): try committed(block, at: now, &out)
        case .parameters(_, let settings): parameters = try EngineParameters(settings)
        }
        for event in events { take(event) }
        evaluate(at: now, &out)
        flush(&out)
    }

    static func bounded(_ time: Int64) -> Int64 { min(max(0, time), 1 << 53) }

    // MARK: Lives and heights

    private mutating func begin(
        _ start: ConsensusEvent.Start, at now: Int64, _ out: inout EngineOutput
    ) throws(PluginFailure) {
        guard !hasStarted else { throw PluginFailure(.state, "the engine has started already") }
        let parameters = try EngineParameters(start.parameters)
        let table = try Operators(start.validators, threshold: start.threshold)
        guard start.height < UInt64.max else { throw PluginFailure(.invalid, "there is no height above") }
        self.parameters = parameters
        chain = start.chain
        ownKey = start.ownKey
        parentTime = Self.bounded(start.blockTimeMilliseconds)
        hasStarted = true
        let saved = memory
        enter(height: start.height + 1, table, &out)
        guard saved.height == memory.height, let ownKey, let ownIndex else { return }
        memory = saved
        for own in saved.ownVotes {
            guard let signature = own.signature else { continue }
            add(CastVote(key: ownKey, vote: vote(own), signature: signature), &out)
        }
        // The very same vote again, which the host grants, if it went out or not.
        if let last = saved.ownVotes.last, last.signature == nil {
            asked = vote(last)
            out.effects.signVote(vote(last))
        }
        for id in start.blocks { ask(toValidate: id, offeredBy: nil, &out) }
        if rounds.contains(where: { $0.votes[ownIndex] != nil }) { sendStatus(at: now, &out) }
    }

    func vote(_ own: EngineMemory.OwnVote) -> ConsensusVote {
        ConsensusVote(chain: chain, height: memory.height, round: own.round, step: .commit, headerID: own.headerID)
    }

    /// Forgets the height below.
    private mutating func enter(height: UInt64, _ table: Operators, _ out: inout EngineOutput) {
        memory = EngineMemory()
        memory.height = height
        operators = table
        ownIndex = ownKey.flatMap { table.index(of: $0) }
        rounds = [RoundVotes(round: 0, count: table.count)]
        entries.removeAll { $0.place.height < height }
        blocks = []
        peers = Array(repeating: Peer(), count: table.count)
        (ownBlock, holders, appended) = (nil, [], nil)
        (isBuilding, isDeciding, hasNothing) = (false, false, false)
        (asked, unsigned, wanted) = (nil, nil, nil)
        (turnStart, missingSince) = (nil, nil)
        statusWait = 0
        deadlines = Array(repeating: nil, count: Timer.allCases.count)
        if ownIndex != nil {
            out.requests.append(.follow(chain: chain, height: height, cutter: ownKey))
        } else if isFollowing {
            out.requests.append(.leave)
        }
        isFollowing = ownIndex != nil
    }

    private mutating func committed(
        _ block: ConsensusEvent.Committed, at now: Int64, _ out: inout EngineOutput
    ) throws(PluginFailure) {
        guard block.height >= memory.height, block.height < UInt64.max else { return }
        let table =
            if let changed = block.validators { try Operators(changed, threshold: block.threshold) } else { operators }
        certificate = rounds.last { $0.outcome(operators) == .decided(block.headerID) }.map { round in
            (block.height, round.votes.compactMap { $0 }.filter { $0.vote.headerID == block.headerID })
        }
        for timer in Timer.allCases { cancel(timer, &out) }
        enter(height: block.height + 1, table, &out)
        parentTime = Self.bounded(block.blockTimeMilliseconds)
        waiting = block.transactionsWaiting
    }

    // MARK: The log

    /// Entries of heights that are over are of no use; of a place the first that was seen counts.
    private mutating func take(_ event: LogEvent) {
        switch event {
        case .cutter(let key): cutter = key
        case .entry(let place, let entry):
            guard place.height >= memory.height, place.round < Self.roundLimit else { return }
            let index = entries.firstIndex { $0.place >= place } ?? entries.count
            if index < entries.count, entries[index].place == place { return }
            entries.insert((place, entry), at: index)
            if entries.count > Self.entriesKept { entries.removeLast() }
        }
    }

    var place: LogPlace { LogPlace(height: memory.height, round: memory.round) }

    /// What the round in work is about, as far as anybody has said. Another validator's vote says what the log had.
    var target: Target? {
        if let bound = memory.bound { return .block(bound) }
        switch entries.first(where: { $0.place == place })?.entry {
        case .block(let id): return .block(id)
        case .foreign: return .foreign
        case nil: return votes(of: memory.round)?.someBlock.map { .block($0) }
        }
    }

    func votes(of round: UInt32) -> RoundVotes? { rounds.first { $0.round == round } }

    // MARK: Timers

    mutating func set(_ timer: Timer, at time: Int64, _ out: inout EngineOutput) {
        guard deadlines[timer.rawValue] != time else { return }
        deadlines[timer.rawValue] = time
        out.effects.setTimer(id: timer.id, timeMilliseconds: time)
    }

    mutating func cancel(_ timer: Timer, _ out: inout EngineOutput) {
        guard deadlines[timer.rawValue] != nil else { return }
        deadlines[timer.rawValue] = nil
        out.effects.cancelTimer(id: timer.id)
    }

    private mutating func timer(_ id: UInt64, at now: Int64, _ out: inout EngineOutput) {
        // One that was replaced may still be on its way.
        guard let timer = Timer.allCases.first(where: { $0.id == id }), let due = deadlines[timer.rawValue], due <= now
        else { return }
        deadlines[timer.rawValue] = nil
        switch timer {
        // Looked at with all the rest.
        case .turn, .missing: break
        case .status: remind(at: now, &out)
        case .retry: if let asked { out.effects.signVote(asked) }
        }
    }
}

/// Bugs that the tests must find. The plugin plants none.
package enum PlantedBug: String, CaseIterable, Sendable {
    /// Takes one unit of power less for a quorum.
    case quorumOffByOne
    /// Goes to the next round as if nothing could be decided in this one.
    case forgottenBond
    /// Never votes against a block that nobody has.
    case endlessPatience
}
