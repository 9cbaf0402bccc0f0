import Foundation
import TestSupport
import Testing

/// A node that joins from a snapshot, and one that comes back from a backup, as operators do it.
@Suite(.enabled(if: StagedProgram.isThere, StagedProgram.missing), .serialized)
struct CheckpointJourneyTests {
    @Test("a follower begins at a checkpoint while the chain goes on, is killed, goes on, and knows what it has not")
    func checkpoint() throws {
        let folder = try StagedProgram.openFolder()
        let (first, second) = (folder.path("first"), folder.path("second"))
        try expect(["init", "--data", first, "--listen", "/ip4/127.0.0.1/tcp/0"])
        let one = try start(first)
        defer { end(one) }
        for _ in 0..<14 { try pay(first) }
        let head = RunningNode.document(try expect(["ledger", "head", "--data", first, "--json"]))
        let checkpoint = try #require(head["checkpoint"] as? String)
        #expect(checkpoint.hasPrefix("14:"))
        let peer = try expect(["peers", "--own", "--data", first]).trimmingCharacters(in: .whitespacesAndNewlines)
        try expect([
            "init", "--data", second, "--join", "\(first)/genesis.dagcbor", "--peer", peer, "--checkpoint", checkpoint,
        ])
        var two = try start(second)
        defer { end(two) }
        try pay(first)
        try expect(["wait", "--data", second, "--height", "15", "--timeout", "60"])
        // Pulled out in the middle of its life.
        two.send(SIGKILL)
        _ = two.wait(timeout: .seconds(20))
        try pay(first)
        two = try start(second)
        try expect(["wait", "--data", second, "--height", "16", "--timeout", "60"])
        let status = RunningNode.document(try expect(["status", "--data", second, "--json"]))
        #expect((status["first_kept_height"] as? NSNumber)?.intValue == 11)
        let other = RunningNode.document(try expect(["status", "--data", first, "--json"]))
        #expect(status["state_root"] as? String == other["state_root"] as? String)
        try expect(["ledger", "verify", "--data", second])
        for arguments in [
            ["ledger", "block", "3"], ["ledger", "export", "--output", folder.path("all.blocks")],
            ["proof", "get", "--transaction", "0", "--output", folder.path("a.proof")],
        ] {
            let result = try StagedProgram.command(arguments + ["--data", second]).run()
            #expect(result.status == 68, "\(arguments): \(result.status ?? -1) \(result.errors)")
        }
        try expect(["ledger", "export", "--from", "11", "--output", folder.path("part.blocks"), "--data", second])
        try expect(["ledger", "verify", folder.path("part.blocks"), "--genesis", "\(second)/genesis.dagcbor"])
    }

    @Test("a checkpoint that is none is refused when the folder is made") func refuses() throws {
        let folder = try StagedProgram.openFolder()
        let result = try StagedProgram.command(["init", "--data", folder.path("a"), "--checkpoint", "12:ab"]).run()
        #expect(result.status == 2 && result.errors.contains("network.checkpoint"), "\(result.errors)")
        #expect(!FileManager.default.fileExists(atPath: folder.path("a/node.toml")))
    }

    @Test("a running node's backup becomes a node again; a damaged one becomes nothing; a kill leaves nothing half")
    func backup() throws {
        let node = try RunningNode()
        for _ in 0..<3 { try pay(node.folder) }
        let file = node.scratch.path("node.backup")
        let made = RunningNode.document(
            try expect(["backup", "--to", file, "--data", node.folder, "--with-keys", "--json"]))
        #expect(made["schema"] as? String == "vinculum/backup/1" && made["with_keys"] as? Bool == true)
        #expect(try StagedProgram.command(["backup", "--to", file, "--data", node.folder]).run().status == 70)
        node.stop()
        let again = node.scratch.path("again")
        let restored = RunningNode.document(
            try expect(["restore", "--from", file, "--data", again, "--sign-at-once", "--json"]))
        #expect(restored["schema"] as? String == "vinculum/restore/1")
        #expect((restored["height"] as? NSNumber)?.intValue == 3)
        let process = try start(again)
        try pay(again)
        end(process)
        #expect(try StagedProgram.command(["restore", "--from", file, "--data", again]).run().status == 70)
        // A byte in the middle.
        var bytes = try Data(contentsOf: URL(filePath: file))
        bytes[bytes.count / 2] ^= 1
        let bad = node.scratch.path("bad.backup")
        try bytes.write(to: URL(filePath: bad))
        let refused = try StagedProgram.command(["restore", "--from", bad, "--data", node.scratch.path("none")]).run()
        #expect(refused.status == 69 && refused.errors.contains("damaged"), "\(refused.errors)")
        #expect(!FileManager.default.fileExists(atPath: node.scratch.path("none")))
        // Killed at several moments: there is no folder, or the whole one, and the next attempt makes it.
        for delay in [0.02, 0.05, 0.1, 0.15, 0.2] {
            let target = node.scratch.path("killed-\(delay)")
            let running = try StagedProgram.command(["restore", "--from", file, "--data", target]).start()
            Thread.sleep(forTimeInterval: delay)
            running.send(SIGKILL)
            _ = running.wait(timeout: .seconds(20))
            if !FileManager.default.fileExists(atPath: target) {
                try expect(["restore", "--from", file, "--data", target])
            }
            for name in ["ledger.sqlite", "genesis.dagcbor", "node.toml", "keys/node.key"] {
                #expect(FileManager.default.fileExists(atPath: "\(target)/\(name)"), "\(delay) \(name)")
            }
        }
    }

    // MARK: Helpers

    @discardableResult
    private func expect(_ arguments: [String]) throws -> String {
        let result = try StagedProgram.command(arguments).run()
        try RunningNode.expect(result)
        return result.output
    }

    private func pay(_ folder: String) throws {
        try expect(["tx", "transfer", "--from", "main", "--to", "main", "1", "--data", folder])
    }

    private func start(_ folder: String) throws -> Command.Running {
        let process = try StagedProgram.command(["run", "--data", folder, "--set", "ledger.snapshot_every_blocks=10"])
            .start()
        try expect(["wait", "--data", folder, "--timeout", "30"])
        return process
    }

    private func end(_ process: Command.Running) {
        process.send(SIGTERM)
        _ = process.wait(timeout: .seconds(20))
    }
}
