import Glibc
import PeerNetwork
import Testing

@Suite("Gossip over a network of routers, in virtual time")
struct GossipNetworkTests {
    /// More of them for a search: VINCULUM_GOSSIP_SEEDS.
    private static let seedCount = getenv("VINCULUM_GOSSIP_SEEDS").flatMap { UInt64(String(cString: $0)) } ?? 40

    /// One run of 25 nodes: half of them publish while others come and go and a fifth of all RPCs is lost.
    private static func churn(
        seed: UInt64, _ configuration: GossipConfiguration = GossipConfiguration()
    ) throws -> [String] {
        let network = GossipNetwork(seed: seed)
        network.loss = 0.2
        let members = Array(0..<25)
        for _ in members { try network.add(configuration) }
        network.connectAtRandom(members, dials: 4)
        try network.subscribe(members, "blocks")
        network.run(for: .seconds(5))
        let steady = Array(members.prefix(18))
        var published: [GossipMessageID] = []
        for round in 0..<10 {
            let moving = Array(members.dropFirst(18))
            if let node = moving.randomElement(using: &network.random) {
                if network.down.contains(node) {
                    network.start(node, dialling: Array(steady.shuffled(using: &network.random).prefix(4)))
                } else {
                    network.stop(node)
                    network.redial(steady, atLeast: 4)
                }
            }
            for sender in steady.shuffled(using: &network.random).prefix(2) {
                let data = Array("\(round) of \(sender)".utf8)
                if let id = try network.publish(sender, data, to: "blocks") { published.append(id) }
            }
            network.run(for: .milliseconds(700))
        }
        network.run(for: .seconds(8))
        return published.compactMap { id in
            let missing = network.missing(id, among: steady)
            return missing.isEmpty ? nil : "seed \(seed): \(id) did not reach \(missing)"
        }
    }

    @Test("every message reaches each of 25 nodes that stays up, with a fifth of the RPCs lost, and churn")
    func coverage() throws {
        for seed in 1...GossipNetworkTests.seedCount {
            let failures = try GossipNetworkTests.churn(seed: seed)
            #expect(failures.isEmpty, "\(failures)")
        }
    }

    @Test("without gossip, the same runs lose messages: the mesh alone does not make up for the loss")
    func coverageNeedsGossip() throws {
        var configuration = GossipConfiguration()
        configuration.lazyDegree = 0
        configuration.gossipFactor = 0
        configuration.floodPublish = false
        let failures = try (1...UInt64(10)).flatMap { try GossipNetworkTests.churn(seed: $0, configuration) }
        #expect(!failures.isEmpty)
    }

    @Test("a message that a network of four loses on its way comes by gossip")
    func smallNetwork() throws {
        for seed in 1...UInt64(40) {
            let network = GossipNetwork(seed: seed)
            network.loss = 0.2
            let members = Array(0..<4)
            for _ in members { try network.add() }
            network.connectAtRandom(members, dials: 3)
            try network.subscribe(members, "votes")
            network.run(for: .seconds(5))
            var published: [GossipMessageID] = []
            for round in UInt8(0)..<20 {
                if let id = try network.publish(Int(round) % 4, [round], to: "votes") { published.append(id) }
                network.run(for: .milliseconds(200))
            }
            network.run(for: .seconds(8))
            for id in published { #expect(network.missing(id, among: members) == [], "seed \(seed)") }
        }
    }

    @Test("200 nodes get a message within few hops, and meshes keep their bounds")
    func large() throws {
        let network = GossipNetwork(seed: 7)
        let members = Array(0..<200)
        var configuration = GossipConfiguration()
        configuration.floodPublish = false
        for _ in members { try network.add(configuration) }
        network.connectAtRandom(members, dials: 8)
        try network.subscribe(members, "blocks")
        network.run(for: .seconds(30))
        for node in members {
            let degree = network.mesh(node, "blocks").count
            #expect((configuration.lowDegree...configuration.highDegree).contains(degree), "node \(node): \(degree)")
            for other in network.mesh(node, "blocks") {
                #expect(network.mesh(other, "blocks").contains(node), "\(node) and \(other) disagree")
            }
        }
        var hops: [Int] = []
        var times: [Duration] = []
        for round in UInt8(0)..<20 {
            let id = try #require(try network.publish(Int(round) * 9, [round], to: "blocks"))
            network.run(for: .seconds(2))
            #expect(network.missing(id, among: members) == [])
            for node in members {
                guard let arrival = network.arrivals[id]?[node], let start = network.published[id] else { continue }
                hops.append(arrival.hops)
                times.append(arrival.time - start)
            }
        }
        let p99 = try #require(GossipNetwork.quantile(0.99, times))
        let p99Hops = try #require(GossipNetwork.quantile(0.99, hops))
        // Log of 200 to the base of D - 1 is 3.3; delays are from 10 to 80 ms, so that the fastest way is rarely the
        // shortest.
        #expect(p99Hops <= 8)
        #expect(p99 <= .milliseconds(300))
    }

    @Test("a run repeats from its seed, to the last byte")
    func repeats() throws {
        func trace(_ seed: UInt64) throws -> [String] {
            let network = GossipNetwork(seed: seed)
            network.loss = 0.1
            let members = Array(0..<15)
            for _ in members { try network.add() }
            network.connectAtRandom(members, dials: 3)
            try network.subscribe(members, "a")
            try network.subscribe(members, "b")
            for round in UInt8(0)..<10 {
                try network.publish(Int(round), [round], to: round % 2 == 0 ? "a" : "b")
                network.run(for: .seconds(1))
            }
            let meshes = members.map { "\(network.mesh($0, "a")) \(network.mesh($0, "b"))" }
            return meshes + ["\(network.sentByteCount)"]
        }
        #expect(try trace(3) == trace(3))
        #expect(try trace(3) != trace(4))
    }

    @Test("who is not in a topic publishes to it all the same, for as long as it does")
    func fanout() throws {
        let network = GossipNetwork(seed: 5)
        var configuration = GossipConfiguration()
        configuration.floodPublish = false
        let members = Array(0..<20)
        for _ in members { try network.add(configuration) }
        network.connectAtRandom(members, dials: 4)
        let readers = Array(members.dropFirst())
        try network.subscribe(readers, "transactions")
        network.run(for: .seconds(5))
        let id = try #require(try network.publish(0, [1], to: "transactions"))
        network.run(for: .seconds(5))
        #expect(network.missing(id, among: readers) == [])
        #expect(network.routers[0]?.usage.topicCount == 1)
        // Subscribing makes the fanout a mesh, at once.
        try network.subscribe([0], "transactions")
        #expect(!network.mesh(0, "transactions").isEmpty)
    }

    @Test("peer exchange connects a topic of which everybody knows one peer only")
    func exchange() throws {
        let network = GossipNetwork(seed: 11)
        var configuration = GossipConfiguration()
        // The hub has done nothing for anybody yet.
        configuration.score.acceptExchangeThreshold = 0
        let members = Array(0..<30)
        for _ in members { try network.add(configuration) }
        for node in members.dropFirst() { network.connect(node, 0) }
        try network.subscribe(members, "thin")
        network.run(for: .seconds(200))
        for node in members.dropFirst() {
            #expect(network.links[node, default: [:]].count >= configuration.lowDegree, "node \(node)")
            #expect(network.mesh(node, "thin").count >= configuration.outboundDegree, "node \(node)")
        }
        network.stop(0)
        network.run(for: .seconds(5))
        let id = try #require(try network.publish(1, [1], to: "thin"))
        network.run(for: .seconds(5))
        #expect(network.missing(id, among: Array(members.dropFirst())) == [], "without the hub")
    }

    @Test("an idle network says nothing but what topics it is in, and soon not even that")
    func idle() throws {
        let network = GossipNetwork(seed: 12)
        let members = Array(0..<10)
        for _ in members { try network.add() }
        network.connectAtRandom(members, dials: 9)
        try network.subscribe(members, "blocks")
        network.run(for: .seconds(300))
        let before = network.sentByteCount
        #expect(before < 200 * 90, "of all ninety directions together")
        network.run(for: .seconds(3_600))
        #expect(network.sentByteCount == before, "bytes in an hour")
    }
}
