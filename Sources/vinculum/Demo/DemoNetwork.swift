import Node
import Primitives

/// Where the demo's validators reach one another: ports of the loopback interface that were free when it was prepared.
struct DemoNetwork: Sendable {
    private let ports: [UInt16]
    private let peers: [String]

    /// - Parameter peers: the peer ids of the nodes, in their order.
    init(peers: [String]) throws(LoopbackPorts.NoPort) {
        self.peers = peers
        ports = try LoopbackPorts.free(count: peers.count)
    }

    /// - Parameter number: of the validator, from 1.
    func address(_ number: Int) -> String { "/ip4/127.0.0.1/tcp/\(ports[number - 1])" }

    /// All validators but one.
    func peers(of number: Int) -> [String] {
        (1...ports.count).filter { $0 != number }.map { "\(address($0))/p2p/\(peers[$0 - 1])" }
    }
}
