import PeerNetwork
import Primitives
import Testing

@Suite("What a gossip router refuses, with the reason")
struct GossipRefusalTests {
    private static let peer = GossipNetwork.id(1)

    private static func router(_ change: (inout GossipConfiguration) -> Void = { _ in }) throws -> GossipRouter {
        var configuration = GossipConfiguration()
        change(&configuration)
        var router = try GossipRouter(peer: GossipNetwork.id(0), configuration: configuration, random: .init(seed: 1))
        _ = try router.subscribe(to: "t", now: .zero)
        _ = router.handle(.connected(.init(peer: peer, direction: .inbound)), now: .zero)
        return router
    }

    private static func receive(_ router: inout GossipRouter, _ fill: (inout GossipRPC) -> Void) -> [GossipEffect] {
        var rpc = GossipRPC()
        fill(&rpc)
        return router.handle(.received(from: peer, rpc.encoded()), now: .zero)
    }

    private static func reasons(_ effects: [GossipEffect]) -> [GossipReason] {
        effects.compactMap { if case .log(let log) = $0 { log.reason } else { nil } }
    }

    private static func deliveries(_ effects: [GossipEffect]) -> Int {
        effects.count { if case .deliver = $0 { true } else { false } }
    }

    private static func messages(_ count: Int, topic: String = "t") -> [GossipMessage] {
        (0..<count).map { GossipMessage(topic: topic, data: [UInt8($0 / 256), UInt8($0 % 256)]) }
    }

    @Test("messages of a topic that we are not in are dropped, and said once")
    func topicNotJoined() throws {
        var router = try Self.router()
        let first = Self.receive(&router) { $0.messages = Self.messages(2, topic: "u") }
        #expect(Self.reasons(first) == [.topicNotJoined] && Self.deliveries(first) == 0)
        #expect(Self.receive(&router) { $0.messages = Self.messages(1, topic: "u") }.isEmpty)
    }

    @Test("one peer has its part of what may wait; what finds no room is taken when it comes again")
    func waitingFull() throws {
        var router = try Self.router { $0.waitingCountPerPeer = 3 }
        let effects = Self.receive(&router) { $0.messages = Self.messages(5) }
        #expect(Self.deliveries(effects) == 3 && Self.reasons(effects) == [.waitingFull])
        for message in Self.messages(3) {
            _ = router.handle(.validated(GossipIdentification.content.id(of: message), .ignore), now: .zero)
        }
        #expect(Self.deliveries(Self.receive(&router) { $0.messages = Self.messages(5) }) == 2)
    }

    @Test("topics of the highest priority find room when the others have used theirs")
    func waitingByPriority() throws {
        var router = try Self.router {
            $0.waitingCount = 8
            $0.topics["b"] = .init(priority: .blocks)
            $0.topics["c"] = .init(priority: .consensus)
        }
        for topic in ["b", "c"] { _ = try router.subscribe(to: topic, now: .zero) }
        let counts = ["t", "b", "c"].map { topic in
            Self.deliveries(Self.receive(&router) { $0.messages = Self.messages(9, topic: topic) })
        }
        #expect(counts == [4, 2, 2])
    }

    @Test("a message that nobody judges is forgotten, and its room is free")
    func notJudged() throws {
        var router = try Self.router()
        _ = Self.receive(&router) { $0.messages = Self.messages(1) }
        #expect(router.usage.waitingCount == 1 && router.usage.waitingByteCount > 0)
        #expect(Self.reasons(router.handle(.heartbeat, now: .seconds(60))) == [])
        #expect(Self.reasons(router.handle(.heartbeat, now: .seconds(61))) == [.notJudged])
        #expect(router.usage.waitingCount == 0 && router.usage.waitingByteCount == 0)
    }

    @Test("seen ids and the history are forgotten in time, and within their bounds")
    func forgets() throws {
        var router = try Self.router {
            $0.seenByteCount = 5_000
            $0.historyByteCount = 10_000
        }
        for message in Self.messages(200) {
            _ = Self.receive(&router) { $0.messages = [message] }
            _ = router.handle(.validated(GossipIdentification.content.id(of: message), .accept), now: .zero)
            #expect(router.usage.seenByteCount <= 5_000 && router.usage.historyByteCount <= 10_000)
        }
        #expect(router.usage.seenCount > 10 && router.usage.historyCount > 10)
        for second in 1...5 { _ = router.handle(.heartbeat, now: .seconds(second)) }
        #expect(router.usage.historyCount == 0 && router.usage.historyByteCount == 0)
        _ = router.handle(.heartbeat, now: .seconds(121))
        #expect(router.usage.seenCount == 0 && router.usage.seenByteCount == 0)
    }

    @Test("an author whose kind of key we cannot check, and a message in our own name, are dropped without blame")
    func blameless() throws {
        let key = SecretKey.generate()
        var router = try Self.router {
            $0.signing = .strictSign(key: key, firstSequence: 0)
            $0.identification = .author
        }
        let encodedKey: [UInt8] = [8, 0, 18, 4, 1, 2, 3, 4]
        let foreign = [0x12, 0x20] + Digest.sha256(encodedKey).bytes
        let sequence = [UInt8](repeating: 0, count: 8)
        let effects = Self.receive(&router) {
            $0.messages = [
                GossipMessage(
                    topic: "t", data: [1], author: foreign, sequence: sequence, signature: [1], key: encodedKey),
                GossipMessage(
                    topic: "t", data: [1], author: GossipNetwork.id(0).bytes, sequence: sequence, signature: [1]),
            ]
        }
        #expect(Self.reasons(effects) == [.unknownKey, .ownMessage] && Self.deliveries(effects) == 0)
        #expect(router.report(of: Self.peer)?.score.total == 0)
    }

    @Test("a peer is in so many topics and no more, by announcement or by GRAFT")
    func tooManyTopics() throws {
        var router = try Self.router { $0.topicsPerPeer = 2 }
        let effects = Self.receive(&router) {
            $0.subscriptions = ["a", "b", "c"].map { .init(topic: $0, isSubscribed: true) }
            $0.grafts = ["t"]
        }
        #expect(Self.reasons(effects) == [.tooManyTopics])
        #expect(router.report(of: Self.peer)?.topics == ["a", "b"] && router.mesh(of: "t").isEmpty)
        _ = Self.receive(&router) { $0.subscriptions = [.init(topic: "a", isSubscribed: false)] }
        _ = Self.receive(&router) { $0.grafts = ["t"] }
        #expect(router.mesh(of: "t") == [Self.peer])
    }

    @Test("what is said to, or by, a peer that is not there does nothing")
    func strangers() throws {
        var router = try Self.router()
        let stranger = GossipNetwork.id(9)
        let send = GossipSend(peer: stranger, rpc: GossipRPC(), kind: .control, priority: .other)
        let inputs: [GossipInput] = [
            .received(from: stranger, [1]), .disconnected(stranger), .applicationScore(stranger, 1),
            .record(stranger, [1]), .notSent(send), .validated(GossipMessageID([1]), .accept), .unsubscribe(topic: "u"),
            .connected(.init(peer: GossipNetwork.id(0), direction: .outbound)),
        ]
        for input in inputs { #expect(router.handle(input, now: .zero).isEmpty, "\(input)") }
        #expect(router.usage.peerCount == 1)
    }
}
