import BFTEngine
import Ledger
import PluginKit
import Primitives
import Testing

@Suite("Engine: proposers, bytes and rules")
struct EngineTests {
    private func key(_ number: UInt8) -> Bytes32 { Bytes32([UInt8](repeating: number, count: 32)) ?? .zero }

    private func table(_ powers: [UInt64], threshold: UInt64 = 0) throws -> ValidatorTable {
        try ValidatorTable(
            powers.enumerated().map { ConsensusValidator(key: key(UInt8($0.offset)), power: $0.element) },
            threshold: threshold)
    }

    @Test("each validator proposes as often as its power says, evenly spread")
    func proportionality() throws {
        for powers in [[1, 1, 1, 1], [1, 2, 3, 4, 90], [1, 1_000_000], Array(repeating: 7, count: 150), [5]] {
            let powers = powers.map { UInt64($0) }
            let table = try table(powers)
            let slots: UInt64 = 20_000
            var counts = [Double](repeating: 0, count: powers.count)
            var last = [UInt64?](repeating: nil, count: powers.count)
            for slot in 0..<slots {
                let index = table.proposer(height: slot, round: 0, start: 0x1234_5678_9abc_def0)
                counts[index] += 1
                if let before = last[index] {
                    // Three-gap theorem: no pause of more than about 2.7 mean distances.
                    #expect(Double(slot - before) <= 3 * Double(table.total) / Double(powers[index]) + 1)
                }
                last[index] = slot
            }
            for (index, power) in powers.enumerated() {
                let share = Double(slots) * Double(power) / Double(table.total)
                #expect(abs(counts[index] - share) < 12, "validator \(index) of \(powers.count)")
            }
        }
    }

    @Test("the next round's proposer is as good as any, and a round counts like a height")
    func rounds() throws {
        let table = try table([3, 1, 4, 1, 5])
        for height in 0..<100 as Range<UInt64> {
            for round in 0..<5 as Range<UInt32> {
                #expect(
                    table.proposer(height: height, round: round, start: 9)
                        == table.proposer(height: height + UInt64(round), round: 0, start: 9))
            }
        }
    }

    @Test("a quorum is more than two thirds, and a third blocks it")
    func thresholds() throws {
        for total in 1...200 as ClosedRange<UInt64> {
            let table = try table([total])
            #expect(table.quorum * 3 > total * 2 && (table.quorum - 1) * 3 <= total * 2)
            #expect(table.blocking * 3 >= total && (table.blocking - 1) * 3 < total)
        }
        #expect(try table([1, 1, 1, 1], threshold: 4).quorum == 4)
        #expect(try table([1, 1, 1, 1], threshold: 1).quorum == 3)
    }

    @Test("refuses sets that are none")
    func badSets() {
        #expect(throws: PluginFailure.self) { try table([]) }
        #expect(throws: PluginFailure.self) { try table([1, 0]) }
        #expect(throws: PluginFailure.self) { try table([1 << 62, 1 << 62]) }
        #expect(throws: PluginFailure.self) { try table([1], threshold: 2) }
        let twice = [ConsensusValidator(key: key(1), power: 1), ConsensusValidator(key: key(1), power: 1)]
        #expect(throws: PluginFailure.self) { try ValidatorTable(twice, threshold: 0) }
    }

    @Test("payloads and memory read what they write, and nothing else", arguments: 1...5)
    func codecs(seed: UInt64) {
        var state = seed
        func next() -> UInt64 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return state >> 24
        }
        let vote = ConsensusVote(chain: key(1), height: 9, round: 3, step: .prepare, headerID: key(2), proofRound: 2)
        var memory = EngineMemory()
        memory.height = 9
        memory.round = 3
        memory.asked = vote
        memory.locked = .init(round: 1, headerID: key(2))
        memory.valid = .init(round: 2, headerID: key(2))
        memory.proof = [CastVote(key: key(3), vote: vote, signature: .zero)]
        memory.ownVotes = memory.proof + memory.proof
        #expect(EngineMemory(memory.bytes) == memory)
        let status = EnginePayload.status(
            .init(
                height: 7, round: 2, flags: [.block], wantedBlock: key(4), prepares: [1, 2], commits: [3, 4]))
        let samples = [
            EnginePayload.proposal.bytes, EnginePayload.votes.bytes, EnginePayload.evidence.bytes, status.bytes,
        ]
        for sample in samples { #expect(EnginePayload(sample)?.bytes == sample) }
        for _ in 0..<3_000 {
            for sample in samples + [memory.bytes] {
                var bytes = sample
                bytes[Int(next() % UInt64(bytes.count))] = UInt8(truncatingIfNeeded: next())
                if next() % 3 == 0 { bytes.removeLast(Int(next() % UInt64(bytes.count))) }
                if let payload = EnginePayload(bytes) { #expect(payload.bytes == bytes) }
                if let memory = EngineMemory(bytes) { #expect(memory.bytes == bytes) }
            }
        }
    }

    @Test("the ledger and the engine call the same votes misbehaviour (EVI-1, EVI-2)")
    func sameRules() throws {
        let secret = try #require(SecretKey(seed: [UInt8](repeating: 5, count: 32)))
        let chain = CID.of(dagCBOR: [1])
        var pairs = 0
        var kinds: [String: Int] = [:]
        let steps: [(ConsensusVote.Step, Vote.Step)] = [(.propose, .propose), (.prepare, .prepare), (.commit, .commit)]
        func votes() -> [(ConsensusVote, Vote)] {
            var all: [(ConsensusVote, Vote)] = []
            for round in 0..<3 as Range<UInt32> {
                for step in steps {
                    for id in [0, 1, 2] as [UInt8] {
                        for proof in 0...(step.0 == .commit ? 0 : round) {
                            let header = Digest(bytes: [UInt8](repeating: id, count: 32)) ?? .zero
                            all.append(
                                (
                                    ConsensusVote(
                                        chain: key(9), height: 4, round: round, step: step.0, headerID: key(id),
                                        proofRound: proof),
                                    Vote(
                                        chain: chain, height: 4, round: round, step: step.1, headerID: header,
                                        proofRound: proof)
                                ))
                        }
                    }
                }
            }
            return all
        }
        for first in votes() {
            for second in votes() {
                let evidence = Evidence(
                    offender: secret.publicKey, first: first.1, second: second.1,
                    firstSignature: secret.sign(first.1.message), secondSignature: secret.sign(second.1.message))
                let engine = Misbehaviour(first.0, second.0).map { "\($0)" }
                #expect(engine == evidence.offence?.rawValue)
                if let engine { kinds[engine, default: 0] += 1 }
                pairs += 1
            }
        }
        #expect(pairs > 1000 && kinds["amnesia", default: 0] > 0 && kinds["equivocation", default: 0] > 0)
    }

    @Test("evidence is proven by both signatures, and travels")
    func provenEvidence() throws {
        let secret = try #require(SecretKey(seed: [UInt8](repeating: 6, count: 32)))
        func vote(_ id: UInt8) -> Vote {
            let header = Digest(bytes: [UInt8](repeating: id, count: 32)) ?? .zero
            return Vote(chain: CID.of(dagCBOR: [1]), height: 4, round: 0, step: .prepare, headerID: header)
        }
        let good = Evidence(
            offender: secret.publicKey, first: vote(1), second: vote(2), firstSignature: secret.sign(vote(1).message),
            secondSignature: secret.sign(vote(2).message))
        #expect(good.isProven)
        let forged = Evidence(
            offender: secret.publicKey, first: vote(1), second: vote(2), firstSignature: secret.sign(vote(1).message),
            secondSignature: secret.sign(vote(1).message))
        #expect(!forged.isProven)
        #expect(try Evidence.decode(good.encoded()) == good)
    }

    @Test("votes are checked once, strangers and bad signatures refused")
    func voteChecker() throws {
        let secret = try #require(SecretKey(seed: [UInt8](repeating: 7, count: 32)))
        let chain = CID.of(dagCBOR: [1])
        let vote = Vote(chain: chain, height: 1, round: 0, step: .commit, headerID: .zero)
        let cast = Ledger.CastVote(
            vote: vote, by: SignedBy(key: secret.publicKey, signature: secret.sign(vote.message)))
        var checker = VoteChecker(chain: chain, limit: 4)
        for _ in 0..<3 { try checker.check([cast]) { $0 == secret.publicKey } }
        #expect(checker.checkedCount == 1)
        #expect(throws: VoteChecker.Fault.unknownSigner(secret.publicKey)) { try checker.check([cast]) { _ in false } }
        let other = Vote(chain: chain, height: 2, round: 0, step: .commit, headerID: .zero)
        let bad = Ledger.CastVote(vote: other, by: cast.by)
        #expect(throws: VoteChecker.Fault.badSignature(secret.publicKey)) { try checker.check([bad]) { _ in true } }
        let elsewhere = Vote(chain: CID.of(dagCBOR: [2]), height: 1, round: 0, step: .commit, headerID: .zero)
        #expect(throws: VoteChecker.Fault.wrongChain) {
            try checker.check([Ledger.CastVote(vote: elsewhere, by: cast.by)]) { _ in true }
        }
    }
}
