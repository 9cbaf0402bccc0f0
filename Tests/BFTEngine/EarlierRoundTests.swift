import PluginHost
import Primitives
import Simulator
import Testing

@Suite("Engine: votes and proofs of earlier rounds")
struct EarlierRoundTests {
    private func persisted(_ effects: [ConsensusEffect]) -> [UInt8]? {
        effects.compactMap { if case .persist(let state, _) = $0 { state } else { nil } }.last
    }

    @Test("after a crash its votes of earlier rounds are there, for whoever still lacks them")
    func votesOfEarlierRounds() throws {
        let by = HandDriven(chain: Digest.sha256([1]))
        let engine = try by.start([], at: 1_000)
        // All prepare nothing, so it commits to nothing, and with the others' words goes on to the next round.
        _ = try by.step(engine, at: 1_001, by.message(try (1...3).map { try by.vote(.prepare, by: $0) }, from: 1))
        let own = try by.vote(.commit, by: 0)
        _ = try by.step(engine, at: 1_002, .voteSigned(own.vote, signature: own.signature))
        _ = try by.step(engine, at: 1_003, by.message(try [1, 2].map { try by.vote(.commit, by: $0) }, from: 2))
        // What it writes before its next vote is what a crash leaves.
        let state = try #require(
            persisted(
                try by.step(
                    engine, at: 1_004,
                    by.message(try (1...3).map { try by.vote(.prepare, round: 1, by: $0) }, from: 1))))
        let revived = try by.start(state, at: 70_000)
        // Validator 1 is still in round 0, and has nobody's votes: height 1, round 0, no flags, no block, no bits.
        let status: [UInt8] =
            [1, 3] + [0, 0, 0, 0, 0, 0, 0, 1] + [0, 0, 0, 0] + [0] + [UInt8](repeating: 0, count: 32) + [0, 1, 0, 0]
        let answers = try by.step(revived, at: 70_100, by.message([], payload: status, from: 1))
        let votes = answers.flatMap { effect -> [CastVote] in
            if case .send(let recipient, let message) = effect, recipient == by.scheme.keys[1] {
                message.votes
            } else {
                []
            }
        }
        #expect(votes.contains(own))
    }

    @Test("a proof of an earlier round is told to others, and proposed when the turn comes")
    func proofOfEarlierRound() throws {
        // The first validator's turn is round 2: its slot points at the beginning of the line.
        let start = 1 &- 3 &* (0x9e37_79b9_7f4a_7c15 as UInt64)
        let bytes = withUnsafeBytes(of: start.bigEndian) { Array($0) } + [UInt8](repeating: 7, count: 24)
        let by = HandDriven(chain: try #require(Digest(bytes: bytes)))
        let block = Digest.sha256([2])
        let engine = try by.start([], at: 1_000)
        // Two are in round 1 already: it follows, without a word of round 0.
        _ = try by.step(
            engine, at: 1_001, by.message(try [1, 2].map { try by.vote(.prepare, round: 1, by: $0) }, from: 1))
        let proof = try (1...3).map { try by.vote(.prepare, block: block, by: $0) }
        let asked = try by.step(engine, at: 1_002, by.message(proof, block: block, from: 3))
        #expect(asked.contains(.validate(height: 1, round: 1, headerID: block)))
        _ = try by.step(
            engine, at: 1_003,
            .validated(height: 1, round: 1, headerID: block, valid: true, code: 0, blockTimeMilliseconds: 1_000))
        // No proposal comes: it prepares nothing, and says of what it knows.
        let none = try by.vote(.prepare, round: 1, by: 0)
        let voting = try by.step(engine, at: 90_000, .timer(id: 2))
        #expect(voting.contains(.signVote(none.vote)))
        let told = try by.step(engine, at: 90_001, .voteSigned(none.vote, signature: none.signature))
        let isTold = told.contains { effect in
            if case .send(nil, let message) = effect { message.votes == [none] + proof } else { false }
        }
        #expect(isTold)
        let turn = try by.step(
            engine, at: 90_002, by.message(try [1, 2].map { try by.vote(.prepare, round: 2, by: $0) }, from: 1))
        var proposal = try by.vote(.propose, round: 2, block: block, by: 0).vote
        proposal.proofRound = 1
        #expect(turn.contains(.signVote(proposal)))
    }
}
