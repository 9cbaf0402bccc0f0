internal import PluginHost
internal import Primitives

extension SimulatedNetwork {
    private var totalPower: UInt64 { plan.powers.reduce(0, +) }

    /// A certificate as anybody checks it: more than two thirds of power, over this very block.
    func check(_ decision: DecidedBlock) throws {
        var power: UInt64 = 0
        for entry in decision.certificate {
            let vote = ConsensusVote(
                chain: chain, height: decision.block.height, round: decision.round, step: .commit,
                headerID: decision.block.id)
            guard scheme.isValid(CastVote(key: entry.key, vote: vote, signature: entry.signature)) else {
                throw finding("a certificate holds a bad signature (EFF-2)")
            }
            power += validators.first { $0.key == entry.key }?.power ?? 0
        }
        guard plan.certifyingPower > 0 ? power >= plan.certifyingPower : power * 3 > totalPower * 2 else {
            throw finding("power \(power) of \(totalPower) decides height \(decision.block.height)")
        }
    }

    /// Validity, and proposer-based time: about the time at which the block was made.
    func checkBlock(_ decision: DecidedBlock) throws {
        let block = decision.block
        guard block.isGood else { throw finding("a block is decided that no host called valid (CON-4)") }
        var tolerance = NetworkPlan.messageDelay
        for _ in 0..<decision.round { tolerance += tolerance / 4 + 1 }
        let slack = NetworkPlan.precision + 2 * plan.faults.skew
        let offset = block.timeMilliseconds - block.madeAt
        guard offset <= slack + 600, offset >= -(tolerance + slack) else {
            throw finding("height \(block.height) has a time \(offset) ms off the one at which it was made")
        }
    }

    // MARK: Evidence

    static func contradict(_ first: ConsensusVote, _ second: ConsensusVote) -> Bool {
        guard first.height == second.height else { return false }
        if first.round == second.round, first.step == second.step { return first != second }
        return first.step == .commit && second.step == .prepare && first.round < second.round
            && first.headerID != .zero && second.headerID != .zero && first.headerID != second.headerID
            && second.proofRound <= first.round
    }

    mutating func accuse(_ index: Int, _ first: CastVote, _ second: CastVote) throws {
        guard actors[index].isHonest else { return }
        guard scheme.isValid(first), scheme.isValid(second), Self.contradict(first.vote, second.vote) else {
            throw finding("evidence that proves nothing (EVI-1, EVI-2)")
        }
        if let key = scheme.keys.firstIndex(of: first.key), plan.treacherous[key] == nil {
            throw finding("an honest validator is accused (CON-12): \(first.vote) \(second.vote)")
        }
        accused.insert(first.key)
    }

    /// Notes what an honest process was told.
    mutating func record(_ cast: CastVote, at index: Int) {
        guard actors[index].isHonest else { return }
        let place = VotePlace(cast.key, cast.vote)
        if transcript[place]?.contains(cast.vote) != true { transcript[place, default: []].append(cast.vote) }
        guard cast.vote.height == actors[index].height + 1, cast.vote.round < 3 else { return }
        if let other = actors[index].delivered[place], other != cast.vote { actors[index].contradictionsSeen += 1 }
        actors[index].delivered[place] = cast.vote
    }

    /// Whoever saw contradictions again and again has accused somebody.
    func checkEvidence() throws {
        for actor in actors where actor.isHonest && actor.contradictionsSeen > 2 && accused.isEmpty {
            throw finding("contradicting votes were seen \(actor.contradictionsSeen) times and nobody is accused")
        }
    }

    /// A fork names a third of power, in what honest processes were told.
    func checkFork() throws {
        var offenders: Set<PublicKey> = []
        let places = transcript.keys
        for place in places {
            guard let votes = transcript[place], !offenders.contains(place.key) else { continue }
            if votes.count > 1 {
                offenders.insert(place.key)
                continue
            }
            let others = places.filter { $0.key == place.key && $0.height == place.height }
            let isAmnesiac = others.contains { other in
                (transcript[other] ?? []).contains { second in votes.contains { Self.contradict($0, second) } }
            }
            if isAmnesiac { offenders.insert(place.key) }
        }
        let power = validators.filter { offenders.contains($0.key) }.reduce(0) { $0 + $1.power }
        for offender in offenders {
            if let key = scheme.keys.firstIndex(of: offender), plan.treacherous[key] == nil {
                throw finding("an honest validator contradicts itself")
            }
        }
        guard power * 3 >= totalPower else {
            throw finding("a fork, and evidence against \(power) of \(totalPower) only")
        }
    }
}
