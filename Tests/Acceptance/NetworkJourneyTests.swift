import Foundation
import TestSupport
import Testing

/// Two machines of one chain, as operators set them up.
@Suite(.enabled(if: StagedProgram.isThere, StagedProgram.missing), .serialized)
struct NetworkJourneyTests {
    @Test("a second node joins with the genesis and an address, follows, and takes transactions for the first")
    func joins() throws {
        let folder = try StagedProgram.openFolder()
        let (first, second) = (folder.path("first"), folder.path("second"))
        try expect(["init", "--data", first, "--listen", "/ip4/127.0.0.1/tcp/0"])
        let one = try start(first)
        defer { end(one) }
        let address = try expect(["peers", "--own", "--data", first]).trimmingCharacters(in: .whitespacesAndNewlines)
        #expect(address.hasPrefix("/ip4/127.0.0.1/tcp/") && address.contains("/p2p/12D3Koo"), "\(address)")
        try expect([
            "init", "--data", second, "--join", "\(first)/genesis.dagcbor", "--peer", address,
        ])
        let two = try start(second)
        defer { end(two) }
        // Sent to the node that does not decide, decided by the other, seen by both.
        try FileManager.default.copyItem(atPath: "\(first)/keys/main.key", toPath: "\(second)/keys/main.key")
        let account = try expect(["account", "new", "friend", "--data", second, "--json"])
        let friend = try #require(RunningNode.document(account)["account"] as? String)
        try expect(["tx", "transfer", "--from", "main", "--to", friend, "12.5", "--data", second])
        for node in [first, second] {
            let shown = try expect(["account", "show", friend, "--data", node])
            #expect(shown.contains("12.5"), "\(shown)")
        }
        let peers = RunningNode.document(try expect(["peers", "--data", second, "--json"]))
        #expect(peers["schema"] as? String == "vinculum/peers/1")
        #expect((peers["peers"] as? [[String: Any]])?.first?["configured"] as? Bool == true)
        let seen = try expect(["peers", "--data", first])
        #expect(seen.contains("(dialled us)"), "\(seen)")
    }

    @Test("a joining node says what is wrong: no genesis, no address, an address without an id")
    func refuses() throws {
        let folder = try StagedProgram.openFolder()
        let none = try StagedProgram.command([
            "init", "--data", folder.path("a"), "--join", folder.path("none"),
        ]).run()
        #expect(none.status == 68, "\(none.errors)")
        for (arguments, word) in [
            (["--listen", "tcp://x"], "network.listen"), (["--peer", "/ip4/127.0.0.1/tcp/1"], "who the peer is"),
        ] {
            let result = try StagedProgram.command(["init", "--data", folder.path("b")] + arguments).run()
            #expect(result.status == 2 && result.errors.contains(word), "\(result.errors)")
            #expect(!FileManager.default.fileExists(atPath: folder.path("b") + "/node.toml"))
        }
    }

    @Test(
        "three machines find each other by multicast, with delay and loss where the kernel has netem",
        .enabled(if: NetworkNamespaces.arePossible, NetworkNamespaces.missing))
    func acrossMachines() throws {
        let network = try NetworkNamespaces(count: 3, delayMilliseconds: 40, lossPercent: 5)
        let folder = try StagedProgram.openFolder()
        let nodes = (0..<3).map { folder.path("node\($0)") }
        try expect(["init", "--data", nodes[0], "--listen", "/ip4/0.0.0.0/tcp/4001"])
        for node in nodes.dropFirst() {
            try expect([
                "init", "--data", node, "--join", "\(nodes[0])/genesis.dagcbor", "--listen", "/ip4/0.0.0.0/tcp/4001",
            ])
        }
        var running: [Command.Running] = []
        defer { for process in running { end(process) } }
        for (index, node) in nodes.enumerated() {
            let command = network.command(
                index, StagedProgram.prefix.map { "\($0)/bin/vinculum" } ?? "", ["run", "--data", node],
                environment: ["VINCULUM_NETWORK_MDNS": "true"])
            running.append(try command.start())
            try expect(["wait", "--data", node, "--timeout", "30"])
        }
        let account = RunningNode.document(try expect(["account", "new", "friend", "--data", nodes[0], "--json"]))
        let friend = try #require(account["account"] as? String)
        for _ in 0..<3 { try expect(["tx", "transfer", "--from", "main", "--to", friend, "2", "--data", nodes[0]]) }
        for node in nodes {
            try expect(["wait", "--data", node, "--height", "3", "--timeout", "60"])
            #expect(try expect(["account", "show", friend, "--data", node]).contains("6"))
        }
    }

    // MARK: Helpers

    @discardableResult
    private func expect(_ arguments: [String]) throws -> String {
        let result = try StagedProgram.command(arguments).run()
        try RunningNode.expect(result)
        return result.output
    }

    private func start(_ folder: String) throws -> Command.Running {
        let process = try StagedProgram.command(["run", "--data", folder]).start()
        try expect(["wait", "--data", folder, "--timeout", "30"])
        return process
    }

    private func end(_ process: Command.Running) {
        process.send(SIGTERM)
        _ = process.wait(timeout: .seconds(20))
    }
}

/// Machines of a test's own: network namespaces on one bridge, with delay and loss at each end.
final class NetworkNamespaces {
    static let missing: Comment = "network namespaces need root, iproute2 and a kernel with veth"
    /// Tried once, whole.
    static let arePossible: Bool =
        geteuid() == 0 && (try? NetworkNamespaces(count: 1, delayMilliseconds: 1, lossPercent: 1)) != nil

    private let name = "vnc\(getpid() % 100_000)\(UInt8.random(in: 10...99))"
    private let count: Int

    init(count: Int, delayMilliseconds: Int, lossPercent: Int) throws {
        self.count = count
        do {
            try ip("netns", "add", name)
            try inside(name, "link", "add", "bridge", "type", "bridge")
            try inside(name, "link", "set", "bridge", "up")
            for index in 0..<count {
                let (machine, cable) = ("\(name)m\(index)", "cable\(index)")
                try ip("netns", "add", machine)
                try inside(name, "link", "add", cable, "type", "veth", "peer", "name", "lan", "netns", machine)
                try inside(name, "link", "set", cable, "master", "bridge", "up")
                try inside(machine, "address", "add", "10.77.0.\(index + 1)/24", "dev", "lan")
                try inside(machine, "link", "set", "lan", "up")
                try inside(machine, "link", "set", "lo", "up")
                // Multicast goes the way of everything else.
                try inside(machine, "route", "add", "default", "dev", "lan")
                // Not every kernel has netem; where it is missing the machines have a perfect network.
                _ = try Command(
                    "/usr/bin/env",
                    [
                        "tc", "-netns", machine, "qdisc", "add", "dev", "lan", "root", "netem", "delay",
                        "\(delayMilliseconds)ms", "loss", "\(lossPercent)%",
                    ]
                ).run()
            }
        } catch {
            remove()
            throw error
        }
    }

    deinit { remove() }

    func command(
        _ index: Int, _ program: String, _ arguments: [String], environment: [String: String?] = [:]
    ) -> Command {
        Command(
            "/usr/bin/env", ["ip", "netns", "exec", "\(name)m\(index)", program] + arguments,
            environment: environment.merging(["NO_COLOR": "1"]) { $1 })
    }

    private func remove() {
        for index in 0..<count { try? ip("netns", "delete", "\(name)m\(index)") }
        try? ip("netns", "delete", name)
    }

    private func ip(_ arguments: String...) throws { try run(["ip"] + arguments) }
    private func inside(_ machine: String, _ arguments: String...) throws {
        try run(["ip", "-netns", machine] + arguments)
    }

    private func run(_ arguments: [String]) throws {
        try RunningNode.expect(Command("/usr/bin/env", arguments).run())
    }
}
