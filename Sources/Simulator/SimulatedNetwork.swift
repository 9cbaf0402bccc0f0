internal import PluginHost
package import Primitives

/// A network of engines in virtual time. Everything follows from the plan and its seed.
///
/// Each process has a host that does what a node does: it keeps what it is asked to keep, signs no second vote at a
/// place, builds, checks and stores blocks, and fetches those that others have decided. One thread at a time.
package struct SimulatedNetwork {
    let plan: NetworkPlan
    let scheme: SignatureScheme
    let make: EngineMaker
    let trace: Trace?
    var random: SeededRandom
    var processes: [SimulatedProcess] = []
    var queue = HappeningQueue()
    var now: Int64 = NetworkPlan.epoch
    let chain: Digest
    let genesis: Digest
    let keyNumbers: [PublicKey: Int]
    /// The group of each process, while there is a partition.
    var groups: [Int]?
    /// Links that are cut in one direction: from × processes + to.
    var cutLinks: Set<Int> = []
    /// When the newest message of each link arrives, where none overtakes another.
    var arrivals: [Int64]
    /// Old messages, which may come again.
    var oldLetters: [(to: Int, letter: Letter)] = []
    /// Which processes each of a pair of twins talks to.
    var twinSides: [Bool]
    /// When faults stopped.
    var faultsStopped: Int64?
    package internal(set) var counts = FaultCounts()
    /// What honest processes decided.
    package internal(set) var decided: [UInt64: Digest] = [:]
    package internal(set) var decisionRounds: [UInt64: UInt32] = [:]
    package internal(set) var accused: Set<PublicKey> = []
    package internal(set) var steps = 0
    package internal(set) var hasForked = false
    /// The highest round that any process has signed in.
    package internal(set) var highestRound: UInt32 = 0
    /// What keys signed whose machines keep their word, and, where forks are looked at, what anybody's votes said that
    /// reached an honest process.
    var signed: [VotePlace: ConsensusVote] = [:]
    var transcript: [VotePlace: [ConsensusVote]] = [:]
    /// When a block's proposal last reached an honest process.
    var proposalSeen: [Digest: Int64] = [:]

    /// - Parameters:
    ///   - scheme: nil takes the stand-in, whose signatures cost nothing.
    ///   - trace: gets every event and effect.
    package init(
        _ plan: NetworkPlan, scheme: SignatureScheme? = nil, chain: Digest? = nil, trace: Trace? = nil,
        make: @escaping EngineMaker
    ) {
        self.plan = plan
        self.make = make
        self.trace = trace
        random = SeededRandom(seed: plan.seed)
        self.scheme = scheme ?? .cheap(count: plan.powers.count, seed: plan.seed)
        let keys = self.scheme.keys.prefix(plan.powers.count)
        keyNumbers = Dictionary(zip(keys, 0...), uniquingKeysWith: { first, _ in first })
        let drawn = random.digest()
        self.chain = chain ?? drawn
        genesis = random.digest()
        for key in plan.powers.indices {
            let treachery = plan.treacherous[key]
            for _ in 0..<(treachery?.isDoubled == true ? 2 : 1) {
                processes.append(
                    SimulatedProcess(
                        key: key, treachery: treachery, hasLyingDisk: plan.lyingDisks.contains(key)))
            }
        }
        twinSides = processes.map { _ in false }
        arrivals = Array(repeating: 0, count: processes.count * processes.count)
    }

    /// Runs until all honest processes have all heights.
    ///
    /// - Throws: ``NetworkFinding``, the first rule that is broken.
    package mutating func run() throws(NetworkFinding) {
        do {
            try runToEnd()
        } catch let finding as NetworkFinding {
            trace?.write(at: now, "finding: \(finding.rule)")
            throw finding
        } catch {
            // Honest hosts feed what the interface allows: an engine has no reason to refuse it.
            let found = finding("the engine fails: \(error)")
            trace?.write(at: now, "finding: \(found.rule)")
            throw found
        }
    }

    private mutating func runToEnd() throws {
        for index in processes.indices {
            // In a script there is something to decide from the first moment on.
            if plan.script != nil { processes[index].waiting = 1 }
            let skew = plan.faults.skew
            processes[index].wallOffset = skew == 0 ? 0 : random.within(-skew...skew)
            if processes[index].wallOffset != 0 { counts[.clockSkew] += 1 }
            try start(index)
        }
        drawTwinSides()
        queue.push(.tick, at: now)
        while !isDone {
            guard let next = queue.pop() else { throw finding("nothing is left to happen") }
            now = max(now, next.time)
            try perform(next.what)
            guard let stopped = faultsStopped else { continue }
            if now - stopped > plan.patience {
                if plan.expectsForks { return try checkFork() }
                let heights = processes.filter(\.isHonest).map(\.height)
                throw finding(
                    "no progress within \(plan.patience / 1000) s after faults stopped: "
                        + "heights \(heights) of \(plan.heights)")
            }
        }
        if !plan.expectsForks { try checkEvidence() }
        try checkFork()
    }

    private var isDone: Bool { processes.allSatisfy { !$0.isHonest || $0.height >= plan.heights } || hasForked }

    /// Milliseconds of virtual time since the start.
    package var elapsedMilliseconds: Int64 { now - NetworkPlan.epoch }

    var areFaultsOn: Bool { faultsStopped == nil }

    func finding(_ rule: String) -> NetworkFinding { NetworkFinding(seed: plan.seed, rule: rule) }

    /// The validators of a height, sorted by key as their numbers are.
    func validators(at height: UInt64) -> [ConsensusValidator] {
        zip(scheme.keys, plan.powers(at: height)).filter { $0.1 > 0 }.map { ConsensusValidator(key: $0, power: $1) }
    }

    // MARK: Happenings

    private mutating func perform(_ what: Happening) throws {
        switch what {
        case .event(let index, let life, let body):
            if processes[index].life == life { try feed(index, body) }
        case .message(let index, let from, let letter): try deliver(letter, from: from, to: index)
        case .timer(let index, let life, let id, let due):
            guard processes[index].life == life, processes[index].timers[id] == due else { return }
            // What is due goes by the process's own clock.
            let early = due - time(index)
            guard early <= 0 else {
                return queue.push(.timer(process: index, life: life, id: id, due: due), at: now + early)
            }
            processes[index].timers[id] = nil
            try feed(index, .timer(id: id))
        case .stored(let index, let life, let decision, let byCertificate):
            if processes[index].life == life { try store(decision, index, byCertificate: byCertificate) }
        case .restart(let index, let life): if processes[index].life == life { try start(index) }
        case .tick: try tick()
        }
    }

    private mutating func tick() throws {
        queue.push(.tick, at: now + 100)
        if areFaultsOn {
            drawFaults()
            let highest = processes.filter(\.isHonest).map(\.height).max() ?? 0
            if elapsedMilliseconds >= plan.faultsEnd || highest >= plan.faultsEndHeight { try stopFaults() }
        }
        if random.chance(100) { drawTwinSides() }
        let heights = processes.filter(\.isHonest).map(\.height)
        // Not while a block is on its way to some: who has it already would wait for who has not.
        let isBusy = random.chance(300) && heights.min() == heights.max()
        for index in processes.indices {
            guard processes[index].engine != nil else { continue }
            // One client talks to all nodes; while there are faults, not to all at once.
            if areFaultsOn ? random.chance(300) : isBusy, processes[index].waiting == 0 {
                processes[index].waiting = 1 + random.below(5)
                try feed(index, .transactions(count: processes[index].waiting, bytes: 250))
            }
            fetch(index)
            try betray(index)
        }
    }

    private mutating func stopFaults() throws {
        faultsStopped = now
        groups = nil
        cutLinks = []
        trace?.write(at: now, "faults stop")
        for index in processes.indices {
            // Clocks are right again; a node that has followed one ahead has to be started for that.
            let isAhead = plan.jumpingClocks.contains(processes[index].key)
            if isAhead { processes[index].wallOffset = 0 }
            // A restart that is under way does nothing, since its life is over.
            if isAhead || processes[index].engine == nil { try start(index) }
        }
    }

    /// Blocks that others have decided come with their certificates.
    private mutating func fetch(_ index: Int) {
        let height = processes[index].height
        let source = processes.indices.first {
            processes[$0].height > height && processes[$0].engine != nil && processes[$0].isHonest
                && reaches($0, index) && reaches(index, $0)
        }
        guard let source, !areFaultsOn || random.chance(300) else { return }
        queue.push(
            .stored(
                process: index, life: processes[index].life, processes[source].disk.chain[Int(height)],
                byCertificate: true),
            at: now + random.within(plan.faults.delay))
    }
}
