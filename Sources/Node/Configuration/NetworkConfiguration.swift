import Ledger
import PeerNetwork

/// The section `[network]` of `node.toml`, typed.
public struct NetworkConfiguration: Sendable {
    public let listen: [Multiaddr]
    public let advertised: [Multiaddr]
    public let peers: [Multiaddr]
    public let usesMulticastDNS: Bool
    public let usesKademlia: Bool
    public let sharesObjects: Bool
    public let isLowBandwidth: Bool
    public let outboundTarget: Int
    public let inboundLimit: Int
    /// The block from which on the chain is believed; nil: from the genesis.
    public let checkpoint: Checkpoint?
    public let keyFile: String
    /// Where what is known of peers is kept.
    public let folder: String

    /// - Throws: `ConfigurationError` for an address that is none, naming the key.
    init(_ resolved: ResolvedConfiguration, keyFile: String, folder: String) throws(ConfigurationError) {
        var problems: [ConfigurationError.Problem] = []
        listen = Self.addresses("network.listen", resolved, &problems)
        advertised = Self.addresses("network.advertise", resolved, &problems)
        peers = Self.addresses("network.peers", resolved, &problems)
        for (index, peer) in peers.enumerated() where peer.peer == nil {
            problems.append(
                Self.problem(
                    "network.peers", index, resolved, "\(peer) does not say who the peer is",
                    hint: "end it with /p2p/ and the id that `vinculum peers --own` shows there"))
        }
        usesMulticastDNS = resolved.boolean("network.mdns")
        usesKademlia = resolved.boolean("network.kademlia")
        sharesObjects = resolved.boolean("network.share_objects")
        isLowBandwidth = resolved.boolean("network.low_bandwidth")
        outboundTarget = resolved.integer("network.outbound_peers")
        inboundLimit = resolved.integer("network.inbound_limit")
        let text = resolved.text("network.checkpoint")
        checkpoint = text.isEmpty ? nil : Checkpoint(text: text)
        if checkpoint == nil, !text.isEmpty {
            problems.append(
                Self.problem(
                    "network.checkpoint", nil, resolved, "\"\(text)\" is no checkpoint",
                    hint: "HEIGHT:ID as `vinculum ledger head` shows it on a node that you trust"))
        }
        self.keyFile = keyFile
        self.folder = folder
        guard problems.isEmpty else { throw ConfigurationError(file: "node.toml", problems: problems) }
    }

    /// Whether the node meets others at all.
    public var isOn: Bool { !listen.isEmpty || !peers.isEmpty || usesMulticastDNS }

    func service(network: String) -> PeerServiceConfiguration {
        var service = PeerServiceConfiguration(network: network)
        service.listen = listen
        service.advertised = advertised
        service.configured = peers
        service.usesMulticastDNS = usesMulticastDNS
        service.usesKademlia = usesKademlia
        service.isLowBandwidth = isLowBandwidth
        service.dialing.outboundTarget = outboundTarget
        service.limits.inbound = inboundLimit
        service.limits.total = inboundLimit + outboundTarget + 16
        service.host.inboundConnectionLimit = inboundLimit + 32
        service.host.agentVersion = "vinculum/\(NodeRuntime.version)"
        return service
    }

    private static func addresses(
        _ key: String, _ resolved: ResolvedConfiguration, _ problems: inout [ConfigurationError.Problem]
    ) -> [Multiaddr] {
        var addresses: [Multiaddr] = []
        for (index, text) in resolved.list(key).enumerated() {
            do {
                let address = try Multiaddr(text: text)
                guard address.tcpTarget != nil else {
                    problems.append(
                        problem(
                            key, index, resolved, "\(text): \(address.whyUnusable)",
                            hint: "an address looks like /ip4/192.0.2.1/tcp/4001 or /dns4/node.example/tcp/4001"))
                    continue
                }
                addresses.append(address)
            } catch {
                problems.append(
                    problem(key, index, resolved, "\(error)", hint: "an address looks like /ip4/192.0.2.1/tcp/4001"))
            }
        }
        return addresses
    }

    private static func problem(
        _ key: String, _ index: Int?, _ resolved: ResolvedConfiguration, _ reason: String, hint: String
    ) -> ConfigurationError.Problem {
        let origin: String? =
            switch resolved.origins[key] {
            case .file, nil: nil
            case .some(let other): other.description
            }
        return ConfigurationError.Problem(
            key: key, origin: origin, reason: index.map { "entry \($0 + 1): \(reason)" } ?? reason, hint: hint)
    }

    static let keys: [ConfigurationKey] = [
        .init(
            "network.listen", .textList, default: .list([]),
            "Where other nodes reach this one, as multiaddresses: \"/ip4/0.0.0.0/tcp/4001\". Empty: it only dials."),
        .init(
            "network.advertise", .textList, default: .list([]),
            "Addresses that others are told in place of those it listens on, behind a router that forwards a port."),
        .init(
            "network.peers", .textList, default: .list([]),
            "Peers that are always dialled, each with its id: \"/dns4/node.example/tcp/4001/p2p/12D3Koo...\"."),
        .init(
            "network.checkpoint", .text(choices: nil), default: .text(""),
            "A block that you trust, as \"HEIGHT:ID\" from `vinculum ledger head` on a node of people whom you "
                + "trust. A new "
                + "node begins from a snapshot that certified headers join to this block, and no node follows a chain "
                + "without it: validators of long ago, whose stake is gone, can then sign no other past for you (weak "
                + "subjectivity). Empty: from the genesis, block by block."),
        .init(
            "network.mdns", .boolean, default: .boolean(false),
            "Find nodes of the same chain on the local network by multicast DNS."),
        .init(
            "network.kademlia", .boolean, default: .boolean(true),
            "Take part in the routing table through which peers and objects are found by id."),
        .init(
            "network.share_objects", .boolean, default: .boolean(true),
            "Give objects (models, protected updates, evidence) to nodes that know their ids, and fetch missing ones."),
        .init(
            "network.low_bandwidth", .boolean, default: .boolean(false),
            "Fewer peers, longer intervals and larger batches, for links that are slow or paid by volume: under "
                + "1 MB an "
                + "hour when nothing happens."),
        .init(
            "network.outbound_peers", .integer(1...64), default: .integer(8), unit: "peers",
            "How many peers of its own choice the node keeps connected."),
        .init(
            "network.inbound_limit", .integer(0...4096), default: .integer(128), unit: "peers",
            "How many peers may connect to this node."),
        .init(
            "network.key_file", .text(choices: nil), default: .text("keys/network.key"),
            "The Ed25519 key that peers know this node by, mode 0600; made when it is missing."),
        .init(
            "network.folder", .text(choices: nil), default: .text("network"),
            "Where known addresses and the conduct of peers are kept."),
    ]
}
