import PluginHost
import Primitives
import Simulator
import Testing

/// Four validators' words, put into the first one's engine by hand.
struct HandDriven {
    let scheme = SignatureScheme.cheap(count: 4, seed: 3)
    let chain: Digest

    func step(_ engine: EngineUnderTest, at time: Int64, _ body: ConsensusEvent.Body) throws -> [ConsensusEffect] {
        try ConsensusEffect.decode(
            try engine.step(ConsensusEvent(timeMilliseconds: time, body).encoded()), plugin: "engine")
    }

    /// The first validator's engine, above the genesis.
    func start(_ snapshot: [UInt8], at time: Int64) throws -> EngineUnderTest {
        let engine = EngineUnderTest()
        try engine.start(snapshot: snapshot)
        _ = try step(
            engine, at: time,
            .start(
                .init(
                    height: 0, chain: chain, headerID: chain, seed: .zero, ownKey: scheme.keys[0], parameters: [:],
                    validators: scheme.keys.map { ConsensusValidator(key: $0, power: 1) })))
        return engine
    }

    /// A vote at height 1.
    func vote(
        _ step: ConsensusVote.Step, round: UInt32 = 0, block: Digest = .zero, by validator: Int
    ) throws -> CastVote {
        let vote = ConsensusVote(chain: chain, height: 1, round: round, step: step, headerID: block)
        return CastVote(key: scheme.keys[validator], vote: vote, signature: try #require(scheme.sign(validator, vote)))
    }

    /// Votes as these engines send them, or with another payload.
    func message(
        _ votes: [CastVote], payload: [UInt8] = [1, 2], block: Digest? = nil, from validator: Int
    ) -> ConsensusEvent.Body {
        .message(sender: scheme.keys[validator], attachment: block, votes: votes, payload: payload)
    }
}
