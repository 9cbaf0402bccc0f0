import Foundation
import Node
import TestSupport
import Testing

/// Validators of a chain of their own on the loopback interface.
final class ValidatorNetwork {
    let folder: TemporaryFolder
    private let ports: [UInt16]
    private var processes: [Command.Running?]
    private var friend = ""
    /// The accounts of the validators' own keys.
    private var validators: [String] = []

    /// - Parameters:
    ///   - more: further arguments of the `init` that makes the chain.
    ///   - options: of each node's `init`.
    init(count: Int, engine: String, more: [String] = [], options: [String] = []) throws {
        folder = try StagedProgram.openFolder()
        ports = try LoopbackPorts.free(count: count)
        processes = Array(repeating: nil, count: count)
        let folder = folder
        let ports = ports
        func place(_ index: Int) -> String { folder.path("node\(index)") }
        let keys = try (0..<count).map { index in
            RunningNode.document(try Self.expect(["init", "key", "--data", place(index), "--json"]))
        }
        validators = try keys.map { try #require($0["validator"] as? String) }
        for index in 0..<count {
            var arguments = ["init", "--data", place(index), "--listen", "/ip4/127.0.0.1/tcp/\(ports[index])"]
            for other in 0..<count where other != index {
                let peer = try #require(keys[other]["peer"] as? String)
                arguments += ["--peer", "/ip4/127.0.0.1/tcp/\(ports[other])/p2p/\(peer)"]
            }
            if index == 0 {
                arguments += ["--consensus", engine] + more
                for validator in validators.dropFirst() { arguments += ["--validator", validator] }
            } else {
                arguments += ["--join", "\(place(0))/genesis.dagcbor"]
            }
            try Self.expect(arguments + options)
            guard index > 0 else { continue }
            // Any of them may be asked to pay.
            try FileManager.default.copyItem(
                atPath: "\(place(0))/keys/main.key", toPath: "\(place(index))/keys/main.key")
        }
        let account = RunningNode.document(
            try Self.expect(["account", "new", "friend", "--data", place(0), "--json"]))
        friend = try #require(account["account"] as? String)
    }

    private func place(_ index: Int) -> String { folder.path("node\(index)") }

    /// Starts a node that may never be healthy.
    func launch(_ index: Int, prefix: String? = nil) throws {
        let environment: [String: String?] = prefix.map { ["VINCULUM_PREFIX": $0] } ?? [:]
        processes[index] = try StagedProgram.command(["run", "--data", place(index)], environment: environment).start()
    }

    /// - Parameter prefix: another installation than the one under test.
    func start(_ index: Int, prefix: String? = nil) throws {
        try launch(index, prefix: prefix)
        try Self.expect(["wait", "--data", place(index), "--timeout", "30"])
    }

    func kill(_ index: Int) {
        processes[index]?.send(SIGKILL)
        _ = processes[index]?.wait(timeout: .seconds(10))
        processes[index] = nil
    }

    func stop() {
        for process in processes { process?.send(SIGTERM) }
        for process in processes { _ = process?.wait(timeout: .seconds(20)) }
    }

    func transfer(through index: Int, _ more: String...) throws -> CommandResult {
        try StagedProgram.command(
            ["tx", "transfer", "--from", "main", "--to", friend, "1", "--data", place(index)] + more
        ).run()
    }

    func pay(times: Int, through index: Int) throws {
        for _ in 0..<times { try RunningNode.expect(try transfer(through: index)) }
    }

    func result(_ arguments: [String], on index: Int) throws -> CommandResult {
        try StagedProgram.command(arguments + ["--data", place(index)]).run()
    }

    @discardableResult
    func run(_ arguments: [String], on index: Int) throws -> String {
        try Self.expect(arguments + ["--data", place(index)])
    }

    /// What a node says of itself, also when it is not well.
    func status(_ index: Int) throws -> [String: Any] {
        RunningNode.document(try StagedProgram.command(["status", "--data", place(index), "--json"]).run().output)
    }

    func height(_ index: Int) throws -> Int { try #require(try status(index)["height"] as? Int) }

    func engine(_ index: Int) throws -> String { try #require(try status(index)["engine"] as? String) }

    func engine(ofBlock height: Int) throws -> String {
        let block = RunningNode.document(try run(["ledger", "block", "\(height)", "--json"], on: 0))
        return try #require(block["engine"] as? String, "\(block)")
    }

    /// What keeps a node from its work; empty when all is well.
    func trouble(_ index: Int) throws -> String {
        let health = try #require(try status(index)["health"] as? [String: Any])
        let findings = try #require(health["findings"] as? [[String: Any]])
        return findings.filter { $0["healthy"] as? Bool == false }.compactMap { $0["detail"] as? String }
            .joined(separator: "; ")
    }

    func expect(height: Int, on indices: Range<Int>) throws {
        for index in indices {
            try Self.expect(["wait", "--data", place(index), "--height", "\(height)", "--timeout", "60"])
        }
    }

    /// Tokens for the account of a validator's own key, from which it pays fees.
    func giveFees(to index: Int) throws {
        try Self.expect([
            "tx", "transfer", "--from", "main", "--to", validators[index], "5", "--data", place(0),
        ])
    }

    /// Payments one after the other through each of these nodes, until they are stopped.
    func load(through indices: [Int]) throws -> Load {
        try Load(
            folder: folder,
            commands: indices.map { index in
                StagedProgram.command([
                    "tx", "transfer", "--from", "main", "--to", friend, "1", "--lane", "\(index + 1)", "--data",
                    place(index),
                ])
            })
    }

    /// What the paid account has, by the first node.
    func received() throws -> Int {
        let shown = try Self.expect(["account", "show", friend, "--data", place(0)])
        let number = shown.split(whereSeparator: \.isWhitespace).compactMap { Int($0) }.first
        return try #require(number, "\(shown)")
    }

    /// Waits for the highest of them, and compares its block on all.
    func expectSameChain(_ indices: Range<Int>) throws {
        let height = try indices.map { try self.height($0) }.max() ?? 0
        var blocks: Set<String> = []
        for index in indices {
            try Self.expect(["wait", "--data", place(index), "--height", "\(height)", "--timeout", "30"])
            let block = RunningNode.document(
                try Self.expect(["ledger", "block", "\(height)", "--data", place(index), "--json"]))
            blocks.insert(try #require(block["id"] as? String, "\(block)"))
        }
        #expect(blocks.count == 1, "block \(height) is another on some node: \(blocks)")
    }

    @discardableResult
    private static func expect(_ arguments: [String]) throws -> String {
        let result = try StagedProgram.command(arguments).run()
        try RunningNode.expect(result)
        return result.output
    }
}

/// Commands that are run again and again, each in a line of its own, until they are stopped.
final class Load {
    private let folder: TemporaryFolder
    private let processes: [Command.Running]
    private var isOver = false

    init(folder: TemporaryFolder, commands: [Command]) throws {
        self.folder = folder
        processes = try commands.enumerated().map { number, command in
            let script = """
                stop=$1 log=$2
                shift 2
                while [ ! -e "$stop" ]; do
                    if "$@" >"$log.last" 2>&1; then echo ok >>"$log"; else cat "$log.last" >>"$log.failed"; fi
                done
                """
            let words = [folder.path("load-stop"), folder.path("load-\(number)"), command.executable]
            return try Command("bash", ["-euc", script, "load"] + words + command.arguments).start()
        }
    }

    func stop() {
        guard !isOver else { return }
        isOver = true
        _ = try? folder.write("load-stop", "")
        for process in processes { _ = process.wait(timeout: .seconds(90)) }
    }

    /// How many went well, of which none may have failed.
    func accepted() throws -> Int {
        for number in processes.indices {
            #expect(folder.text("load-\(number).failed") == "")
        }
        return processes.indices.reduce(0) { sum, number in
            sum + folder.text("load-\(number)").split(separator: "\n").count
        }
    }
}

/// A copy of the installation under test in which one plugin is not enabled.
struct PluginShelf {
    let prefix: String
    private let plugin: String
    private let folder: TemporaryFolder

    init(without plugin: String) throws {
        folder = try TemporaryFolder()
        self.plugin = plugin
        prefix = folder.path("installed")
        let source = try #require(StagedProgram.prefix)
        let copied = try Command("cp", ["-a", source, prefix]).run()
        try #require(copied.status == 0, "\(copied.errors)")
        try FileManager.default.removeItem(atPath: link)
    }

    private var link: String { "\(prefix)/etc/vinculum/plugins-enabled/\(plugin).toml" }

    func enable() throws {
        try FileManager.default.createSymbolicLink(
            atPath: link, withDestinationPath: "../plugins-available/\(plugin).toml")
    }
}
