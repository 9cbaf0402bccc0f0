internal import PluginHost
internal import Primitives

extension SimulatedNetwork {
    /// Writes one transaction: what changes, and the engine's records if they wait. The process may end before it or
    /// after it, and the disk may refuse it.
    ///
    /// - Returns: whether it is on the disk; what follows must look at `life` first.
    @discardableResult
    mutating func write(_ index: Int, _ change: (inout Disk) -> Void) -> Bool {
        let isExposed = areFaultsOn && processes[index].isHonest
        if isExposed {
            if random.chance(plan.faults.fullDisk) {
                counts[.fullDisk] += 1
                trace?.write(at: now, "\(name(index)) * the disk is full")
                return false
            }
            // Part of a transaction is none: the log's checksums end before it.
            for fault in [Fault.tornWrite, .truncatedWrite] {
                let rate = fault == .tornWrite ? plan.faults.tornWrites : plan.faults.truncatedWrites
                guard random.chance(rate) else { continue }
                crash(index, fault)
                return false
            }
            if random.chance(plan.faults.crashes / 2) {
                crash(index, .crash)
                return false
            }
        }
        change(&processes[index].disk)
        if let records = processes[index].unsaved {
            processes[index].disk.records = records
            processes[index].unsaved = nil
        }
        if processes[index].hasLyingDisk {
            if areFaultsOn, random.chance(700) {
                counts[.lostSync] += 1
            } else {
                processes[index].syncedDisk = processes[index].disk
            }
        }
        guard isExposed else { return true }
        if random.chance((plan.faults.crashes + 1) / 2) { crash(index, .crash) }
        if plan.damagedDisks.contains(processes[index].key), random.chance(plan.faults.flippedBits) {
            crash(index, .crash)
            damage(index)
        }
        return true
    }

    /// The engine's records alone, where no vote follows them.
    mutating func saveRecords(_ index: Int) {
        guard processes[index].unsaved != nil else { return }
        write(index) { _ in }
    }

    private static let restoreMargin: Int64 = 10_000

    /// A row is damaged while the process is down. Where the node could not start, its operator restores a backup.
    private mutating func damage(_ index: Int) {
        counts[.bitFlip] += 1
        processes[index].isDamaged = true
        if random.chance(300) {
            trace?.write(at: now, "\(name(index)) * a kept block is damaged: it starts without")
            processes[index].disk.records.blocks = [:]
            return
        }
        var restored = Disk()
        let kept = Int(random.below(processes[index].height + 1))
        restored.chain = Array(processes[index].disk.chain.prefix(kept))
        // What `vinculum restore` writes, on a machine whose clock its operator has looked at: the clocks of those who
        // make blocks may be ahead.
        restored.signingHold = now + Self.restoreMargin
        trace?.write(at: now, "\(name(index)) * its state is damaged: restored at height \(kept), signs nothing yet")
        processes[index].disk = restored
        processes[index].syncedDisk = restored
    }

    // MARK: Blocks

    /// Stores a decided block; where the disk does not take it, all waits until it does.
    mutating func store(_ decision: DecidedBlock, _ index: Int, byCertificate: Bool) throws {
        // Another came first.
        guard decision.block.height == processes[index].height + 1 else { return }
        if processes[index].isStalled, byCertificate { return }
        if byCertificate { try check(decision) }
        let life = processes[index].life
        let records = processes[index].unsaved
        processes[index].unsaved = nil
        let isWritten = write(index) { $0.chain.append(decision) }
        guard processes[index].life == life else {
            // It may be there all the same.
            if isWritten { try noteDecision(decision, index) }
            return
        }
        processes[index].unsaved = records
        guard isWritten else {
            processes[index].isStalled = true
            queue.push(.stored(process: index, life: life, decision, byCertificate: false), at: now + 1_000)
            return
        }
        try noteDecision(decision, index)
        try committed(decision, index, byCertificate: byCertificate)
    }

    /// Validity and agreement.
    private mutating func noteDecision(_ decision: DecidedBlock, _ index: Int) throws {
        let block = decision.block
        guard processes[index].isHonest else { return }
        if let other = decided[block.height], other != block.id {
            hasForked = true
            guard plan.expectsForks else { throw finding("two blocks are decided at height \(block.height)") }
            return
        }
        let isFirst = decided[block.height] == nil
        decided[block.height] = block.id
        guard isFirst else { return }
        decisionRounds[block.height] = decision.round
        try checkBlock(decision)
    }

    private mutating func committed(_ decision: DecidedBlock, _ index: Int, byCertificate: Bool) throws {
        let block = decision.block
        processes[index].isStalled = false
        processes[index].blocks = [:]
        processes[index].round = 0
        if let hold = processes[index].disk.signingHold, block.timeMilliseconds > hold {
            processes[index].disk.signingHold = nil
        }
        let changed = validatorsAfter(block.height)
        if changed != nil, byCertificate == false { counts[.setChange] += 1 }
        processes[index].watch.advance(sameValidators: changed == nil)
        // Without faults, all have the same transactions.
        let isBusy = areFaultsOn ? random.chance(300) : block.height % 3 == 0
        processes[index].waiting = isBusy ? 1 : 0
        let held = processes[index].held
        processes[index].held = []
        let life = processes[index].life
        try feed(
            index,
            .blockCommitted(
                height: block.height, headerID: block.id, blockTimeMilliseconds: block.timeMilliseconds,
                byCertificate: byCertificate, transactionsWaiting: processes[index].waiting, validators: changed,
                threshold: changed == nil ? 0 : plan.threshold))
        for body in held where processes[index].life == life { try feed(index, body) }
    }

    /// The next height's validators, where they are others.
    private func validatorsAfter(_ height: UInt64) -> [ConsensusValidator]? {
        guard plan.changes.contains(where: { $0.firstHeight == height + 1 }) else { return nil }
        return validators(at: height + 1)
    }

    // MARK: Lives

    mutating func start(_ index: Int) throws {
        processes[index].life += 1
        processes[index].timers = [:]
        processes[index].lastTime = 0
        processes[index].clockOffset = processes[index].wallOffset
        processes[index].watch = ContradictionWatch()
        processes[index].unsaved = nil
        processes[index].isStalled = false
        processes[index].held = []
        processes[index].round = 0
        // What is kept lives on, the rest of the candidates is gone (EFF-5).
        let height = processes[index].height
        processes[index].blocks = processes[index].disk.records.blocks.filter { $0.value.height == height + 1 }
        let key = processes[index].key
        let engine = try make(key)
        try engine.start(snapshot: processes[index].disk.records.state)
        processes[index].engine = engine
        let head = processes[index].disk.chain.last?.block
        trace?.write(at: now, "\(name(index)) * starts at height \(height)")
        try feed(
            index,
            .start(
                .init(
                    height: height, chain: chain, headerID: head?.id ?? genesis, seed: random.digest(),
                    ownKey: scheme.keys[key], parameters: plan.parameters, validators: validators(at: height + 1),
                    threshold: plan.threshold, blocks: processes[index].blocks.keys.sorted(),
                    blockTimeMilliseconds: head?.timeMilliseconds ?? NetworkPlan.epoch - 1)))
        if processes[index].waiting > 0 { try feed(index, .transactions(count: processes[index].waiting, bytes: 250)) }
    }

    private mutating func crash(_ index: Int, _ fault: Fault) {
        guard processes[index].engine != nil else { return }
        counts[fault] += 1
        trace?.write(at: now, "\(name(index)) * ends: \(fault.rawValue)")
        processes[index].engine = nil
        processes[index].life += 1
        if processes[index].hasLyingDisk { processes[index].disk = processes[index].syncedDisk }
        queue.push(.restart(process: index, life: processes[index].life), at: now + random.within(20...3_000))
    }
}
