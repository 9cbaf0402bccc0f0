import Foundation
import TestSupport
import Testing

/// Every command with `--json` prints one document, with the name and the version of its schema.
@Suite(.enabled(if: StagedProgram.isThere, StagedProgram.missing))
struct DocumentSchemaTests {
    /// Commands and the schema that they promise. NODE, KEY, ID, PROOF, PLUGIN and such stand for values of the run.
    /// A document that changes in a way that breaks its readers gets the next number.
    static let promises: [(command: String, schema: String)] = [
        ("version", "version/1"), ("status", "status/1"), ("wait", "wait/1"), ("doctor", "doctor/1"),
        ("peers", "peers/1"), ("network doctor", "network-doctor/1"),
        ("init node", "init/1"), ("init key", "init-key/1"), ("config validate FOLDER/node.toml", "config-validate/1"),
        ("config default node", "config-default/1"), ("config show", "config/1"),
        ("account new other", "account-new/1"), ("account list", "accounts/1"),
        ("account address main", "account-address/1"), ("account show main", "account/1"),
        ("tx transfer --to main 1", "receipt/1"),
        ("tx transfer --to main 1 --file FOLDER/pay.tx", "transaction-file/1"),
        ("tx decode FOLDER/pay.tx", "transaction/1"), ("tx send FOLDER/pay.tx", "receipt/1"),
        ("tx show 0", "transaction/1"), ("ledger head", "block/1"), ("ledger block 1", "block/1"),
        ("backup --to FOLDER/../node.backup", "backup/1"), ("ledger events", "event/1"),
        ("ledger verify", "ledger-verify/1"),
        ("proof get --account main --output FOLDER/a.proof", "proof-get/1"),
        ("proof verify FOLDER/a.proof", "proof-verify/1"), ("job new FOLDER/job.toml", "job-new/1"),
        ("job list", "jobs/1"), ("plugin list", "plugins/1"), ("plugin info privacy-dp", "plugin/1"),
        ("plugin verify privacy-dp", "plugin-verify/1"), ("plugin doctor", "plugin-doctor/1"),
    ]

    /// What is refused, in the document that all errors share.
    static let refusals: [(command: String, code: String)] = [
        ("job show \(String(repeating: "0", count: 64))", "not_found"),
        ("job watch \(String(repeating: "0", count: 64))", "not_found"),
        ("job submit FOLDER/none.toml", "not_found"), ("tx show 9999", "not_found"), ("plugin info none", "not_found"),
        ("run --config FOLDER/none.toml", "not_found"), ("work --config FOLDER/none.toml", "not_found"),
    ]

    /// Promised elsewhere, each with the suite that looks at the schema: what would change the prefix, and what needs a
    /// job or a machine on offer.
    static let elsewhere: [String: String] = [
        "consensus show": "ConsensusSwapTests", "consensus swap": "ConsensusSwapTests",
        "consensus cancel": "ConsensusSwapTests", "stake show": "StakeJourneyTests",
        "stake validators": "StakeJourneyTests",
        "stake delegate": "StakeJourneyTests", "stake relock": "StakeJourneyTests",
        "stake unbond": "StakeJourneyTests", "stake withdraw": "StakeJourneyTests",
        "stake collect": "StakeJourneyTests", "stake register": "StakeJourneyTests",
        "stake commission": "StakeJourneyTests", "stake unjail": "StakeJourneyTests",
        "stake report": "StakeJourneyTests", "demo": "DemoTests", "init site": "JobJourneyTests",
        "job model": "JobJourneyTests",
        "job close": "JobJourneyTests", "job abort": "JobJourneyTests", "job advance": "JobJourneyTests",
        "job replace-aggregator": "JobJourneyTests", "job withdraw": "JobJourneyTests",
        "ledger export": "LedgerExportTests", "restore": "CheckpointJourneyTests",
        "task benchmark": "MarketJourneyTests",
        "task evaluate": "MarketJourneyTests", "task offers": "MarketJourneyTests", "task show": "MarketJourneyTests",
        "plugin check": "PluginJourneyTests", "plugin install": "PluginJourneyTests",
        "plugin enable": "PluginJourneyTests", "plugin disable": "PluginJourneyTests",
        "plugin new": "PluginJourneyTests", "simulate": "SimulateJourneyTests",
    ]

    @Test(arguments: elsewhere.keys.sorted()) func whatIsPromisedElsewhereIsLookedAtThere(command: String) throws {
        let suite = try #require(Self.elsewhere[command])
        let file = URL(filePath: #filePath).resolvingSymlinksInPath().deletingLastPathComponent()
            .appending(path: "\(suite).swift")
        let text = try String(contentsOf: file, encoding: .utf8)
        let word = command.split(separator: " ").last.map(String.init) ?? command
        #expect(text.contains(word) && text.contains("vinculum/"), "\(suite) does not look at '\(command)'")
    }

    private func words(_ text: String, _ folder: String) -> [String] {
        text.split(separator: " ").map { String($0).replacing("FOLDER", with: folder) }
    }

    @Test func eachCommandPrintsWhatItPromises() throws {
        let node = try RunningNode()
        for (command, schema) in Self.promises {
            var arguments = words(command, node.folder)
            switch command {
            case "init node": arguments += ["--data", node.scratch.path("second")]
            case "init key": arguments += ["--data", node.scratch.path("validator")]
            case "version", "config default node",
                _ where command.hasPrefix("config validate"):
                break
            case _ where command.hasPrefix("job new") || command.hasPrefix("tx decode"): break
            case _ where command.hasPrefix("plugin"): break
            default: arguments += ["--data", node.folder]
            }
            let result = try StagedProgram.command(arguments + ["--json"]).run()
            // A stream has a document a line.
            let text = command == "ledger events" ? result.output.prefix { $0 != "\n" } : result.output[...]
            let document = RunningNode.document(String(text))
            #expect(
                document["schema"] as? String == "vinculum/\(schema)",
                "\(command): \(result.status ?? -1) \(result.output.prefix(300))\(result.errors.prefix(300))")
            #expect(result.errors.isEmpty, "\(command): \(result.errors)")
        }
        for (command, code) in Self.refusals {
            var arguments = words(command, node.folder)
            if !command.hasPrefix("plugin"), !command.hasPrefix("work"), !command.hasPrefix("run") {
                arguments += ["--data", node.folder]
            }
            let result = try StagedProgram.command(arguments + ["--json"]).run()
            let document = RunningNode.document(result.output)
            #expect(document["schema"] as? String == "vinculum/error/1", "\(command): \(result.output)")
            #expect(document["code"] as? String == code, "\(command): \(document["code"] ?? "")")
            #expect(document["exit_code"] as? Int == result.status.map(Int.init), "\(command)")
            #expect((document["message"] as? String)?.isEmpty == false, "\(command)")
        }
    }

    /// A command that is added has to promise something.
    @Test func noCommandWithDocumentsIsForgotten() throws {
        let dump = try StagedProgram.command(["--experimental-dump-help"]).run()
        let root = RunningNode.document(dump.output)["command"] as? [String: Any] ?? [:]
        func leaves(_ node: [String: Any], _ path: [String]) -> [String] {
            let children = (node["subcommands"] as? [[String: Any]] ?? []).filter {
                ($0["commandName"] as? String) != "help" && ($0["shouldDisplay"] as? Bool ?? true)
            }
            if !children.isEmpty {
                return children.flatMap { leaves($0, path + [$0["commandName"] as? String ?? ""]) }
            }
            let names = (node["arguments"] as? [[String: Any]] ?? []).flatMap { $0["names"] as? [[String: Any]] ?? [] }
            return names.contains { $0["name"] as? String == "json" } ? [path.joined(separator: " ")] : []
        }
        let all = leaves(root, [])
        #expect(all.count > 25)
        let known = Self.promises.map(\.command) + Self.refusals.map(\.command) + Array(Self.elsewhere.keys)
        for command in all {
            #expect(
                known.contains { $0 == command || $0.hasPrefix(command + " ") },
                "\(command) has --json: name its schema in \(#fileID)")
        }
    }
}
