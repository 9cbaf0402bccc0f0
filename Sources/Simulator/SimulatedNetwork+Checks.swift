internal import PluginHost
internal import Primitives

extension SimulatedNetwork {
    /// A certificate as anybody checks it: more than two thirds of the height's power, over this very block.
    func check(_ decision: DecidedBlock) throws {
        let powers = plan.powers(at: decision.block.height)
        let total = powers.reduce(0, +)
        var power: UInt64 = 0
        for entry in decision.certificate {
            let vote = ConsensusVote(
                chain: chain, height: decision.block.height, round: decision.round, step: .commit,
                headerID: decision.block.id)
            guard scheme.isValid(CastVote(key: entry.key, vote: vote, signature: entry.signature)) else {
                throw finding("a certificate holds a bad signature (EFF-2)")
            }
            power += keyNumbers[entry.key].map { powers[$0] } ?? 0
        }
        guard plan.certifiesByThreshold || power * 3 > total * 2, power >= plan.threshold else {
            throw finding("power \(power) of \(total) decides height \(decision.block.height)")
        }
    }

    /// Validity, and proposer-based time: about the time at which the block was made and seen.
    func checkBlock(_ decision: DecidedBlock) throws {
        let block = decision.block
        guard block.isGood else { throw finding("a block is decided that no host called valid (CON-4)") }
        var tolerance = plan.messageDelay
        for _ in 0..<decision.round { tolerance += tolerance / 4 + 1 }
        let slack = plan.precision + 2 * plan.faults.skew
        let seen = max(block.madeAt, proposalSeen[block.id] ?? 0)
        guard block.timeMilliseconds <= seen + slack, block.timeMilliseconds >= block.madeAt - tolerance - slack else {
            let offset = block.timeMilliseconds - block.madeAt
            throw finding("height \(block.height) has a time \(offset) ms off the one at which it was made")
        }
    }

    // MARK: Evidence

    /// What two votes of a key prove (EVI-1, EVI-2).
    static func contradict(_ first: ConsensusVote, _ second: ConsensusVote) -> Bool {
        guard first.chain == second.chain, first.height == second.height else { return false }
        if first.round == second.round, first.step == second.step { return first != second }
        return first.step == .commit && second.step == .prepare && first.round < second.round
            && first.headerID != .zero && second.headerID != .zero && first.headerID != second.headerID
            && second.proofRound <= first.round
    }

    mutating func accuse(_ index: Int, _ first: CastVote, _ second: CastVote) throws {
        guard processes[index].isHonest else { return }
        guard first.key == second.key, scheme.isValid(first), scheme.isValid(second),
            Self.contradict(first.vote, second.vote)
        else {
            throw finding("evidence that proves nothing (EVI-1, EVI-2)")
        }
        if let key = keyNumbers[first.key], isAccountable(key) {
            throw finding(
                "an honest validator is accused (CON-12): \(Trace.text(first.vote)), then \(Trace.text(second.vote))")
        }
        accused.insert(first.key)
    }

    private func isAccountable(_ key: Int) -> Bool {
        plan.treacherous[key] == nil && !plan.lyingDisks.contains(key)
    }

    /// Notes what an honest process was told.
    mutating func record(_ cast: CastVote, at index: Int) {
        guard processes[index].isHonest, let key = keyNumbers[cast.key], cast.vote.chain == chain else { return }
        let place = VotePlace(key: key, cast.vote)
        if cast.vote.step == .propose { proposalSeen[cast.vote.headerID] = now }
        if plan.expectsForks, transcript[place]?.contains(cast.vote) != true {
            transcript[place, default: []].append(cast.vote)
        }
        // Of validators of the height alone; the own key's are the host's affair. Of votes for rounds that are ahead an
        // engine keeps few: those of a flood need not be found to contradict one another.
        guard plan.treacherous[key]?.contradictsItself == true, key != processes[index].key,
            plan.powers(at: cast.vote.height)[key] > 0
        else { return }
        processes[index].watch.note(cast.vote, key: key, working: processes[index].height + 1)
    }

    /// Whoever saw contradictions again and again has accused somebody, at the height in work and one below: above
    /// that an engine may have forgotten.
    func checkEvidence() throws {
        guard accused.isEmpty else { return }
        for process in processes where process.isHonest {
            let seen = process.watch.contradictions + process.watch.lateContradictions
            if seen > 2 { throw finding("contradicting votes were seen \(seen) times and nobody is accused") }
        }
    }

    /// A fork names a third of power, in what honest processes were told.
    func checkFork() throws {
        guard hasForked else { return }
        var offenders: Set<Int> = []
        for place in transcript.keys.sorted() {
            guard let votes = transcript[place], !offenders.contains(place.key) else { continue }
            let others = transcript.filter { $0.key.key == place.key && $0.key.height == place.height }.values
            let isProven =
                votes.count > 1
                || others.contains { second in
                    second.contains { other in votes.contains { Self.contradict($0, other) } }
                }
            if isProven { offenders.insert(place.key) }
        }
        if let wronged = offenders.sorted().first(where: isAccountable) {
            throw finding("honest validator \(wronged) contradicts itself")
        }
        let power = offenders.reduce(0) { $0 + plan.powers[$1] }
        let total = plan.powers.reduce(0, +)
        guard power * 3 >= total else {
            throw finding("a fork, and evidence against \(power) of \(total) only")
        }
    }
}
