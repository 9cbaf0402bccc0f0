internal import PluginHost
internal import Primitives

extension SimulatedNetwork {
    /// What an engine sends to one validator, or to all others of the height that it works on.
    mutating func send(_ message: ConsensusEffect.Message, to recipient: PublicKey?, from index: Int) {
        let process = processes[index]
        // Nothing leaves before what it depends on is written; the engine sends it again.
        if process.unsaved != nil { return }
        if process.treachery == .silent {
            counts[.silence] += 1
            return
        }
        if process.treachery != nil, !message.votes.isEmpty { processes[index].template = message }
        let letter = letter(message, from: index)
        let twisted = process.treachery == .doubleVote ? contradiction(to: message, from: index) : nil
        let powers = plan.powers(at: process.height + 1)
        for other in processes.indices where processes[other].key != process.key {
            if let recipient {
                guard scheme.keys[processes[other].key] == recipient else { continue }
            } else if powers[processes[other].key] == 0 {
                continue
            }
            post(letter, from: index, to: other)
            if let twisted, random.chance(500) { post(twisted, from: index, to: other) }
        }
    }

    func letter(_ message: ConsensusEffect.Message, from index: Int) -> Letter {
        Letter(
            sender: processes[index].key, message: message,
            block: message.attachment.flatMap { processes[index].blocks[$0] },
            isSigned: message.votes.allSatisfy(scheme.isValid))
    }

    /// Puts a message on its way, as the network of the moment takes it.
    mutating func post(_ letter: Letter, from index: Int, to other: Int) {
        guard reaches(index, other) else {
            if groups != nil { counts[.partition] += 1 }
            return
        }
        guard areFaultsOn else {
            return put(letter, from: index, to: other, after: plan.script == nil ? random.within(1...20) : 1)
        }
        if random.chance(plan.faults.lost) {
            counts[.loss] += 1
            return
        }
        let isDoubled = random.chance(plan.faults.doubled)
        if isDoubled { counts[.duplicate] += 1 }
        for _ in 0..<(isDoubled ? 2 : 1) {
            var delay = plan.script == nil ? random.within(plan.faults.delay) : 1
            if delay > 20 { counts[.delay] += 1 }
            if let slow = plan.faults.slowPeer,
                processes[index].key == slow.validator || processes[other].key == slow.validator
            {
                delay += slow.milliseconds
                counts[.slowPeer] += 1
            }
            put(letter, from: index, to: other, after: delay)
        }
        guard plan.faults.replayed > 0 else { return }
        // A sample of all that was ever sent.
        if oldLetters.count < 512 {
            oldLetters.append((other, letter))
        } else {
            oldLetters[Int(random.below(512))] = (other, letter)
        }
    }

    private mutating func put(_ letter: Letter, from index: Int, to other: Int, after delay: Int64) {
        let link = index * processes.count + other
        var arrival = now + delay
        if arrival < arrivals[link] {
            if plan.faults.reorders, areFaultsOn {
                counts[.reorder] += 1
            } else {
                arrival = arrivals[link]
            }
        }
        arrivals[link] = max(arrivals[link], arrival)
        queue.push(.message(process: other, from: index, letter), at: arrival)
    }

    mutating func deliver(_ letter: Letter, from: Int, to index: Int) throws {
        // A host drops a message as a whole where a signature does not hold (EVT-3).
        guard processes[index].engine != nil, letter.isSigned, !processes[index].isStalled else { return }
        for cast in letter.message.votes { record(cast, at: index) }
        try feed(
            index,
            .message(
                sender: sender(of: letter), attachment: letter.block?.id, votes: letter.message.votes,
                payload: letter.message.payload), with: letter.block)
    }

    private func sender(of letter: Letter) -> PublicKey {
        letter.sender < scheme.keys.count ? scheme.keys[letter.sender] : Self.phantom(letter.sender)
    }

    // MARK: Who reaches whom

    func reaches(_ from: Int, _ to: Int) -> Bool {
        if let script = plan.script { return isScripted(script, from, to) }
        if let groups, groups[from] != groups[to] { return false }
        if !cutLinks.isEmpty, cutLinks.contains(from * processes.count + to) { return false }
        for (one, other) in [(from, to), (to, from)] where processes[one].treachery?.isDoubled == true {
            guard processes[one].treachery == .twins else { continue }
            // The first of two twins talks to one side, the second to the other.
            let isFirst = one + 1 < processes.count && processes[one + 1].key == processes[one].key
            if twinSides[other] != isFirst { return false }
        }
        return true
    }

    /// By the round in which the sender works, until all reach all.
    private func isScripted(_ script: PartitionScript, _ from: Int, _ to: Int) -> Bool {
        if elapsedMilliseconds >= script.healsAfter { return true }
        return script.connects(from, to, round: processes[from].round)
    }

    mutating func drawTwinSides() { twinSides = processes.map { _ in random.chance(500) } }

    /// What changes ten times a second while faults are on.
    mutating func drawFaults() {
        let faults = plan.faults
        if faults.partitions > 0, random.chance(100) {
            groups = random.chance(faults.partitions) ? processes.map { _ in Int(random.below(2)) } : nil
            trace?.write(at: now, groups.map { "groups \($0)" } ?? "no groups")
        }
        if faults.oneWayPartitions > 0, random.chance(100) {
            cutLinks = []
            if random.chance(faults.oneWayPartitions) {
                let victim = Int(random.below(UInt64(processes.count)))
                let isDeaf = random.chance(500)
                for other in processes.indices where other != victim && random.chance(700) {
                    cutLinks.insert(
                        isDeaf ? other * processes.count + victim : victim * processes.count + other)
                }
                counts[.asymmetricPartition] += 1
                trace?.write(at: now, "cut links \(cutLinks.sorted())")
            }
        }
        if faults.replayed > 0, !oldLetters.isEmpty, random.chance(faults.replayed) {
            let old = oldLetters[Int(random.below(UInt64(oldLetters.count)))]
            counts[.replay] += 1
            queue.push(.message(process: old.to, from: 0, old.letter), at: now + random.within(faults.delay))
        }
        guard faults.jumps > 0 else { return }
        for index in processes.indices where plan.jumpingClocks.contains(processes[index].key) {
            guard random.chance(faults.jumps / 10) else { continue }
            processes[index].wallOffset = random.within(-faults.jumpMilliseconds...faults.jumpMilliseconds)
            counts[.clockJump] += 1
            trace?.write(at: now, "\(name(index)) * its clock is set \(processes[index].wallOffset) ms off")
            hurryTimers(index)
        }
    }

    /// A clock that is set forward makes timers due.
    private mutating func hurryTimers(_ index: Int) {
        let time = time(index)
        for (id, due) in processes[index].timers.sorted(by: { ($0.value, $0.key) < ($1.value, $1.key) }) {
            queue.push(
                .timer(process: index, life: processes[index].life, id: id, due: due), at: now + max(0, due - time))
        }
    }
}
