import Foundation
import TestSupport
import Testing

/// An operator and a delegator, through the installed program.
@Suite(.enabled(if: StagedProgram.isThere, StagedProgram.missing), .serialized)
struct StakeJourneyTests {
    private func document(_ arguments: [String]) throws -> [String: Any] {
        let result = try StagedProgram.command(arguments + ["--json"]).run()
        return RunningNode.document(result.output)
    }

    /// Refused by the ledger with a receipt, whose schema is that of what succeeds.
    private func receipt(_ arguments: [String], _ folder: String) throws -> Int? {
        let document = try document(["stake"] + arguments + ["--data", folder])
        #expect(document["schema"] as? String == "vinculum/receipt/1", "\(arguments): \(document)")
        return document["result_code"] as? Int
    }

    @Test func anOperatorAndADelegatorStakeEarnAndLeave() async throws {
        let scratch = try StagedProgram.openFolder()
        let folder = scratch.path("node")
        #expect(try document(["init", "--data", folder, "--stake", "9"])["schema"] as? String == "vinculum/error/1")
        let made = try document(["init", "--data", folder, "--stake", "100000"])
        #expect(made["schema"] as? String == "vinculum/init/1")
        let running = try StagedProgram.command(["run", "--data", folder]).start()
        defer {
            running.send(SIGTERM)
            _ = running.wait(timeout: .seconds(20))
        }
        _ = try document(["wait", "--data", folder, "--timeout", "30"])
        _ = try document(["account", "new", "saver", "--data", folder])
        _ = try document(["tx", "transfer", "--to", "saver", "200000", "--data", folder])

        let validators = try document(["stake", "validators", "--data", folder])
        #expect(validators["schema"] as? String == "vinculum/validators/1")
        let first = try #require((validators["validators"] as? [[String: Any]])?.first)
        #expect(first["standing"] as? String == "active" && first["level"] as? String == "validator")

        #expect(try receipt(["delegate", "main", "500", "--term", "year", "--from", "saver"], folder) == 0)
        #expect(try receipt(["relock", "main", "--term", "year", "--from", "saver"], folder) == 0)
        #expect(try receipt(["unbond", "main", "--term", "year", "--from", "saver"], folder) == 609)
        #expect(try receipt(["withdraw", "--from", "saver"], folder) == 610)
        #expect(try receipt(["commission", "7.5"], folder) == 0)
        #expect(try receipt(["commission", "50"], folder) == 619)
        #expect(try receipt(["collect"], folder) == 0)
        #expect(try receipt(["unjail"], folder) == 612)
        // The node's key is the founder's.
        #expect(try receipt(["register", "100000", "--from", "saver"], folder) == 604)

        let shown = try document(["stake", "show", "saver", "--data", folder])
        #expect(shown["schema"] as? String == "vinculum/stake/1")
        let position = try #require((shown["positions"] as? [[String: Any]])?.first)
        #expect(position["stake"] as? String == "500" && position["term"] as? String == "year")
        #expect(position["bonus"] as? Bool == true)

        let lie = try scratch.write("none.evidence", "no evidence")
        let refused = try document(["stake", "report", lie, "--data", folder])
        #expect(refused["schema"] as? String == "vinculum/error/1" && refused["code"] as? String == "not_proven")
        // A chain without staking says so.
        let plain = try RunningNode()
        let missing = try document(["stake", "validators", "--data", plain.folder])
        #expect(missing["code"] as? String == "not_found")
    }
}
