import Foundation
import TestSupport
import Testing

/// The chain of a demo, exported from a node and checked without one.
@Suite(.enabled(if: StagedProgram.isThere, StagedProgram.missing))
struct LedgerExportTests {
    @Test func blocksAreExportedAndCheckedWithoutTheNode() throws {
        let folder = try StagedProgram.openFolder()
        let (dir, file) = (folder.path("demo"), folder.path("chain.blocks"))
        let demo = try StagedProgram.command([
            "demo", "--sites", "3", "--rounds", "1", "--dir", dir, "--attack", "none", "--json",
        ]).run()
        #expect(demo.status == 0, "\(demo.errors)")
        let node = try StagedProgram.command(["run", "--config", "\(dir)/node/node.toml"]).start()
        defer {
            node.send(SIGTERM)
            _ = node.wait()
        }
        let address = "unix:\(dir)/node/api.sock"
        #expect(try StagedProgram.command(["wait", "--node", address, "--timeout", "20"]).run().status == 0)

        let export = try StagedProgram.command(["ledger", "export", "--node", address, "--output", file, "--json"])
            .run()
        #expect(export.status == 0, "\(export.errors)")
        let document = try JSONSerialization.jsonObject(with: Data(export.output.utf8)) as? [String: Any] ?? [:]
        #expect(document["schema"] as? String == "vinculum/ledger-export/1")
        let blocks = try #require(document["blocks"] as? Int)
        let transactions = try #require(document["transactions"] as? Int)
        #expect(blocks > 3 && transactions >= blocks)

        let verify = ["ledger", "verify", file, "--genesis", "\(dir)/genesis.dagcbor"]
        let verified = try StagedProgram.command(verify + ["--json"]).run()
        #expect(verified.status == 0, "\(verified.errors)")
        let proven = try JSONSerialization.jsonObject(with: Data(verified.output.utf8)) as? [String: Any] ?? [:]
        #expect(proven["headers"] as? Int == blocks && proven["transactions"] as? Int == transactions)

        // A part, one block more than there are, and a changed byte.
        let part = try StagedProgram.command([
            "ledger", "export", "--node", address, "--from", "2", "--to", "3", "--output", file,
        ]).run()
        #expect(part.status == 0, "\(part.errors)")
        #expect(try StagedProgram.command(verify).run().output.contains("2 blocks from 2 on"))
        let beyond = try StagedProgram.command([
            "ledger", "export", "--node", address, "--to", "\(blocks + 1)", "--output", folder.path("none"),
        ]).run()
        #expect(beyond.status == 68)
        #expect(!FileManager.default.fileExists(atPath: folder.path("none")))
        var bytes = try Data(contentsOf: URL(fileURLWithPath: file))
        bytes[bytes.count / 2] ^= 1
        try bytes.write(to: URL(fileURLWithPath: file))
        #expect(try StagedProgram.command(verify).run().status == 69)
    }
}
