import PeerNetwork
import Primitives
import TestSupport
import Testing

@testable import Node

/// Nodes of one chain whose link delays, is slow, and breaks.
@Suite("Node: network over a bad link", .serialized, .timeLimit(.minutes(3)))
struct BadLinkTests {
    private static func configuration(_ peers: [String], lowBandwidth: Bool = false) -> String {
        """
        [ledger]
        durability = "normal"
        [network]
        listen = ["/ip4/127.0.0.1/tcp/0"]
        low_bandwidth = \(lowBandwidth)
        peers = [\(peers.map { "\"\($0)\"" }.joined(separator: ", "))]
        """
    }

    private func until(_ seconds: Int, _ condition: () async throws -> Bool) async throws -> Bool {
        for _ in 0..<seconds * 20 {
            if try await condition() { return true }
            try await Task.sleep(for: .milliseconds(50))
        }
        return false
    }

    private func height(_ node: TestNode) async throws -> UInt64 { try await node.runtime.status().height }

    @Test(
        "a follower catches up and hears new blocks though the link delays, is slow and is reset",
        arguments: [false, true])
    func follows(lowBandwidth: Bool) async throws {
        let folder = try TemporaryFolder()
        let validator = try await TestNode(in: folder.root + "/a", configuration: Self.configuration([]))
        for sequence in 0..<90 as Range<UInt64> { try await validator.block(sequence: sequence) }
        let address = try Multiaddr(text: try #require(try await validator.runtime.networkStatus().addresses.first))
        let link = try ImpairedLink(to: try #require(address.tcpTarget).port)
        link.set { ($0.delayMilliseconds, $0.bytesPerSecond) = (20, 60_000) }
        let through = Multiaddr(.v4(0x7f00_0001), tcp: link.port).with(try #require(address.peer))
        let follower = try await TestNode(
            in: folder.root + "/b", genesis: validator.genesis,
            configuration: Self.configuration(["\(through)"], lowBandwidth: lowBandwidth), follows: true)
        // In the middle of the blocks.
        #expect(try await until(20) { link.carriedBytes > 20_000 })
        link.reset()
        #expect(try await until(60) { try await height(follower) == 90 })
        try await validator.block(sequence: 90)
        #expect(try await until(30) { try await height(follower) == 91 })
        let roots = try await [validator.runtime.status().stateRoot, follower.runtime.status().stateRoot]
        #expect(roots[0] == roots[1])
        link.close()
        for node in [follower, validator] { await node.stop() }
    }
}
