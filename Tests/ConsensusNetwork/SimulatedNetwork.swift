internal import PluginHost
package import Primitives

/// A network of engines in virtual time. Everything follows from the plan and its seed.
///
/// Each process has a host that does what a node does: it keeps what it is asked to keep, signs no second vote at a
/// place, builds, checks and stores blocks, and fetches those that others have decided.
package struct SimulatedNetwork {
    let plan: NetworkPlan
    let scheme: SignatureScheme
    let make: (_ key: Int) throws -> any SimulatedEngine
    var random: SeededRandom
    var actors: [Actor] = []
    var queue = HappeningQueue()
    var now: Int64 = NetworkPlan.epoch
    let chain: Digest
    let genesis: Digest
    /// The group of each process, while there is a partition.
    var groups: [Int]?
    /// Which processes each of a pair of twins talks to.
    var twinSides: [Bool]
    /// What honest processes decided.
    package internal(set) var decided: [UInt64: Digest] = [:]
    package internal(set) var decisionRounds: [UInt64: UInt32] = [:]
    package internal(set) var accused: Set<PublicKey> = []
    package internal(set) var steps = 0
    package internal(set) var hasForked = false
    /// What honest keys signed, and what anybody's votes said that reached an honest process.
    var signed: [VotePlace: ConsensusVote] = [:]
    var transcript: [VotePlace: [ConsensusVote]] = [:]
    let validators: [ConsensusValidator]

    package init(
        _ plan: NetworkPlan, scheme: SignatureScheme? = nil,
        make: @escaping (_ key: Int) throws -> any SimulatedEngine
    ) {
        self.plan = plan
        self.make = make
        random = SeededRandom(seed: plan.seed)
        self.scheme = scheme ?? .cheap(count: plan.powers.count, seed: plan.seed)
        validators = zip(self.scheme.keys, plan.powers).map { ConsensusValidator(key: $0, power: $1) }
        chain = random.digest()
        genesis = random.digest()
        for key in plan.powers.indices {
            let treachery = plan.treacherous[key]
            actors.append(Actor(key: key, treachery: treachery))
            if treachery == .twins || treachery == .amnesia { actors.append(Actor(key: key, treachery: treachery)) }
        }
        twinSides = actors.map { _ in false }
    }

    /// Runs until all honest processes have all heights; throws what is broken.
    package mutating func run() throws {
        for index in actors.indices {
            actors[index].skew = plan.faults.skew == 0 ? 0 : random.within(-plan.faults.skew...plan.faults.skew)
            try start(index)
        }
        drawTwinSides()
        queue.push(.tick, at: now)
        while !isDone {
            guard let next = queue.pop() else { throw finding("nothing is left to happen") }
            now = max(now, next.time)
            try perform(next.what)
            guard now - NetworkPlan.epoch <= plan.faultsEnd + plan.patience else {
                if plan.expectsForks, hasForked { return try checkFork() }
                let heights = actors.filter(\.isHonest).map(\.height)
                throw finding("no progress after faults stopped: heights \(heights) of \(plan.heights)")
            }
        }
        try checkEvidence()
        if hasForked { try checkFork() }
    }

    private var isDone: Bool { actors.allSatisfy { !$0.isHonest || $0.height >= plan.heights } || hasForked }

    var areFaultsOn: Bool { now - NetworkPlan.epoch < plan.faultsEnd }

    func finding(_ rule: String) -> NetworkFinding { NetworkFinding(seed: plan.seed, rule: rule) }

    // MARK: Lives

    mutating func start(_ index: Int) throws {
        actors[index].life += 1
        actors[index].timers = [:]
        actors[index].lastTime = 0
        actors[index].delivered = [:]
        actors[index].contradictionsSeen = 0
        // What is kept lives on, the rest of the candidates is gone (EFF-5).
        let height = actors[index].height
        actors[index].blocks = actors[index].disk.kept.filter { $0.value.height == height + 1 }
        let engine = try make(actors[index].key)
        try engine.start(snapshot: actors[index].disk.state)
        actors[index].engine = engine
        let head = actors[index].disk.chain.last?.block
        try feed(
            index,
            .start(
                .init(
                    height: height, chain: chain, headerID: head?.id ?? genesis, seed: random.digest(),
                    ownKey: scheme.keys[actors[index].key], parameters: plan.parameters, validators: validators,
                    threshold: plan.threshold, blocks: actors[index].blocks.keys.sorted(),
                    blockTimeMilliseconds: head?.timeMilliseconds ?? NetworkPlan.epoch - 1)))
        if actors[index].waiting > 0 { try feed(index, .transactions(count: actors[index].waiting, bytes: 250)) }
    }

    mutating func crash(_ index: Int) {
        actors[index].engine = nil
        actors[index].life += 1
        if plan.faults.lostSync { actors[index].disk = actors[index].syncedDisk }
        queue.push(.restart(actor: index, life: actors[index].life), at: now + random.within(20...3_000))
    }

    // MARK: Happenings

    private mutating func perform(_ what: Happening) throws {
        switch what {
        case .event(let index, let life, let body):
            if actors[index].life == life { try feed(index, body) }
        case .message(let index, let from, let message, let block): try deliver(message, block, from: from, to: index)
        case .timer(let index, let life, let id, let due):
            guard actors[index].life == life, actors[index].timers[id] == due else { return }
            actors[index].timers[id] = nil
            try feed(index, .timer(id: id))
        case .stored(let index, let life, let decision, let byCertificate):
            if actors[index].life == life { try commit(decision, index, byCertificate: byCertificate) }
        case .restart(let index, let life): if actors[index].life == life { try start(index) }
        case .tick: try tick()
        }
    }

    private mutating func tick() throws {
        queue.push(.tick, at: now + 100)
        if !areFaultsOn {
            groups = nil
            for index in actors.indices where actors[index].engine == nil {
                // The restart that is under way does nothing, since its life is over.
                try start(index)
            }
        } else if plan.faults.partitions > 0, random.chance(100) {
            groups = random.chance(plan.faults.partitions) ? actors.map { _ in Int(random.below(2)) } : nil
        }
        if random.chance(100) { drawTwinSides() }
        let isBusy = random.chance(300)
        for index in actors.indices {
            guard actors[index].engine != nil else { continue }
            // One client talks to all nodes; while there are faults, not to all at once.
            if areFaultsOn ? random.chance(300) : isBusy, actors[index].waiting == 0 {
                actors[index].waiting = 1 + random.below(5)
                try feed(index, .transactions(count: actors[index].waiting, bytes: 250))
            }
            fetch(index)
            if actors[index].treachery == .flood { flood(from: index) }
            if actors[index].treachery == .amnesia, random.chance(100) {
                actors[index].disk.state = []
                try start(index)
            }
        }
    }

    /// Blocks that others have decided come with their certificates.
    private mutating func fetch(_ index: Int) {
        let height = actors[index].height
        let sources = actors.indices.filter {
            actors[$0].height > height && actors[$0].engine != nil && actors[$0].isHonest && areConnected($0, index)
        }
        guard let source = sources.first, !areFaultsOn || random.chance(300) else { return }
        queue.push(
            .stored(
                actor: index, life: actors[index].life, actors[source].disk.chain[Int(height)], byCertificate: true),
            at: now + random.within(plan.faults.delay))
    }

    func areConnected(_ left: Int, _ right: Int) -> Bool {
        if let groups, groups[left] != groups[right] { return false }
        for (one, other) in [(left, right), (right, left)] where actors[one].treachery == .twins {
            // The first of two twins talks to one side, the second to the other.
            let isFirst = one + 1 < actors.count && actors[one + 1].key == actors[one].key
            if twinSides[other] != isFirst { return false }
        }
        return true
    }

    private mutating func drawTwinSides() { twinSides = actors.map { _ in random.chance(500) } }
}

extension NetworkPlan {
    /// Where virtual time begins: milliseconds since 1970.
    package static let begin: Int64 = epoch
    static let epoch: Int64 = 1_700_000_000_000
}
