import Foundation
import Node
import TestSupport
import Testing

/// Four validators in processes of their own, as their operators set them up: they decide together, and go on or wait
/// when some of them are gone.
@Suite(.enabled(if: StagedProgram.isThere, StagedProgram.missing), .serialized)
struct ValidatorNetworkTests {
    @Test(
        "four validators decide together, one may die at any moment, two stop the chain and their return starts it",
        arguments: ["pos", "poc"])
    func decideAndSurvive(engine: String) throws {
        let network = try ValidatorNetwork(count: 4, engine: engine)
        defer { network.stop() }
        for index in 0..<4 { try network.start(index) }
        try network.pay(times: 3, through: 1)
        try network.expectSameChain(0..<4)

        network.kill(3)
        try network.pay(times: 3, through: 0)
        try network.start(3)
        try network.pay(times: 1, through: 3)
        try network.expectSameChain(0..<4)

        network.kill(1)
        network.kill(2)
        let before = try network.height(0)
        // Nobody can decide; what was sent waits.
        let stuck = try network.transfer(through: 0, "--timeout", "2")
        #expect(stuck.status != 0, "two of four decided: \(stuck.output)")
        #expect(try network.height(0) == before && network.height(3) == before)
        try network.start(1)
        try network.start(2)
        try network.pay(times: 1, through: 2)
        try network.expectSameChain(0..<4)
        // Three, three, one, the one that waited, and the last, each once.
        #expect(try network.received() == 9)
    }
}

extension ValidatorNetworkTests {
    @Test("validators with stake decide together, and are all elected")
    func withStake() throws {
        let network = try ValidatorNetwork(count: 4, engine: "pos", stake: "100000")
        defer { network.stop() }
        for index in 0..<4 { try network.start(index) }
        try network.pay(times: 2, through: 2)
        try network.expectSameChain(0..<4)
        let shown = RunningNode.document(try network.run(["stake", "validators", "--json"], on: 3))
        let validators = try #require(shown["validators"] as? [[String: Any]], "\(shown)")
        #expect(validators.count == 4)
        #expect(validators.allSatisfy { $0["standing"] as? String == "active" && $0["stake"] as? String == "100000" })
    }
}

/// Validators of a chain of their own on the loopback interface.
final class ValidatorNetwork {
    let folder: TemporaryFolder
    private let ports: [UInt16]
    private var processes: [Command.Running?]
    private var friend = ""

    init(count: Int, engine: String, stake: String? = nil) throws {
        folder = try StagedProgram.openFolder()
        ports = try LoopbackPorts.free(count: count)
        processes = Array(repeating: nil, count: count)
        let folder = folder
        let ports = ports
        func place(_ index: Int) -> String { folder.path("node\(index)") }
        let keys = try (0..<count).map { index in
            RunningNode.document(try Self.expect(["init", "key", "--data", place(index), "--json"]))
        }
        for index in 0..<count {
            var arguments = ["init", "--data", place(index), "--listen", "/ip4/127.0.0.1/tcp/\(ports[index])"]
            for other in 0..<count where other != index {
                let peer = try #require(keys[other]["peer"] as? String)
                arguments += ["--peer", "/ip4/127.0.0.1/tcp/\(ports[other])/p2p/\(peer)"]
            }
            if index == 0 {
                arguments += ["--consensus", engine] + (stake.map { ["--stake", $0] } ?? [])
                for key in keys.dropFirst() {
                    arguments += ["--validator", try #require(key["validator"] as? String)]
                }
            } else {
                arguments += ["--join", "\(place(0))/genesis.dagcbor"]
            }
            try Self.expect(arguments)
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

    func start(_ index: Int) throws {
        processes[index] = try StagedProgram.command(["run", "--data", place(index)]).start()
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

    func run(_ arguments: [String], on index: Int) throws -> String {
        try Self.expect(arguments + ["--data", place(index)])
    }

    func height(_ index: Int) throws -> Int {
        let status = RunningNode.document(try Self.expect(["status", "--data", place(index), "--json"]))
        return try #require(status["height"] as? Int)
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
