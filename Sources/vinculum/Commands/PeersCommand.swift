import ArgumentParser
import Node
import NodeAPI
import Primitives

struct Peers: VinculumCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show the node's peers, what they carry and how they behave.",
        discussion: HelpText(
            why: "A node that is behind or alone has a reason, and it stands here.",
            examples: [
                ("vinculum peers", "the folder's node"),
                ("vinculum peers --own", "the addresses to give to others, one a line"),
                ("vinculum peers --json", "everything that is known of each peer"),
            ], exits: ExitStatus.ofNode
        ).text)

    @Flag(help: "Only the node's own addresses, as others put them into network.peers.") var own = false
    @OptionGroup var node: NodeOptions
    @OptionGroup var output: OutputOptions

    func execute() async throws -> ExitStatus {
        let network = try await node.client().networkStatus()
        output.emit("peers", network.wire.map ?? CBORMap()) { style in
            guard network.isOn else {
                return "This node stays by itself: network.listen, network.peers and network.mdns are not set."
            }
            return own ? network.addresses.joined(separator: "\n") : Self.text(network, style)
        }
        return .ok
    }

    private static func text(_ network: NetworkStatus, _ style: Style) -> String {
        var facts = FactList()
        facts.add("id", network.id)
        for address in network.addresses { facts.add("address", address) }
        let connected = network.peers.filter { $0.address != nil }
        facts.add("connected", "\(connected.count), of \(network.known) known (\(network.tried) reached before)")
        if network.bestHeight > 0 { facts.add("best height", HumanUnits.grouped(network.bestHeight)) }
        if network.isLowBandwidth { facts.add("mode", "low bandwidth") }
        guard !network.peers.isEmpty else { return facts.text(style) }
        var table = Table([
            ("peer", .left), ("address", .left), ("in/out", .right), ("round trip", .right), ("score", .right),
            ("points", .right), ("why", .left),
        ])
        for peer in network.peers { table.add(row(peer)) }
        return facts.text(style) + "\n\n" + table.text(style)
            + "\nscore: of gossip, negative leaves the mesh; points: of misconduct, they fade"
    }

    private static func row(_ peer: NetworkStatus.Peer) -> [String] {
        let place = peer.address.map {
            $0 + (peer.isInbound ? " (dialled us)" : peer.isConfigured ? " (configured)" : "")
        }
        let banned = peer.bannedUntilMilliseconds.map { "banned until \(HumanUnits.time(milliseconds: $0))" }
        let offences = peer.offences.map { "\($0.word) \($0.count)" }.joined(separator: ", ")
        return [
            "\(peer.id.suffix(8))", place ?? banned ?? "gone",
            "\(HumanUnits.bytes(peer.receivedBytes))/\(HumanUnits.bytes(peer.sentBytes))",
            peer.roundTripMicroseconds.map { HumanUnits.duration(.microseconds(Int64(clamping: $0))) } ?? "-",
            peer.isConfigured ? "direct" : peer.scoreThousandths.map(decimal) ?? "-",
            peer.pointsThousandths == 0 ? "-" : decimal(peer.pointsThousandths), offences,
        ]
    }

    /// Thousandths as a number with one digit.
    private static func decimal(_ thousandths: Int) -> String {
        let tenths = Double(thousandths) / 100
        return "\(tenths.rounded() / 10)"
    }
}
