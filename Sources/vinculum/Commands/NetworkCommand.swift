import ArgumentParser
import Glibc
import Node
import NodeAPI
import Primitives

struct NetworkCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "network",
        abstract: "Look at how the node meets others.",
        discussion: HelpText(
            why: "`vinculum peers` shows who is there; `network doctor` says what keeps others away.",
            examples: [("vinculum network doctor", "the folder's node")], exits: ExitStatus.ofNode
        ).text, subcommands: [NetworkDoctor.self])
}

struct NetworkDoctor: VinculumCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor",
        abstract: "Say whether the node is reachable, up to date and in step with its peers, and how to mend it.",
        discussion: HelpText(
            why:
                "Checks addresses, whether a router translates them, peers and their address ranges, whether "
                + "anybody has dialled this node, height, clock, versions and bans.",
            examples: [
                ("vinculum network doctor", "the folder's node"), ("vinculum network doctor --json", "for a program"),
            ],
            limits: "Needs a running node. That nobody has dialled it yet is no proof that nobody can.",
            exits: ExitStatus.ofNode
        ).text)

    @OptionGroup var node: NodeOptions
    @OptionGroup var output: OutputOptions

    func execute() async throws -> ExitStatus {
        let client = try node.client()
        let network = try await client.networkStatus()
        let status = try await client.status()
        let checks = NetworkChecks(network: network, status: status, nowMilliseconds: Self.now())
        return HealthReport.emit("network-doctor", NodeHealth(findings: checks.run()), output)
    }

    private static func now() -> UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return UInt64(time.tv_sec) * 1000 + UInt64(time.tv_nsec) / 1_000_000
    }
}

/// What keeps a node from its peers; each check gives one finding with its mend.
struct NetworkChecks {
    let network: NetworkStatus
    let status: NodeStatus
    let nowMilliseconds: UInt64

    /// Blocks that a node may be behind while it is catching up on what was gossiped a moment ago.
    private static let heightTolerance: UInt64 = 5
    /// As far as a proposer's clock may be ahead of this node's.
    /// Fewer peers than these say nothing about their owners.
    private static let narrowFrom = 4
    private static let clockToleranceMilliseconds: UInt64 = 5_000

    func run() -> [NodeHealth.Finding] {
        guard network.isOn else {
            return [
                finding(
                    "network", false, "this node stays by itself",
                    "set network.listen, network.peers or network.mdns in node.toml, and restart")
            ]
        }
        return [
            addresses(), reachable(), translation(), peers(), diversity(), height(), clock(), versions(), bans(),
        ]
    }

    private var connected: [NetworkStatus.Peer] { network.peers.filter { $0.address != nil } }

    private func addresses() -> NodeHealth.Finding {
        if network.addresses.isEmpty {
            return finding("addresses", true, "listens nowhere: it dials, and nobody can dial it", nil)
        }
        let local = network.addresses.allSatisfy { $0.hasPrefix("/ip4/127.") || $0.hasPrefix("/ip6/::1/") }
        return finding(
            "addresses", !local, network.addresses.joined(separator: " "),
            local ? "network.listen is on loopback: other machines need /ip4/0.0.0.0/tcp/PORT" : nil)
    }

    private func reachable() -> NodeHealth.Finding {
        if network.addresses.isEmpty { return finding("reachable", true, "nobody is meant to dial this node", nil) }
        let inbound = connected.count(where: \.isInbound)
        if inbound > 0 { return finding("reachable", true, "\(inbound) peers have dialled this node", nil) }
        return finding(
            "reachable", true,
            "nobody has dialled this node since it started; if that stays so, a firewall or a router may be in the way",
            "open the TCP port of network.listen; behind a router forward it, and set network.advertise")
    }

    /// Peers say where they see this node: an address that is not this machine's is a router's (NAT).
    private func translation() -> NodeHealth.Finding {
        let seen = Set(connected.compactMap { $0.observed.flatMap(Self.host) })
        let own = Set(network.addresses.compactMap(Self.host))
        if seen.isEmpty { return finding("nat", true, "no peer has said yet at which address it sees this node", nil) }
        let foreign = seen.subtracting(own).filter { !$0.hasPrefix("/ip4/127.") && $0 != "/ip6/::1" }.sorted()
        if foreign.isEmpty || network.addresses.isEmpty {
            return finding("nat", true, "peers see this node at \(seen.sorted().joined(separator: " "))", nil)
        }
        return finding(
            "nat", true,
            "peers see this node at \(foreign.joined(separator: " ")), which is no address of its own: a "
                + "router translates",
            "to be dialled, forward the port of network.listen there, and name that address in network.advertise")
    }

    /// `/ip4/192.0.2.1/tcp/4001/p2p/…` as `/ip4/192.0.2.1`.
    private static func host(_ address: String) -> String? {
        let words = address.split(separator: "/")
        return words.count >= 2 ? "/\(words[0])/\(words[1])" : nil
    }

    /// Peers of one address range may all be one owner's, who could then show this node what they like.
    private func diversity() -> NodeHealth.Finding {
        let isNarrow = connected.count >= Self.narrowFrom && network.addressRanges < 2
        return finding(
            "diversity", !isNarrow, "\(connected.count) peers in \(network.addressRanges) address ranges",
            isNarrow ? "name peers of other networks in network.peers: these may all be of one owner" : nil)
    }

    private func peers() -> NodeHealth.Finding {
        guard connected.isEmpty else {
            return finding("peers", true, "\(connected.count) connected, \(network.known) known", nil)
        }
        return finding(
            "peers", false, "none is connected, \(network.known) are known",
            "check network.peers (address and id), and that the other node runs and is of the same chain")
    }

    private func height() -> NodeHealth.Finding {
        let behind = network.bestHeight > status.height ? network.bestHeight - status.height : 0
        return finding(
            "height", behind <= Self.heightTolerance,
            behind == 0 ? "\(status.height), as high as any peer says" : "\(status.height), \(behind) blocks behind",
            behind <= Self.heightTolerance
                ? nil : "wait while it catches up; if it does not, see the log for blocks that do not hold")
    }

    private func clock() -> NodeHealth.Finding {
        let ahead = status.headTimeMilliseconds > nowMilliseconds ? status.headTimeMilliseconds - nowMilliseconds : 0
        return finding(
            "clock", ahead <= Self.clockToleranceMilliseconds,
            ahead == 0 ? "the last block is not in the future" : "the last block is \(ahead) ms in the future",
            ahead <= Self.clockToleranceMilliseconds ? nil : "this machine's clock is behind: let it be set (chrony)")
    }

    private func versions() -> NodeHealth.Finding {
        let others = Set(connected.compactMap(\.agent)).subtracting(["vinculum/\(status.version)"]).sorted()
        return finding(
            "versions", true,
            others.isEmpty
                ? "all peers that say it run \(status.version)"
                : "this is \(status.version); others: \(others.joined(separator: ", "))",
            nil)
    }

    private func bans() -> NodeHealth.Finding {
        let banned = network.peers.filter { $0.bannedUntilMilliseconds != nil }
        return finding(
            "bans", true, banned.isEmpty ? "nobody is banned" : "\(banned.count) peers are banned: vinculum peers", nil)
    }

    private func finding(_ check: String, _ healthy: Bool, _ detail: String, _ mend: String?) -> NodeHealth.Finding {
        .init(check: check, healthy: healthy, detail: detail, mend: mend)
    }
}
