internal import PluginHost
internal import Primitives

extension SimulatedNetwork {
    /// What a process that breaks the rules does ten times a second, beside what its engine does.
    mutating func betray(_ index: Int) throws {
        switch processes[index].treachery {
        case .amnesia:
            guard random.chance(100) else { return }
            counts[.amnesia] += 1
            processes[index].disk.records = EngineRecords()
            try start(index)
        case .twins: counts[.twins] += 1
        case .phantoms: flood(index, .phantomValidators, pretendPhantom)
        case .futureRounds: flood(index, .futureRounds, pretendFuture)
        case .badSignatures: flood(index, .invalidSignatures, pretendSigned)
        default: return
        }
    }

    /// Messages in the form of the engine's own, about other votes.
    private mutating func flood(
        _ index: Int, _ fault: Fault, _ vote: (inout SeededRandom, Int) -> (cast: CastVote, sender: Int)
    ) {
        for _ in 0..<6 {
            let (cast, sender) = vote(&random, index)
            var payload = processes[index].template?.payload ?? []
            if payload.isEmpty || random.chance(200) { payload = random.bytes(Int(random.below(80))) }
            let message = ConsensusEffect.Message(attachment: nil, votes: [cast], payload: payload, priority: .vote)
            let letter = Letter(
                sender: sender, message: message, block: nil, isSigned: scheme.isValid(cast))
            counts[fault] += 1
            for other in processes.indices where processes[other].key != processes[index].key {
                post(letter, from: index, to: other)
            }
        }
    }

    /// A vote that the process could give at its height.
    private func anyVote(_ random: inout SeededRandom, _ index: Int) -> ConsensusVote {
        let known = processes.flatMap { $0.blocks.keys }.sorted()
        let headerID =
            known.isEmpty || random.chance(300) ? random.digest() : known[Int(random.below(UInt64(known.count)))]
        return ConsensusVote(
            chain: chain, height: processes[index].height + 1, round: UInt32(random.below(3)),
            step: random.chance(500) ? .commit : .prepare, headerID: headerID)
    }

    /// Keys that are no validator's sign what would decide a block, if anybody counted them.
    private func pretendPhantom(_ random: inout SeededRandom, _ index: Int) -> (cast: CastVote, sender: Int) {
        let number = scheme.keys.count + Int(random.below(100))
        let key = Self.phantom(number)
        let vote = anyVote(&random, index)
        let signature = SignatureScheme.mixed(key, vote) ?? Self.noSignature(&random)
        return (
            CastVote(key: key, vote: vote, signature: signature),
            random.chance(500) ? number : processes[index].key
        )
    }

    static func phantom(_ number: Int) -> PublicKey {
        var random = SeededRandom(seed: UInt64(number))
        while true { if let key = PublicKey(bytes: random.bytes(32)) { return key } }
    }

    private func pretendFuture(_ random: inout SeededRandom, _ index: Int) -> (cast: CastVote, sender: Int) {
        let key = processes[index].key
        var vote = anyVote(&random, index)
        vote.height = processes[index].height + random.below(4)
        vote.round = UInt32(random.chance(500) ? random.below(40) : random.below(1 << 31))
        if vote.step == .prepare, random.chance(300) { vote.proofRound = UInt32(random.below(UInt64(vote.round) + 1)) }
        return (
            CastVote(key: scheme.keys[key], vote: vote, signature: scheme.sign(key, vote) ?? Self.noSignature(&random)),
            key
        )
    }

    private func pretendSigned(_ random: inout SeededRandom, _ index: Int) -> (cast: CastVote, sender: Int) {
        // In the name of somebody else, too.
        let key = scheme.keys[Int(random.below(UInt64(plan.powers.count)))]
        return (
            CastVote(key: key, vote: anyVote(&random, index), signature: Self.noSignature(&random)),
            processes[index].key
        )
    }

    static func noSignature(_ random: inout SeededRandom) -> Signature {
        while true { if let signature = Signature(bytes: random.bytes(64)) { return signature } }
    }

    /// The same message with votes of its own for something else.
    mutating func contradiction(to message: ConsensusEffect.Message, from index: Int) -> Letter? {
        let key = processes[index].key
        var votes = message.votes
        for place in votes.indices where votes[place].key == scheme.keys[key] {
            var vote = votes[place].vote
            let isNil = vote.step != .propose && vote.headerID != .zero && random.chance(500)
            vote.headerID = isNil ? .zero : random.digest()
            vote.proofRound = 0
            guard let signature = scheme.sign(key, vote) else { return nil }
            votes[place] = CastVote(key: votes[place].key, vote: vote, signature: signature)
        }
        guard votes != message.votes else { return nil }
        counts[.doubleVote] += 1
        let twisted = ConsensusEffect.Message(
            attachment: message.attachment, votes: votes, payload: message.payload, priority: message.priority)
        return letter(twisted, from: index)
    }
}
