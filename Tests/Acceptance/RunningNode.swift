import Foundation
import NodeAPI
import TestSupport

/// A node of a test's own, started and stopped as an operator does it.
final class RunningNode {
    let scratch: TemporaryFolder
    private var process: Command.Running?

    var folder: String { scratch.path("node") }
    var address: NodeAddress { .unixSocket(path: "\(folder)/api.sock") }
    var client: NodeClient { NodeClient(address) }

    init() throws {
        scratch = try StagedProgram.openFolder()
        try Self.expect(StagedProgram.command(["init", "--data", folder]).run())
        try start()
    }

    deinit { stop() }

    func start() throws {
        process = try StagedProgram.command(["run", "--data", folder]).start()
        try Self.expect(StagedProgram.command(["wait", "--data", folder, "--timeout", "30"]).run())
    }

    /// Asks it to stop, and waits until it has.
    func stop() {
        process?.send(SIGTERM)
        _ = process?.wait(timeout: .seconds(20))
        process = nil
    }

    /// Pulls the plug.
    func kill() {
        process?.send(SIGKILL)
        _ = process?.wait(timeout: .seconds(20))
        process = nil
    }

    /// Runs a command on the node's folder.
    func run(_ arguments: String...) throws -> CommandResult { try run(arguments) }
    func run(_ arguments: [String]) throws -> CommandResult {
        try StagedProgram.command(arguments + ["--data", folder]).run()
    }

    static func expect(_ result: CommandResult) throws {
        guard result.status == 0 else {
            let reason = "\(result.status ?? -1): \(result.output)\(result.errors)"
            throw NodeTrouble(description: reason)
        }
    }

    static func document(_ text: String) -> [String: Any] {
        (try? JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any]) ?? [:]
    }
}

/// A command that should have gone well.
struct NodeTrouble: Error, CustomStringConvertible {
    let description: String
}
