import EtcdEngine
import PluginHost
import PluginKit
import Primitives
import Testing

/// One engine of three, whose host, peers and log are played by the test.
private struct Driven {
    var engine: EtcdEngine
    private(set) var effects: [ConsensusEffect] = []
    private(set) var requests: [LogRequest] = []
    var now: Int64 = 1_000_000
    static let keys = (1...3).compactMap { PublicKey(bytes: [UInt8](repeating: UInt8($0), count: 32)) }
    static let chain = id(200)

    static func id(_ number: UInt8) -> Digest { Digest(bytes: [UInt8](repeating: number, count: 32)) ?? .zero }
    static func bytes(_ number: UInt8) -> Bytes32 { Bytes32([UInt8](repeating: number, count: 32)) ?? .zero }

    init(snapshot: [UInt8] = [], own: Int? = 0) throws {
        engine = try EtcdEngine(snapshot: snapshot)
        try feed(
            .start(
                .init(
                    height: 4, chain: Self.chain, headerID: Self.id(4), seed: Self.id(9),
                    ownKey: own.map { Self.keys[$0] } ?? PublicKey(bytes: [UInt8](repeating: 9, count: 32)),
                    parameters: [:], validators: Self.keys.map { ConsensusValidator(key: $0, power: 1) }, threshold: 2,
                    blocks: [], blockTimeMilliseconds: 2_000_000)))
    }

    mutating func feed(_ body: PluginHost.ConsensusEvent.Body, log: [LogEvent] = []) throws {
        var output = EngineOutput()
        now += 1
        let bytes = PluginHost.ConsensusEvent(timeMilliseconds: now, body).encoded()
        try engine.step(try bytes.withUnsafeBytes { try PluginKit.ConsensusEvent($0) }, log: log, &output)
        effects = try ConsensusEffect.decode(output.effects.bytes, plugin: "driven")
        requests = output.requests
    }

    mutating func validate(_ number: UInt8) throws {
        try feed(
            .validated(
                height: 5, round: 0, headerID: Self.id(number), valid: true, code: 0, blockTimeMilliseconds: 2_000_001))
    }

    /// A block comes from the third validator and is good.
    mutating func offer(_ number: UInt8) throws {
        let payload = EnginePayload.offer(height: 5, headerID: Self.bytes(number)).bytes
        try feed(.message(sender: Self.keys[2], attachment: Self.id(number), votes: [], payload: payload))
        try validate(number)
    }

    static func vote(_ number: UInt8, round: UInt32 = 0, by key: Int) throws -> PluginHost.CastVote {
        PluginHost.CastVote(
            key: keys[key],
            vote: PluginHost.ConsensusVote(
                chain: chain, height: 5, round: round, step: .commit, headerID: number == 0 ? .zero : id(number)),
            signature: try #require(Signature(bytes: [UInt8](repeating: UInt8(key), count: 64))))
    }

    mutating func hear(_ votes: [PluginHost.CastVote]) throws {
        try feed(
            .message(sender: Self.keys[2], attachment: nil, votes: votes, payload: EnginePayload.votes.bytes))
    }

    var signed: PluginHost.ConsensusVote? {
        for case .signVote(let vote) in effects { return vote }
        return nil
    }

    var persisted: [UInt8]? {
        for case .persist(let state, _) in effects { return state }
        return nil
    }

    static func entry(_ number: UInt8, round: UInt32 = 0) -> LogEvent {
        .entry(LogPlace(height: 5, round: round), .block(bytes(number)))
    }
}

@Suite("The engine over a log, step by step")
struct EtcdEngineTests {
    @Test("CON-9 EVT-1: starts with the start event, and a node outside the set needs no log")
    func lives() throws {
        var engine = try EtcdEngine(snapshot: [])
        var output = EngineOutput()
        let time = PluginHost.ConsensusEvent(timeMilliseconds: 1, .time).encoded()
        #expect(throws: PluginFailure.self) {
            try engine.step(try time.withUnsafeBytes { try PluginKit.ConsensusEvent($0) }, log: [], &output)
        }
        #expect(throws: PluginFailure.self) { try EtcdEngine(snapshot: [1, 2, 3]) }
        #expect(try Driven(own: nil).requests.isEmpty)
        #expect(
            try Driven().requests == [
                .follow(chain: Driven.bytes(200), height: 5, cutter: Driven.bytes(1))
            ])
    }

    @Test("EFF-1: proposes above the parent's time, and appends once a majority has the block, once")
    func proposes() throws {
        var driven = try Driven()
        try driven.feed(.transactions(count: 1, bytes: 100), log: [.cutter(Driven.bytes(1))])
        driven.now += 10
        try driven.feed(.timer(id: 1))
        #expect(driven.effects.contains(.propose(height: 5, round: 0, timeMilliseconds: 2_000_001)))
        try driven.feed(.proposalBuilt(height: 5, round: 0, headerID: Driven.id(50), transactions: 1))
        #expect(driven.requests.isEmpty)
        let payload = EnginePayload.acknowledgement(height: 5, headerID: Driven.bytes(50)).bytes
        try driven.feed(.message(sender: Driven.keys[1], attachment: nil, votes: [], payload: payload))
        #expect(driven.requests == [.append(LogPlace(height: 5, round: 0), Driven.bytes(50))])
        try driven.feed(.message(sender: Driven.keys[2], attachment: nil, votes: [], payload: payload))
        #expect(driven.requests.isEmpty && driven.signed == nil)
    }

    @Test(
        "CON-5 CON-6 EFF-3 EFF-5: one vote in a round, written before it is signed, and the same after a crash"
    )
    func votesOnce() throws {
        var driven = try Driven()
        try driven.offer(50)
        try driven.feed(.time, log: [Driven.entry(50)])
        let vote = try #require(driven.signed)
        #expect(vote.headerID == Driven.id(50) && vote.step == .commit && vote.round == 0)
        let state = try #require(driven.persisted)
        guard case .persist(_, let blocks)? = driven.effects.first else { return #expect(Bool(false)) }
        #expect(blocks == [Driven.id(50)])
        // Set back: the log has another one now.
        try driven.offer(51)
        try driven.feed(.time, log: [Driven.entry(51)])
        #expect(driven.signed == nil)
        var again = try Driven(snapshot: state)
        #expect(again.signed == vote)
        try again.offer(51)
        try again.feed(.time, log: [Driven.entry(51)])
        #expect(again.signed == nil)
    }

    @Test("CON-13: refused a vote, it gives no other one in that round")
    func refused() throws {
        var driven = try Driven()
        try driven.offer(50)
        try driven.feed(.time, log: [Driven.entry(50)])
        let vote = try #require(driven.signed)
        try driven.feed(.voteSigned(vote, signature: nil))
        try driven.offer(51)
        try driven.feed(.time, log: [Driven.entry(51), Driven.entry(50)])
        #expect(driven.signed == nil)
        // What the others decide is taken all the same.
        try driven.hear([try Driven.vote(50, by: 1), try Driven.vote(50, by: 2)])
        #expect(driven.effects.contains { if case .decide(5, 0, Driven.id(50), _) = $0 { true } else { false } })
    }

    @Test("CON-4: a round that may have decided a block binds the next one to it, and one that cannot frees it")
    func bindsAndFrees() throws {
        // One vote for 50, one for none: with the own vote 50 may still be decided.
        var bound = try Driven()
        try bound.offer(50)
        try bound.hear([try Driven.vote(50, by: 1), try Driven.vote(0, by: 2)])
        #expect(bound.signed?.headerID == Driven.id(50))
        let engine = bound.engine
        #expect(engine.memory.round == 1 && engine.memory.bound == Driven.bytes(50))

        var free = try Driven()
        try free.offer(50)
        try free.hear([try Driven.vote(0, by: 1), try Driven.vote(0, by: 2)])
        #expect(free.engine.memory.round == 1 && free.engine.memory.bound == nil)
        try free.feed(.time, log: [Driven.entry(50, round: 1)])
        #expect(free.signed?.round == 1 && free.signed?.headerID == Driven.id(50))
    }

    @Test("an entry that is no block, and one that nobody has, are voted down")
    func votesDown() throws {
        var driven = try Driven()
        try driven.feed(.time, log: [.entry(LogPlace(height: 5, round: 0), .foreign)])
        #expect(driven.signed?.headerID == .zero)
        var missing = try Driven()
        try missing.feed(.time, log: [Driven.entry(50)])
        #expect(missing.signed == nil)
        missing.now += 10_000
        try missing.feed(.timer(id: 2))
        #expect(missing.signed?.headerID == .zero)
    }

    @Test("EVI-1: two votes of one key at a place are shown, once; CON-8: nonsense is dropped")
    func evidenceAndNonsense() throws {
        var driven = try Driven()
        try driven.hear([try Driven.vote(50, by: 1), try Driven.vote(51, by: 1)])
        #expect(driven.effects.contains { if case .evidence(Driven.keys[1], _, _, _, _) = $0 { true } else { false } })
        try driven.hear([try Driven.vote(52, by: 1)])
        #expect(!driven.effects.contains { if case .evidence = $0 { true } else { false } })
        let before = driven.engine.snapshot
        for payload in [[], [1], [1, 9], [UInt8](repeating: 7, count: 300)] as [[UInt8]] {
            try driven.feed(.message(sender: Driven.keys[1], attachment: nil, votes: [], payload: payload))
        }
        try driven.feed(.timer(id: 4_000))
        #expect(driven.engine.snapshot == before)
    }

    @Test("CON-11: keeps little, whatever the log and the others send")
    func bounded() throws {
        var driven = try Driven()
        for round in 0..<500 as Range<UInt32> {
            try driven.feed(
                .time, log: [.entry(LogPlace(height: 5 + UInt64(round), round: round), .block(Driven.bytes(50)))])
            try driven.hear([try Driven.vote(UInt8(round % 200 + 1), round: round * 1_000, by: 1)])
            try driven.offer(UInt8(round % 200 + 1))
        }
        #expect(driven.engine.knownCounts.allSatisfy { $0 <= 64 }, "\(driven.engine.knownCounts)")
        #expect(driven.engine.snapshot.count < 2_000)
    }
}
