import PeerNetwork
import Testing

@Suite("Gossip under attack, in virtual time")
struct GossipAttackTests {
    /// Honest nodes in address ranges of their own, each dialling some others, all in "blocks".
    private static func honest(_ count: Int, dials: Int, seed: UInt64) throws -> GossipNetwork {
        let network = GossipNetwork(seed: seed)
        for _ in 0..<count { try network.add() }
        network.connectAtRandom(Array(0..<count), dials: dials)
        try network.subscribe(Array(0..<count), "blocks")
        return network
    }

    private static func rpc(_ fill: (inout GossipRPC) -> Void) -> GossipRPC {
        var rpc = GossipRPC()
        fill(&rpc)
        return rpc
    }

    /// Attackers that join the topic and graft everybody, every second, and pass nothing on.
    private static func besiege(
        _ network: GossipNetwork, honest: Int, attackers: Int, range: @escaping (Int) -> String
    ) -> [Int] {
        let sybils = (0..<attackers).map { _ in network.addAdversary { _, _, _, _ in } }
        network.addressRanges = { $0 < honest ? ["range \($0)"] : [range($0)] }
        let flood = rpc {
            $0.subscriptions = [GossipRPC.Subscription(topic: "blocks", isSubscribed: true)]
            $0.grafts = ["blocks"]
        }
        for sybil in sybils {
            for node in 0..<honest { network.connect(sybil, node) }
            for beat in 0..<120 {
                network.schedule(after: .milliseconds(999 * Int64(beat))) { [unowned network] in
                    for node in 0..<honest { network.send(flood, from: sybil, to: node) }
                }
            }
        }
        return sybils
    }

    @Test(
        "three times as many attackers, from few address ranges or from many, do not part honest nodes",
        arguments: [(3, UInt64(1)), (3, 2), (10, 3), (10, 4), (60, 5), (60, 6)])
    func eclipse(rangeCount: Int, seed: UInt64) throws {
        let honest = 20
        let network = try GossipAttackTests.honest(honest, dials: 3, seed: seed)
        // The attackers are there before the meshes are.
        let sybils = GossipAttackTests.besiege(network, honest: honest, attackers: 60) { "sybil \($0 % rangeCount)" }
        let members = Array(0..<honest)
        var failures: [String] = []
        for round in UInt8(0)..<20 {
            let id = try #require(try network.publish(Int(round) % honest, [round], to: "blocks"))
            network.run(for: .seconds(6))
            let missing = network.missing(id, among: members)
            if !missing.isEmpty { failures.append("round \(round): \(missing)") }
        }
        #expect(failures.isEmpty, "seed \(seed)")
        if rangeCount == 3 {
            // Twenty in a range are far above the threshold.
            for node in members {
                #expect(network.mesh(node, "blocks").allSatisfy { $0 < honest }, "seed \(seed), node \(node)")
                for sybil in sybils { #expect(network.links[node]?[sybil] == nil, "cut") }
            }
        }
        // Whatever the attackers do, honest neighbours are left, among them those that the node itself dialled.
        for node in members {
            #expect(network.mesh(node, "blocks").contains { $0 < honest }, "seed \(seed), node \(node)")
        }
        #expect(network.cuts.allSatisfy { $0.of >= honest }, "no honest node is cut, seed \(seed)")
    }

    @Test("who sends invalid messages leaves all meshes, is graylisted and cut, within some heartbeats")
    func invalidMessages() throws {
        let network = try GossipAttackTests.honest(10, dials: 3, seed: 21)
        let spammer = network.addAdversary { _, _, _, _ in }
        for node in 0..<10 { network.connect(spammer, node) }
        network.run(for: .seconds(5))
        for node in 0..<10 {
            network.send(
                GossipAttackTests.rpc {
                    $0.subscriptions = [GossipRPC.Subscription(topic: "blocks", isSubscribed: true)]
                    $0.grafts = ["blocks"]
                }, from: spammer, to: node)
        }
        network.run(for: .seconds(1))
        for round in UInt8(0)..<8 {
            for node in 0..<10 {
                network.send(
                    GossipAttackTests.rpc {
                        $0.messages = [GossipMessage(topic: "blocks", data: [0xff, round, UInt8(node)])]
                    }, from: spammer, to: node)
            }
        }
        network.run(for: .seconds(3))
        for node in 0..<10 {
            #expect(!network.mesh(node, "blocks").contains(spammer))
            #expect(network.routers[node]?.report(of: network.ids[spammer])?.isGraylisted == true)
            #expect(network.links[node]?[spammer] == nil)
        }
        #expect(network.arrivals.values.allSatisfy { $0.count == 1 }, "nobody passed an invalid message on")
        #expect(network.cuts.allSatisfy { $0.of == spammer && $0.reason == .graylisted })
        // The score outlives the connection: whoever comes back is not heard, and is cut again.
        network.connect(spammer, 0)
        let before = network.arrivals.count
        network.send(
            GossipAttackTests.rpc { $0.messages = [GossipMessage(topic: "blocks", data: [1, 2, 3])] }, from: spammer,
            to: 0)
        network.run(for: .seconds(3))
        #expect(network.arrivals.count == before)
        #expect(network.links[0]?[spammer] == nil)
        let lines = network.logs.filter { $0.by == 0 && $0.1.reason == .rejected }
        #expect(lines.count == 1, "each reason once")
    }

    @Test("who announces messages and never sends them is graylisted for broken promises")
    func brokenPromises() throws {
        let network = try GossipAttackTests.honest(8, dials: 3, seed: 22)
        let liar = network.addAdversary { _, _, _, _ in }
        for node in 0..<8 { network.connect(liar, node) }
        for second in 0..<30 {
            network.schedule(after: .seconds(5 + Int64(second))) { [unowned network] in
                for node in 0..<8 {
                    let ids = (0..<20).map { GossipMessageID([UInt8(second), UInt8(node), $0]) }
                    network.send(
                        GossipAttackTests.rpc { $0.haves = [GossipRPC.Have(topic: "blocks", ids: ids)] }, from: liar,
                        to: node)
                }
            }
        }
        network.run(for: .seconds(40))
        for node in 0..<8 { #expect(network.links[node]?[liar] == nil, "node \(node)") }
        #expect(network.cuts.allSatisfy { $0.of == liar })
        #expect(network.logs.contains { $0.1.reason == .brokenPromise })
    }

    @Test("floods of IHAVE, IWANT and IDONTWANT are answered up to a bound")
    func floods() throws {
        let network = try GossipAttackTests.honest(2, dials: 1, seed: 23)
        var asked = 0
        var messages = 0
        let flooder = network.addAdversary { _, _, _, rpc in
            asked += rpc.wants.count
            messages += rpc.messages.count
        }
        network.connect(flooder, 0)
        network.run(for: .seconds(4))
        let id = try #require(try network.publish(0, [7], to: "blocks"))
        network.run(for: .seconds(1))
        let configuration = GossipConfiguration()
        for batch in 0..<40 {
            network.send(
                GossipAttackTests.rpc {
                    let ids = (0..<1_000).map { GossipMessageID([UInt8(batch), UInt8($0 / 256), UInt8($0 % 256)]) }
                    $0.haves = [GossipRPC.Have(topic: "blocks", ids: ids)]
                }, from: flooder, to: 0)
        }
        for _ in 0..<40 {
            network.send(
                GossipAttackTests.rpc { $0.wants = Array(repeating: id, count: 100) }, from: flooder, to: 0)
        }
        network.run(for: .milliseconds(200))
        #expect(asked > 0)
        #expect(asked <= 2 * configuration.haveIDsPerHeartbeat, "a heartbeat may lie between")
        #expect(messages == configuration.retransmissions)
        for _ in 0..<20 {
            network.send(
                GossipAttackTests.rpc { $0.wants = Array(repeating: id, count: 30_000) }, from: flooder, to: 0)
        }
        network.run(for: .seconds(3))
        #expect(network.links[0]?[flooder] == nil, "far more than allowed is a breach")
        let reasons = Set(network.logs.filter { $0.by == 0 }.map { $0.1.reason })
        #expect(reasons.isSuperset(of: [.haveFlood, .wantFlood, .wantRepeated]))
    }

    @Test("who prunes and grafts in turn, or grafts during a back-off, is refused, penalised and cut at last")
    func flapping() throws {
        let network = try GossipAttackTests.honest(2, dials: 1, seed: 24)
        var prunes = 0
        let flapper = network.addAdversary { _, _, _, rpc in prunes += rpc.prunes.count }
        network.connect(flapper, 0)
        network.send(
            GossipAttackTests.rpc {
                $0.subscriptions = [GossipRPC.Subscription(topic: "blocks", isSubscribed: true)]
                $0.grafts = ["blocks"]
            }, from: flapper, to: 0)
        network.run(for: .seconds(1))
        #expect(network.mesh(0, "blocks").contains(flapper))
        for beat in 0..<12 {
            network.schedule(after: .seconds(Int64(beat))) { [unowned network] in
                let flap = GossipAttackTests.rpc {
                    $0.prunes = [GossipRPC.Prune(topic: "blocks", backoffSeconds: 1)]
                }
                network.send(flap, from: flapper, to: 0)
                network.send(GossipAttackTests.rpc { $0.grafts = ["blocks"] }, from: flapper, to: 0)
            }
        }
        network.run(for: .milliseconds(500))
        #expect(!network.mesh(0, "blocks").contains(flapper))
        network.run(for: .seconds(20))
        #expect(prunes > 0)
        #expect(network.links[0]?[flapper] == nil)
    }

    @Test("old messages that are replayed are not passed on again")
    func replay() throws {
        let network = try GossipAttackTests.honest(6, dials: 3, seed: 25)
        var recorded: [GossipMessage] = []
        let replayer = network.addAdversary { _, _, _, rpc in recorded += rpc.messages }
        for node in 0..<6 { network.connect(node, replayer) }
        for node in 0..<6 {
            network.send(
                GossipAttackTests.rpc {
                    $0.subscriptions = [GossipRPC.Subscription(topic: "blocks", isSubscribed: true)]
                }, from: replayer, to: node)
        }
        network.run(for: .seconds(3))
        try network.publish(0, [1], to: "blocks")
        network.run(for: .seconds(5))
        #expect(!recorded.isEmpty)
        let deliveries = network.arrivals.values.reduce(0) { $0 + $1.count }
        let message = recorded[0]
        for second in 0..<100 {
            network.schedule(after: .seconds(Int64(second))) { [unowned network] in
                for node in 0..<6 { network.send(rpc(message), from: replayer, to: node) }
            }
        }
        func rpc(_ message: GossipMessage) -> GossipRPC { GossipAttackTests.rpc { $0.messages = [message] } }
        recorded = []
        network.run(for: .seconds(90))
        #expect(network.arrivals.values.reduce(0) { $0 + $1.count } == deliveries)
        #expect(recorded.isEmpty, "nobody passes it on")
    }

    @Test("bytes that are no RPC, or one above a limit, cut the peer with the reason")
    func malformed() throws {
        let network = try GossipAttackTests.honest(3, dials: 2, seed: 26)
        let oversize = GossipAttackTests.rpc { $0.wants = Array(repeating: GossipMessageID([1]), count: 40_000) }
        for (bytes, place) in [([0xff, 0xff], "protobuf"), (oversize.encoded(), "gossip RPC")] as [([UInt8], String)] {
            let vandal = network.addAdversary { _, _, _, _ in }
            network.connect(vandal, 0)
            network.send(bytes, from: vandal, to: 0)
            network.run(for: .seconds(1))
            #expect(network.links[0]?[vandal] == nil)
            let cut = try #require(network.cuts.last)
            #expect(cut.of == vandal && cut.reason == .malformed)
            let log = try #require(network.logs.last { $0.1.reason == .malformed })
            #expect(log.1.detail.contains(place))
        }
    }

    @Test("what one peer can make a router hold stays within its bounds")
    func bounded() throws {
        let network = GossipNetwork(seed: 27)
        var configuration = GossipConfiguration()
        configuration.seenCount = 500
        configuration.waitingCount = 100
        configuration.waitingCountPerPeer = 20
        configuration.retainedPeerCount = 30
        configuration.peerCount = 10
        try network.add(configuration)
        try network.subscribe([0], "blocks")
        network.judge = { _ in .ignore }
        for number in 0..<100 {
            let peer = network.addAdversary { _, _, _, _ in }
            network.connect(peer, 0)
            network.send(
                GossipAttackTests.rpc {
                    $0.subscriptions = (0..<1_000).map { .init(topic: "topic \($0)", isSubscribed: true) }
                    $0.messages = (0..<200).map {
                        GossipMessage(topic: "blocks", data: [UInt8(number), UInt8($0), 1])
                    }
                    $0.grafts = (0..<900).map { "topic \($0)" }
                    $0.prunes = [GossipRPC.Prune(topic: "blocks", backoffSeconds: .max)]
                    $0.unwanted = (0..<9_000).map { GossipMessageID([UInt8($0 % 256), UInt8($0 / 256)]) }
                }, from: peer, to: 0)
            network.run(for: .milliseconds(100))
            if number % 3 > 0 { network.disconnect(peer, 0) }
            let usage = try #require(network.routers[0]?.usage)
            #expect(usage.peerCount <= 10 && usage.retainedPeerCount <= 30)
            #expect(usage.seenCount <= 500 && usage.waitingCount == 0)
            #expect(usage.topicCount <= 10 * configuration.topicsPerPeer + 1)
        }
        #expect(network.cuts.contains { $0.reason == .tooManyPeers })
    }
}
