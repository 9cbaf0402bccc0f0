extension NetworkPlan {
    /// A plan that follows from a seed: a mixture of the faults, from mild to wild, and fewer than a third of the power
    /// of any height with validators that break the rules, or whose machines do not do what they promise.
    ///
    /// - Parameters:
    ///   - count: of validators at a time.
    ///   - heights: blocks wanted.
    package static func drawn(
        seed: UInt64, validators count: Int, faults: Set<Fault>, heights: UInt64
    ) -> NetworkPlan {
        var random = SeededRandom(seed: SeededRandom.mix(seed) &+ 7)
        var plan = NetworkPlan(seed: seed, powers: drawnPowers(count, &random))
        plan.heights = heights
        // Of few faults all are on; of many some, so that each is also seen without the others.
        let chosen = faults.sorted().filter { _ in faults.count <= 2 || random.chance(600) }
        if chosen.contains(.setChange), count > 1 { plan.drawChanges(&random) }
        plan.drawNetworkFaults(Set(chosen), &random)
        // Forks need a third and more: now and then there is as much, and what is looked at is the evidence.
        plan.expectsForks = count > 3 && plan.changes.isEmpty && !faults.isDisjoint(with: [.twins]) && random.chance(40)
        // Both draw on the same third: what comes first takes more of it.
        if random.chance(600) {
            plan.drawTreachery(chosen.compactMap(\.treachery), &random)
            plan.drawMachineFaults(Set(chosen), &random)
        } else {
            plan.drawMachineFaults(Set(chosen), &random)
            plan.drawTreachery(chosen.compactMap(\.treachery), &random)
        }
        plan.faultsEndHeight = heights * 3 / 4
        plan.faultsEnd = 5_000 + Int64(heights) * 1_500
        // Engines wait for up to a minute at a time: ten turns of three such waits, and what the heights take.
        plan.patience = 1_800_000 + Int64(heights) * 2_000
        if plan.expectsForks {
            plan.heights = min(heights, 20)
            plan.faultsEnd = 30_000
            plan.patience = 15_000
        }
        return plan
    }

    private static func drawnPowers(_ count: Int, _ random: inout SeededRandom) -> [UInt64] {
        random.chance(500) ? Array(repeating: 1, count: count) : (0..<count).map { _ in 1 + random.below(100) }
    }

    /// Every few heights more than a third of the power leaves, and others join.
    private mutating func drawChanges(_ random: inout SeededRandom) {
        let count = powers.count
        let leaving = count / 3 + 1
        let pool = count + leaving
        // Equal powers: so many of them are always more than a third.
        let power = 1 + random.below(5)
        powers = Array(repeating: power, count: count) + Array(repeating: 0, count: leaving)
        var current = powers
        var height: UInt64 = 1
        while height < heights {
            height += 3 + random.below(12)
            var members = (0..<pool).filter { current[$0] > 0 }
            random.shuffle(&members)
            let joining = (0..<pool).filter { current[$0] == 0 }
            let next = 1 + random.below(5)
            for member in members.prefix(leaving) { current[member] = 0 }
            for member in members.dropFirst(leaving) + joining { current[member] = next }
            changes.append(ValidatorChange(firstHeight: height, powers: current))
        }
    }

    private mutating func drawNetworkFaults(_ chosen: Set<Fault>, _ random: inout SeededRandom) {
        faults.reorders = chosen.contains(.reorder)
        if chosen.contains(.loss) { faults.lost = 10 + random.below(291) }
        if chosen.contains(.duplicate) { faults.doubled = 1 + random.below(150) }
        if chosen.contains(.delay) { faults.delay = 1...(20 + random.within(0...280)) }
        if chosen.contains(.replay) { faults.replayed = 20 + random.below(300) }
        if chosen.contains(.partition) { faults.partitions = 50 + random.below(500) }
        if chosen.contains(.asymmetricPartition) { faults.oneWayPartitions = 50 + random.below(500) }
        if chosen.contains(.slowPeer) {
            faults.slowPeer = (Int(random.below(UInt64(powers.count))), 50 + random.within(0...1_950))
        }
    }

    private mutating func drawMachineFaults(_ chosen: Set<Fault>, _ random: inout SeededRandom) {
        if chosen.contains(.crash) { faults.crashes = 1 + random.below(40) }
        if chosen.contains(.tornWrite) { faults.tornWrites = 1 + random.below(20) }
        if chosen.contains(.truncatedWrite) { faults.truncatedWrites = 1 + random.below(20) }
        if chosen.contains(.fullDisk) { faults.fullDisk = 1 + random.below(80) }
        if chosen.contains(.clockSkew) { faults.skew = 1 + random.within(0...(precision / 4)) }
        for fault in [Fault.lostSync, .bitFlip, .clockJump] where chosen.contains(fault) {
            guard let victim = unreliable(random.below(UInt64(powers.count))) else { continue }
            switch fault {
            case .lostSync:
                lyingDisks.insert(victim)
                faults.crashes = max(faults.crashes, 10)
            case .bitFlip:
                damagedDisks.insert(victim)
                faults.flippedBits = 1 + random.below(20)
            default:
                jumpingClocks.insert(victim)
                faults.jumps = 50 + random.below(400)
            }
        }
    }

    /// The first from a number on that may be unreliable, too.
    private func unreliable(_ first: UInt64) -> Int? {
        powers.indices.map { (Int(first) + $0) % powers.count }.first { mayBeUnreliable($0) }
    }

    private var unreliable: Set<Int> {
        lyingDisks.union(damagedDisks).union(jumpingClocks).union(treacherous.keys)
    }

    /// Whether less than a third of each height's power would be unreliable still.
    private func mayBeUnreliable(_ validator: Int) -> Bool {
        let all = unreliable.union([validator])
        let sets: [[UInt64]] = [powers] + changes.map(\.powers)
        return sets.allSatisfy { powers in
            let power: UInt64 = all.reduce(0) { $0 + powers[$1] }
            return power * 3 < powers.reduce(0, +)
        }
    }

    private mutating func drawTreachery(_ kinds: [Treachery], _ random: inout SeededRandom) {
        guard !kinds.isEmpty else { return }
        if expectsForks {
            let total = powers.reduce(0, +)
            var taken: UInt64 = 0
            for validator in powers.indices where taken * 3 < total {
                treacherous[validator] = .twins
                taken += powers[validator]
            }
            expectsForks = taken < total
            faults.partitions = 700
            if expectsForks { return }
            treacherous = [:]
        }
        var order = Array(powers.indices)
        random.shuffle(&order)
        for validator in order where random.chance(700) {
            guard !unreliable.contains(validator), mayBeUnreliable(validator) else { continue }
            treacherous[validator] = kinds[Int(random.below(UInt64(kinds.count)))]
        }
    }
}
