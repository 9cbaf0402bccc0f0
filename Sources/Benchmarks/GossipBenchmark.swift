import Glibc
import PeerNetwork
import Primitives
import Synchronization

/// How long a message takes to reach every node of a network whose nodes are in one process, over sockets.
struct GossipBenchmark: Sendable {
    let nodeCount: Int
    let messageCount: Int
    private static let byteCount = 1_024
    /// So many messages a second: what nodes do with time, not what they do when they cannot keep up.
    private static let rate = 50
    /// How many others each node dials: with those that dial it, about as many as a mesh has at most.
    private static let dialled = 6

    func run(_ report: Report) async throws {
        let arrivals = Arrivals(messageCount)
        var nodes: [GossipNode] = []
        for number in 0..<nodeCount { nodes.append(try await GossipNode(number: number, arrivals: arrivals)) }
        try await join(nodes)
        let ping = try await medianPing(nodes)
        try await publish(nodes, arrivals)
        for node in nodes { await node.stop() }
        let latencies = arrivals.latencies.sorted()
        let expected = messageCount * (nodeCount - 1)
        let what = "gossip of 1 KiB to \(nodeCount) nodes, sockets, \(GossipBenchmark.rate) messages/s"
        for (name, share) in [("p50", 0.5), ("p99", 0.99)] {
            let latency = percentile(latencies, share)
            report.add(
                "\(what): \(name)", "\(significant(latency * 1e3)) ms",
                "half a ping between two of them: \(significant(ping / 2 * 1e3)) ms", ratio: latency / (ping / 2))
        }
        report.add(
            "of these messages, deliveries", counted(latencies.count), "\(counted(expected)) at most",
            ratio: Double(latencies.count) / Double(expected), target: .atLeast(1))
    }

    private func join(_ nodes: [GossipNode]) async throws {
        var random = SeededRandom(state: 25)
        for (number, node) in nodes.enumerated() {
            for other in nodes.indices.filter({ $0 != number }).shuffled(using: &random).prefix(Self.dialled) {
                // Both may dial at the same time: then one connection more is open.
                try await node.host.connect(to: nodes[other].address)
            }
        }
        // Heartbeats form the mesh.
        for _ in 0..<100 {
            var least = Int.max
            for node in nodes { least = min(least, await node.meshSize) }
            if least >= 4 { return }
            try await Task.sleep(for: .milliseconds(100))
        }
        throw NetworkBenchmark.Failure(description: "no mesh has formed")
    }

    /// Of some round trips over one connection of the network, in seconds.
    private func medianPing(_ nodes: [GossipNode]) async throws -> Double {
        let host = nodes[0].host
        guard let peer = host.connectedPeers.first else {
            throw NetworkBenchmark.Failure(description: "a node without peers")
        }
        var times: [Double] = []
        for _ in 0..<50 {
            // A peer has two ping streams at most, and ends one a moment after its answer.
            if let time = try? await host.ping(peer) { times.append(time / .seconds(1)) }
            try await Task.sleep(for: .milliseconds(5))
        }
        return median(times)
    }

    private func publish(_ nodes: [GossipNode], _ arrivals: Arrivals) async throws {
        var random = SeededRandom(state: 1_024)
        for number in 0..<messageCount {
            var message = (0..<8).map { UInt8(truncatingIfNeeded: number >> (8 * $0)) }
            while message.count < GossipBenchmark.byteCount {
                message.append(UInt8.random(in: 0...255, using: &random))
            }
            let node = nodes[Int.random(in: nodes.indices, using: &random)]
            arrivals.published(number)
            try await node.publish(message)
            try await Task.sleep(for: .microseconds(1_000_000 / GossipBenchmark.rate))
        }
        // What was lost on the way comes with the next heartbeats.
        try await Task.sleep(for: .seconds(3))
    }
}

/// When messages were published and where they arrived. Safe from any thread.
final class Arrivals: Sendable {
    private struct State: Sendable {
        var published: [Double]
        var latencies: [Double] = []
    }

    private let state: Mutex<State>

    init(_ count: Int) { state = Mutex(State(published: Array(repeating: 0, count: count))) }

    func published(_ number: Int) {
        let time = now()
        state.withLock { $0.published[number] = time }
    }

    func arrived(_ message: [UInt8]) {
        let time = now()
        let number = message.prefix(8).reversed().reduce(0) { $0 << 8 | Int($1) }
        state.withLock { state in
            guard state.published.indices.contains(number) else { return }
            state.latencies.append(time - state.published[number])
        }
    }

    var latencies: [Double] { state.withLock { $0.latencies } }
}
