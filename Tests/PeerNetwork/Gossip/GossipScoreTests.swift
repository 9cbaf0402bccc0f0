import PeerNetwork
import Testing

/// The values are those of the formulas of gossipsub 1.1, worked out by hand.
@Suite("Gossip scores")
struct GossipScoreTests {
    private static let peer = GossipNetwork.id(1)

    /// A router with one peer in the mesh of "t", which takes every weight as one and does not decay to speak of.
    private static func router(
        direct: Bool = false, _ change: (inout GossipConfiguration) -> Void = { _ in }
    ) throws -> GossipRouter {
        var configuration = GossipConfiguration()
        configuration.otherTopics.score = GossipTopicScoreParameters()
        if direct { configuration.directPeers = [peer] }
        change(&configuration)
        var router = try GossipRouter(peer: GossipNetwork.id(0), configuration: configuration, random: .init(seed: 1))
        _ = try router.subscribe(to: "t", now: .zero)
        _ = router.handle(.heartbeat, now: .zero)
        _ = router.handle(.connected(GossipPeerInfo(peer: peer, direction: .inbound)), now: .zero)
        receive(&router, now: .zero) {
            $0.subscriptions = [.init(topic: "t", isSubscribed: true)]
            $0.grafts = ["t"]
        }
        return router
    }

    @discardableResult
    private static func receive(
        _ router: inout GossipRouter, from peer: PeerID = peer, now: Duration, _ fill: (inout GossipRPC) -> Void
    ) -> [GossipEffect] {
        var rpc = GossipRPC()
        fill(&rpc)
        return router.handle(.received(from: peer, rpc.encoded()), now: now)
    }

    private static func bring(
        _ router: inout GossipRouter, _ data: [UInt8], _ verdict: GossipVerdict, from peer: PeerID = peer,
        now: Duration = .zero
    ) {
        let message = GossipMessage(topic: "t", data: data)
        receive(&router, from: peer, now: now) { $0.messages = [message] }
        _ = router.handle(.validated(GossipIdentification.content.id(of: message), verdict), now: now)
    }

    private static func score(_ router: GossipRouter, _ peer: PeerID = peer) throws -> GossipScore {
        try #require(router.report(of: peer)).score
    }

    private static func isNear(_ value: Double, _ expected: Double) -> Bool { abs(value - expected) < 1e-6 }

    @Test("P1: time in the mesh counts in whole quanta, up to its cap, and only in the mesh")
    func timeInMesh() throws {
        var router = try Self.router {
            $0.otherTopics.score.timeInMeshQuantum = .seconds(2)
            $0.otherTopics.score.timeInMeshCap = 10
            $0.otherTopics.score.timeInMeshWeight = 0.5
            $0.otherTopics.score.weight = 2
        }
        _ = router.handle(.heartbeat, now: .seconds(5))
        #expect(try Self.score(router).timeInMesh == 2 * 0.5 * 2)
        _ = router.handle(.heartbeat, now: .seconds(500))
        #expect(try Self.score(router).timeInMesh == 2 * 0.5 * 10)
        Self.receive(&router, now: .seconds(501)) { $0.prunes = [.init(topic: "t")] }
        #expect(try Self.score(router).timeInMesh == 0)
    }

    @Test("P2: first deliveries count when accepted, up to their cap, and decay to zero")
    func firstDeliveries() throws {
        var router = try Self.router {
            $0.otherTopics.score.firstDeliveriesCap = 3
            $0.otherTopics.score.firstDeliveriesDecay = 0.5
            $0.otherTopics.score.firstDeliveriesWeight = 4
        }
        Self.bring(&router, [1], .accept)
        Self.bring(&router, [2], .ignore)
        #expect(try Self.score(router).firstDeliveries == 4)
        for number in UInt8(3)..<10 { Self.bring(&router, [number], .accept) }
        #expect(try Self.score(router).firstDeliveries == 12)
        _ = router.handle(.heartbeat, now: .seconds(2))
        #expect(try Self.score(router).firstDeliveries == 3, "halved twice")
        _ = router.handle(.heartbeat, now: .seconds(20))
        #expect(try Self.score(router).firstDeliveries == 0)
    }

    @Test("P3 and P3b: a mesh peer that owes messages loses the square of what is missing, and keeps it when it leaves")
    func meshDeliveries() throws {
        var router = try Self.router {
            $0.otherTopics.score.meshDeliveriesWeight = -1
            $0.otherTopics.score.meshDeliveriesThreshold = 5
            $0.otherTopics.score.meshDeliveriesActivation = .seconds(10)
            $0.otherTopics.score.meshDeliveriesDecay = 0.999_999_999
            $0.otherTopics.score.meshFailureWeight = -2
            $0.otherTopics.score.meshFailureDecay = 0.999_999_999
            $0.otherTopics.score.firstDeliveriesWeight = 0
        }
        // A negative score would leave the mesh at once.
        _ = router.handle(.applicationScore(Self.peer, 100), now: .zero)
        Self.bring(&router, [1], .accept)
        // A copy while the message is judged counts, and so does one within the window; a later one does not.
        let other = GossipNetwork.id(2)
        _ = router.handle(.connected(GossipPeerInfo(peer: other, direction: .inbound)), now: .zero)
        for (number, delay) in [(UInt8(2), Duration.milliseconds(5)), (3, .seconds(1))] {
            Self.bring(&router, [number], .accept, from: other, now: .zero)
            Self.receive(&router, now: delay) { $0.messages = [GossipMessage(topic: "t", data: [number])] }
        }
        _ = router.handle(.heartbeat, now: .seconds(9))
        #expect(try Self.score(router).meshDeliveries == 0, "not yet active")
        _ = router.handle(.heartbeat, now: .seconds(11))
        let owing = try Self.score(router).meshDeliveries
        #expect(Self.isNear(owing, -9), "\(owing)")
        Self.receive(&router, now: .seconds(12)) { $0.prunes = [.init(topic: "t")] }
        let left = try Self.score(router)
        #expect(left.meshDeliveries == 0)
        #expect(Self.isNear(left.meshFailures, -18))
    }

    @Test("P4: the square of the invalid messages, of all who sent them")
    func invalid() throws {
        var router = try Self.router()
        for number in UInt8(1)...3 { Self.bring(&router, [number], .reject) }
        #expect(try Self.score(router).invalidMessages == -90)
        let other = GossipNetwork.id(2)
        _ = router.handle(.connected(GossipPeerInfo(peer: other, direction: .inbound)), now: .zero)
        Self.receive(&router, from: other, now: .zero) { $0.messages = [GossipMessage(topic: "t", data: [1])] }
        #expect(try Self.score(router, other).invalidMessages == -10, "known to be invalid")
        Self.receive(&router, now: .zero) { $0.messages = [GossipMessage(topic: "t", data: [9], author: [1])] }
        #expect(try Self.score(router).invalidMessages == -160, "fields that the policy forbids")
    }

    @Test("P5: the application's score, finite and bounded")
    func application() throws {
        var router = try Self.router { $0.score.applicationWeight = 3 }
        _ = router.handle(.applicationScore(Self.peer, -7), now: .zero)
        #expect(try Self.score(router).application == -21)
        _ = router.handle(.applicationScore(Self.peer, .nan), now: .zero)
        #expect(try Self.score(router).application == -21)
        _ = router.handle(.applicationScore(Self.peer, -.greatestFiniteMagnitude), now: .zero)
        #expect(try Self.score(router).application.isFinite)
    }

    @Test("P6: the square of the peers of a range above the threshold, unless the range is exempt")
    func colocation() throws {
        var router = try Self.router {
            $0.score.colocationThreshold = 2
            $0.score.colocationWeight = -3
            $0.score.colocationWhitelist = ["home"]
        }
        for number in 10..<14 {
            let info = GossipPeerInfo(
                peer: GossipNetwork.id(number), direction: .inbound, addressRanges: ["home", "near", "alone \(number)"])
            _ = router.handle(.connected(info), now: .zero)
        }
        #expect(try Self.score(router, GossipNetwork.id(10)).colocation == -12)
        _ = router.handle(.disconnected(GossipNetwork.id(13)), now: .zero)
        #expect(try Self.score(router, GossipNetwork.id(10)).colocation == -3)
        #expect(try Self.score(router).colocation == 0)
    }

    @Test("P7: the square of the breaches above the threshold; direct peers are never scored out")
    func behaviour() throws {
        for direct in [false, true] {
            var router = try Self.router(direct: direct) { $0.score.behaviourDecay = 0.999_999_999 }
            Self.receive(&router, now: .zero) { $0.prunes = [.init(topic: "t")] }
            // Each is far too early, and counts twice.
            for second in 1...6 {
                Self.receive(&router, now: .seconds(second)) { $0.grafts = ["t"] }
            }
            let effects = router.handle(.heartbeat, now: .seconds(7))
            let score = try Self.score(router)
            let isCut = effects.contains(.cut(Self.peer, .graylisted))
            if direct {
                #expect(!isCut && score.behaviour == 0)
            } else {
                #expect(isCut && Self.isNear((score.behaviour / -360), 1) || score.behaviour > -360.0001)
                #expect(score.behaviour < -359)
            }
        }
    }

    @Test("the topics together add no more than their cap")
    func cap() throws {
        var router = try Self.router {
            $0.score.topicCap = 5
            $0.otherTopics.score.firstDeliveriesWeight = 3
        }
        for number in UInt8(1)...4 { Self.bring(&router, [number], .accept) }
        #expect(try Self.score(router).total == 5)
    }

    @Test("a bad score outlives the connection, a good one does not, and both end")
    func retention() throws {
        var router = try Self.router { $0.score.retention = .seconds(100) }
        Self.bring(&router, [1], .accept)
        Self.bring(&router, [2], .reject)
        _ = router.handle(.disconnected(Self.peer), now: .seconds(1))
        let kept = try Self.score(router)
        #expect(kept.firstDeliveries == 0 && kept.invalidMessages == -10)
        #expect(router.usage.retainedPeerCount == 1)
        _ = router.handle(.heartbeat, now: .seconds(100))
        _ = router.handle(.connected(GossipPeerInfo(peer: Self.peer, direction: .inbound)), now: .seconds(100))
        #expect(try Self.score(router).invalidMessages < -9)
        _ = router.handle(.disconnected(Self.peer), now: .seconds(100))
        _ = router.handle(.heartbeat, now: .seconds(201))
        #expect(router.report(of: Self.peer) == nil)
        let good = GossipNetwork.id(3)
        _ = router.handle(.connected(GossipPeerInfo(peer: good, direction: .inbound)), now: .seconds(201))
        Self.bring(&router, [3], .accept, from: good, now: .seconds(201))
        _ = router.handle(.disconnected(good), now: .seconds(202))
        #expect(router.report(of: good) == nil)
    }

    @Test("expecting a rate makes who delivers nothing fall out of the mesh, and who delivers a tenth stay")
    func expecting() throws {
        for (every, stays) in [(5, true), (1_000, false)] {
            var router = try Self.router {
                $0.otherTopics.score = .expecting(messagesPerSecond: 1)
            }
            for second in 1...200 {
                if second % every == 0 {
                    Self.bring(&router, [UInt8(second / 256), UInt8(second % 256)], .accept, now: .seconds(second))
                }
                _ = router.handle(.heartbeat, now: .seconds(second))
            }
            #expect(router.mesh(of: "t").contains(Self.peer) == stays, "a message every \(every) s")
        }
    }
}
