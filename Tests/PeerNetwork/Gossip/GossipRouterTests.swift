import PeerNetwork
import Primitives
import Testing

@Suite("Gossip router")
struct GossipRouterTests {
    /// A router, a clock, and what came out last.
    private struct Bench {
        var router: GossipRouter
        var now: Duration = .zero
        var effects: [GossipEffect] = []

        init(_ change: (inout GossipConfiguration) -> Void = { _ in }) throws {
            var configuration = GossipConfiguration()
            change(&configuration)
            router = try GossipRouter(peer: GossipNetwork.id(0), configuration: configuration, random: .init(seed: 1))
        }

        mutating func put(_ input: GossipInput) { effects = router.handle(input, now: now) }

        mutating func connect(
            _ number: Int, _ direction: GossipPeerInfo.Direction = .inbound, _ version: GossipProtocol = .gossip11,
            topics: [String] = ["t"]
        ) {
            put(.connected(.init(peer: GossipNetwork.id(number), direction: direction, version: version)))
            receive(number) { $0.subscriptions = topics.map { .init(topic: $0, isSubscribed: true) } }
        }

        mutating func receive(_ number: Int, _ fill: (inout GossipRPC) -> Void) {
            var rpc = GossipRPC()
            fill(&rpc)
            put(.received(from: GossipNetwork.id(number), rpc.encoded()))
        }

        mutating func subscribe(_ topic: String = "t") throws {
            effects = try router.subscribe(to: topic, now: now)
        }

        mutating func beat(_ seconds: Int64 = 1) {
            now += .seconds(seconds)
            put(.heartbeat)
        }

        /// What goes to a peer, in one RPC.
        func sent(_ number: Int) -> GossipRPC {
            effects.reduce(into: GossipRPC()) { all, effect in
                if case .send(let send) = effect, send.peer == GossipNetwork.id(number) { all.merge(send.rpc) }
            }
        }

        var delivered: [GossipDelivery] {
            effects.compactMap { if case .deliver(let delivery) = $0 { delivery } else { nil } }
        }

        func isInMesh(_ number: Int) -> Bool { router.mesh(of: "t").contains(GossipNetwork.id(number)) }
    }

    @Test("a message is passed on when it is accepted, to the mesh, and never back")
    func forwards() throws {
        var bench = try Bench()
        try bench.subscribe()
        for number in 1...4 { bench.connect(number) }
        bench.beat()
        #expect((1...4).allSatisfy { bench.isInMesh($0) })
        let message = GossipMessage(topic: "t", data: [1])
        bench.receive(1) { $0.messages = [message] }
        let delivery = try #require(bench.delivered.first)
        #expect(delivery.data == [1] && delivery.source == GossipNetwork.id(1) && delivery.author == nil)
        #expect((1...4).allSatisfy { bench.sent($0).messages.isEmpty }, "not judged yet")
        bench.receive(2) { $0.messages = [message] }
        #expect(bench.delivered.isEmpty, "a copy")
        bench.put(.validated(delivery.id, .accept))
        #expect((1...4).map { bench.sent($0).messages } == [[], [], [message], [message]])
        bench.put(.validated(delivery.id, .accept))
        #expect(bench.effects.isEmpty, "judged once")
    }

    @Test("a back-off is respected on both sides: no GRAFT of ours before it ends, and no slack missing")
    func backoff() throws {
        var bench = try Bench()
        try bench.subscribe()
        bench.connect(1)
        bench.beat()
        #expect(bench.sent(1).grafts == ["t"])
        bench.receive(1) { $0.prunes = [.init(topic: "t", backoffSeconds: 20)] }
        for second in 2...22 {
            bench.beat()
            #expect(bench.sent(1).grafts.isEmpty, "second \(second)")
        }
        bench.beat(2)
        #expect(bench.sent(1).grafts == ["t"])
        // Ours holds for the other side, over a new connection too.
        bench.put(.unsubscribe(topic: "t"))
        #expect(bench.sent(1).prunes == [.init(topic: "t", backoffSeconds: 10)])
        try bench.subscribe()
        #expect(bench.sent(1).grafts.isEmpty)
        bench.put(.disconnected(GossipNetwork.id(1)))
        bench.connect(1)
        bench.receive(1) { $0.grafts = ["t"] }
        #expect(!bench.isInMesh(1))
        #expect(bench.sent(1).prunes.map { $0.backoffSeconds } == [60])
    }

    @Test("a back-off as long as a number can be is cut to the longest")
    func longestBackoff() throws {
        var bench = try Bench()
        try bench.subscribe()
        bench.connect(1)
        bench.receive(1) { $0.prunes = [.init(topic: "t", backoffSeconds: .max)] }
        bench.beat(3_590)
        #expect(bench.sent(1).grafts.isEmpty)
        bench.beat(20)
        #expect(bench.sent(1).grafts == ["t"])
    }

    @Test("an oversized mesh shrinks to D, keeps the best by score, and D_out outbound")
    func shrinks() throws {
        for seed in 0..<20 {
            var bench = try Bench { $0.highDegree = 12 }
            try bench.subscribe()
            for number in 1...11 {
                bench.connect(number)
                bench.receive(number) { $0.grafts = ["t"] }
            }
            for number in 12...14 {
                bench.connect(number, .outbound)
                bench.receive(number) { $0.grafts = ["t"] }
            }
            #expect(bench.router.mesh(of: "t").count == 14)
            for number in 1...4 {
                let message = GossipMessage(topic: "t", data: [UInt8(number), UInt8(seed)])
                bench.receive(number) { $0.messages = [message] }
                bench.put(.validated(GossipIdentification.content.id(of: message), .accept))
            }
            bench.beat()
            #expect(bench.router.mesh(of: "t").count == 6)
            #expect((1...4).allSatisfy { bench.isInMesh($0) }, "the best by score")
            #expect((12...14).count { bench.isInMesh($0) } == 2, "outbound")
            let pruned = try #require((5...11).first { !bench.isInMesh($0) })
            #expect(bench.sent(pruned).prunes.first?.candidates.count == 13, "told of all others")
        }
    }

    @Test("a full mesh refuses inbound peers, but not outbound ones, nor those who do better than it does")
    func full() throws {
        var bench = try Bench()
        try bench.subscribe()
        for number in 1...12 {
            bench.connect(number)
            bench.receive(number) { $0.grafts = ["t"] }
        }
        bench.connect(20)
        bench.receive(20) { $0.grafts = ["t"] }
        #expect(bench.sent(20).prunes.count == 1 && !bench.isInMesh(20))
        bench.connect(21, .outbound)
        bench.receive(21) { $0.grafts = ["t"] }
        #expect(bench.isInMesh(21))
        bench.connect(22)
        let message = GossipMessage(topic: "t", data: [1])
        bench.receive(22) { $0.messages = [message] }
        bench.put(.validated(GossipIdentification.content.id(of: message), .accept))
        bench.receive(22) { $0.grafts = ["t"] }
        #expect(bench.isInMesh(22))
    }

    @Test("direct peers get every message, are in no mesh, and are asked for when they are gone")
    func direct() throws {
        var bench = try Bench {
            $0.directPeers = [GossipNetwork.id(1), GossipNetwork.id(9)]
            $0.directConnectHeartbeats = 5
        }
        try bench.subscribe()
        bench.connect(1)
        bench.connect(2)
        bench.put(.applicationScore(GossipNetwork.id(1), -1e6))
        bench.beat()
        #expect(bench.effects.contains(.connect([.init(peer: GossipNetwork.id(9).bytes, record: nil)], teller: nil)))
        #expect(!bench.isInMesh(1) && bench.isInMesh(2))
        bench.receive(1) { $0.grafts = ["t"] }
        #expect(bench.sent(1).prunes.count == 1)
        let message = GossipMessage(topic: "t", data: [1])
        bench.receive(2) { $0.messages = [message] }
        bench.put(.validated(GossipIdentification.content.id(of: message), .accept))
        #expect(bench.sent(1).messages == [message])
        bench.receive(1) { $0.messages = [GossipMessage(topic: "t", data: [2])] }
        #expect(bench.delivered.count == 1, "heard with any score")
    }

    @Test("older versions get what they understand: floodsub every message, 1.0 a PRUNE without more")
    func versions() throws {
        var bench = try Bench()
        try bench.subscribe()
        bench.connect(1, .inbound, .flood)
        bench.connect(2, .inbound, .gossip10)
        bench.connect(3)
        bench.beat()
        #expect(!bench.isInMesh(1) && bench.isInMesh(2))
        let message = GossipMessage(topic: "t", data: [1])
        bench.receive(3) { $0.messages = [message] }
        bench.put(.validated(GossipIdentification.content.id(of: message), .accept))
        #expect(bench.sent(1).messages == [message])
        bench.put(.unsubscribe(topic: "t"))
        #expect(bench.sent(2).prunes == [.init(topic: "t")])
        #expect(bench.sent(1).subscriptions == [.init(topic: "t", isSubscribed: false)] && bench.sent(1).prunes.isEmpty)
    }

    @Test("IDONTWANT is heeded for a while, and bounded")
    func unwanted() throws {
        var bench = try Bench { $0.unwantedIDs = 1 }
        try bench.subscribe()
        bench.connect(1)
        let ids = [UInt8(1), 2].map { GossipIdentification.content.id(of: GossipMessage(topic: "t", data: [$0])) }
        bench.receive(1) { $0.unwanted = ids }
        var first = try bench.router.publish([1], to: "t", now: bench.now)
        #expect(first.effects.isEmpty)
        first = try bench.router.publish([2], to: "t", now: bench.now)
        #expect(first.effects.count == 1, "above the bound")
        for _ in 0..<3 { bench.beat() }
        bench.receive(1) { $0.wants = [ids[0]] }
        #expect(bench.sent(1).messages.count == 1, "asked for later")
    }

    @Test("strictSign makes messages that verify, and refuses those that do not")
    func signing() throws {
        let key = SecretKey.generate()
        let author = PeerID(key.publicKey)
        var configuration = GossipConfiguration()
        configuration.signing = .strictSign(key: key, firstSequence: 7)
        configuration.identification = .author
        var writer = try GossipRouter(peer: author, configuration: configuration, random: .init(seed: 1))
        let (id, _) = try writer.publish([1], to: "t", now: .zero)
        #expect(id.bytes == author.bytes + [0, 0, 0, 0, 0, 0, 0, 7])
        _ = writer.handle(.connected(.init(peer: GossipNetwork.id(0), direction: .inbound)), now: .zero)
        var rpc = GossipRPC()
        rpc.subscriptions = [.init(topic: "t", isSubscribed: true)]
        _ = writer.handle(.received(from: GossipNetwork.id(0), rpc.encoded()), now: .zero)
        let effects = try writer.publish([2], to: "t", now: .zero).effects
        guard case .send(let send)? = effects.first, let message = send.rpc.messages.first else {
            Issue.record("nothing sent")
            return
        }
        var bench = try Bench {
            $0.signing = .strictSign(key: SecretKey.generate(), firstSequence: 0)
            $0.identification = .author
        }
        try bench.subscribe()
        bench.connect(1)
        let bad: [(inout GossipMessage) -> Void] = [
            { $0.data = [3] },
            {
                $0.topic += ""; $0.sequence = [0, 0, 0, 0, 0, 0, 0, 9]
            }, { $0.signature = nil },
            { $0.author = GossipNetwork.id(5).bytes }, { $0.key = [8, 1, 18, 1, 1] }, { $0.sequence = [1] },
        ]
        for (number, change) in bad.enumerated() {
            var forged = message
            change(&forged)
            bench.receive(1) { $0.messages = [forged] }
            #expect(bench.delivered.isEmpty, "forgery \(number)")
        }
        #expect(bench.router.report(of: GossipNetwork.id(1))?.score.invalidMessages == -250, "five make it deaf")
        bench.connect(2)
        bench.receive(2) { $0.messages = [message] }
        #expect(bench.delivered.first?.author == author, "a forgery does not take the true one's id")
    }

    @Test("what a queue gave up on is said again, if it still holds")
    func notSent() throws {
        var bench = try Bench()
        try bench.subscribe()
        bench.connect(1)
        bench.beat()
        let sends = bench.effects.compactMap { if case .send(let send) = $0 { send } else { nil } }
        let graft = try #require(sends.first { !$0.rpc.grafts.isEmpty })
        bench.put(.notSent(graft))
        bench.beat()
        #expect(bench.sent(1).grafts == ["t"])
        bench.put(.notSent(graft))
        bench.receive(1) { $0.prunes = [.init(topic: "t")] }
        bench.beat()
        #expect(bench.sent(1).grafts.isEmpty)
    }

    @Test("gossip and peer exchange stop below their thresholds")
    func thresholds() throws {
        var bench = try Bench()
        try bench.subscribe()
        for number in 1...2 { bench.connect(number) }
        bench.beat()
        let stranger = GossipRPC.Candidate(peer: GossipNetwork.id(77).bytes, record: [1])
        bench.receive(1) { $0.prunes = [.init(topic: "t", candidates: [stranger])] }
        #expect(
            !bench.effects.contains(.connect([stranger], teller: GossipNetwork.id(1))),
            "a score of zero does not suffice")
        bench.put(.applicationScore(GossipNetwork.id(1), 10))
        let known = GossipRPC.Candidate(peer: GossipNetwork.id(2).bytes, record: nil)
        let own = GossipRPC.Candidate(peer: GossipNetwork.id(0).bytes, record: nil)
        let none = GossipRPC.Candidate(peer: [1, 2], record: nil)
        bench.receive(1) { $0.prunes = [.init(topic: "t", candidates: [known, own, none, stranger])] }
        #expect(bench.effects == [.connect([stranger], teller: GossipNetwork.id(1))])
        bench.put(.applicationScore(GossipNetwork.id(1), -50))
        let id = try bench.router.publish([1], to: "t", now: bench.now).id
        bench.receive(1) {
            $0.haves = [.init(topic: "t", ids: [GossipMessageID([9])])]
            $0.wants = [id]
        }
        #expect(bench.sent(1).isEmpty)
        bench.beat()
        #expect(bench.sent(1).haves.isEmpty && !bench.sent(2).haves.isEmpty)
        bench.put(.applicationScore(GossipNetwork.id(1), -100))
        bench.effects = try bench.router.publish([2], to: "t", now: bench.now).effects
        #expect(bench.sent(1).isEmpty && bench.sent(2).messages.count == 1)
    }

    @Test("publishing and subscribing are refused with a reason")
    func refusals() throws {
        var bench = try Bench {
            $0.topicCount = 1
            $0.limits.dataByteCount = 4
            $0.limits.topicByteCount = 3
        }
        _ = try bench.router.publish([1], to: "t", now: .zero)
        func code(_ body: () throws -> Void) -> GossipError.Code? {
            let error = #expect(throws: GossipError.self) { try body() }
            return error?.code
        }
        #expect(code { _ = try bench.router.publish([1], to: "t", now: .zero) } == .duplicate)
        #expect(code { _ = try bench.router.publish([1, 2, 3, 4, 5], to: "t", now: .zero) } == .dataTooLong)
        #expect(code { _ = try bench.router.publish([1], to: "long", now: .zero) } == .topicTooLong)
        #expect(code { _ = try bench.router.publish([1], to: "u", now: .zero) } == .tooManyTopics)
        try bench.subscribe()
        #expect(code { _ = try bench.router.subscribe(to: "u", now: .zero) } == .tooManyTopics)
        #expect(code { _ = try bench.router.subscribe(to: "", now: .zero) } == .topicTooLong)
    }

    private static let badParameters: [(String, @Sendable (inout GossipConfiguration) -> Void)] = [
        ("lowDegree", { $0.lowDegree = 7 }), ("highDegree", { $0.highDegree = 5 }),
        ("scoreDegree", { $0.scoreDegree = 7 }),
        ("outboundDegree", { $0.outboundDegree = 4 }), ("gossipFactor", { $0.gossipFactor = 1.1 }),
        ("historyLength", { $0.historyLength = 0 }), ("historyGossip", { $0.historyGossip = 6 }),
        ("heartbeatInterval", { $0.heartbeatInterval = .zero }), ("seenLifetime", { $0.seenLifetime = .seconds(1) }),
        ("longestBackoff", { $0.longestBackoff = .seconds(1) }), ("peerCount", { $0.peerCount = 0 }),
        ("limits.dataByteCount", { $0.limits.dataByteCount = 4 << 20 }),
        ("identification", { $0.identification = .author }),
        ("gossipThreshold", { $0.score.gossipThreshold = 0 }), ("publishThreshold", { $0.score.publishThreshold = -1 }),
        ("graylistThreshold", { $0.score.graylistThreshold = -80 }),
        ("acceptExchangeThreshold", { $0.score.acceptExchangeThreshold = -1 }),
        ("colocationThreshold", { $0.score.colocationThreshold = 0 }), ("topicCap", { $0.score.topicCap = .nan }),
        ("behaviourWeight", { $0.score.behaviourWeight = 1 }), ("behaviourDecay", { $0.score.behaviourDecay = 1 }),
        ("decayToZero", { $0.score.decayToZero = 0 }),
        (
            "invalidWeight",
            {
                $0.topics["t"] = .init(); $0.topics["t"]?.score.invalidWeight = 1
            }
        ),
        ("firstDeliveriesDecay", { $0.otherTopics.score.firstDeliveriesDecay = 0 }),
        ("meshDeliveriesCap", { $0.otherTopics.score.meshDeliveriesCap = 0.5 }),
        ("timeInMeshQuantum", { $0.otherTopics.score.timeInMeshQuantum = .zero }),
    ]

    @Test("a wrong parameter is named when the router is made")
    func parameters() {
        for (name, change) in GossipRouterTests.badParameters {
            var configuration = GossipConfiguration()
            change(&configuration)
            let error = #expect(throws: GossipError.self, "\(name)") {
                try GossipRouter(peer: GossipNetwork.id(0), configuration: configuration, random: .init(seed: 1))
            }
            #expect(error?.place == name && error?.code == .invalidParameter)
        }
    }
}
