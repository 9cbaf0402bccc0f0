import Foundation
import TestSupport
import Testing

/// An error names the file and the line, or the field, and what to do; for programs it is a document of one schema.
@Suite struct ErrorTests {
    /// A line of a node's file, and what is said of it.
    @Test(arguments: [
        ("[api]\n\ntcp_prot = 1\n", 3, "api.tcp_prot is not a known key", "api.tcp_port"),
        ("[api]\ntcp_port = \"x\"\n", 2, "api.tcp_port is \"x\"", "an integer from"),
        ("[api]\ntcp_port = 70000\n", 2, "api.tcp_port is 70000", "an integer from 0 to 65535"),
        ("[ledger]\ndurability = \"some\"\n", 2, "ledger.durability is \"some\"", "one of"),
        ("[ledger]\ndurability = true\n", 2, "ledger.durability is true", "one of"),
        ("[api]\n\n[nod]\nkey_file = \"a\"\n", 4, "nod.key_file is not a known key", "did you mean"),
        ("a = [\n", 1, "parsing array", "end-of-file"),
        // The fuzzer found these: the parser stopped the process.
        ("[api]\na = [}\n", 2, "'}' stands where a list goes on", "node.toml"),
        ("a = [[1, {b = [2, }]\n", 1, "'}' stands where a list goes on", ":1:19:"),
        ("[]\n", 1, "a table's name is missing", "after '['"),
    ])
    func aWrongLineIsNamed(text: String, line: Int, what: String, advice: String) throws {
        let folder = try TemporaryFolder()
        let file = try folder.write("node.toml", text)
        let result = try Program.run("config", "validate", file, "--kind", "node")
        #expect(result.status == 64)
        #expect(result.errors.contains("\(file):\(line):"), "\(result.errors)")
        #expect(result.errors.contains(what) && result.errors.contains(advice), "\(result.errors)")
        let document = try Program.document(try Program.run("config", "validate", file, "--kind", "node", "--json"))
        #expect(document["schema"] as? String == "vinculum/error/1")
        let details = try #require(document["details"] as? [[String: Any]])
        #expect(details.first?["file"] as? String == file && details.first?["line"] as? Int == line)
    }

    @Test func aMissingFileIsNamed() throws {
        let folder = try TemporaryFolder()
        let file = folder.path("none.toml")
        for arguments in [
            ["config", "validate", file], ["job", "submit", file, "--holdout", "x", "--data", folder.root],
            ["work", "--config", file], ["tx", "send", file], ["tx", "decode", file], ["proof", "verify", file],
            ["plugin", "install", file],
        ] {
            let result = try Program.run(arguments)
            #expect(result.status == 68, "\(arguments): \(result.status ?? -1)")
            #expect(result.errors.contains(file), "\(arguments): \(result.errors)")
        }
    }

    @Test(.enabled(if: geteuid() != 0, "root may read everything"))
    func aFileThatMayNotBeReadIsNamed() throws {
        let folder = try TemporaryFolder()
        let file = try folder.write("node.toml", "")
        chmod(file, 0)
        let result = try Program.run("config", "validate", file)
        #expect(result.status == 1 && result.errors.contains(file) && result.errors.contains("Permission denied"))
    }

    /// A folder in the place of a file, a file in the place of a folder: what any user, root too, can get wrong.
    @Test func aFolderInThePlaceOfAFileIsNamed() throws {
        let folder = try TemporaryFolder()
        let result = try Program.run("config", "validate", folder.root)
        #expect(result.status != 0 && result.errors.contains(folder.root), "\(result.errors)")
        let file = try folder.write("plain", "")
        let start = try Program.run("init", "--data", "\(file)/node")
        #expect(start.status == 1 && start.errors.contains("\(file)"), "\(start.errors)")
    }

    /// Lines that take the place of a whole job file's, and what is said of them before anything is sent.
    @Test(arguments: [
        ("model.descriptor", "descriptor = \"784-64-10\"", "which is no mlp/WIDTHS"),
        ("model.descriptor", "descriptor = \"mlp/784-64-x\"", "784-64-x is not of the form"),
        ("model.descriptor", "descriptor = \"mlp/784\"", "make no network"),
        ("model.descriptor", "descriptor = \"mlp/784-0-10\"", "make no network"),
        ("aggregation.rule", "descriptor = \"mlp/784-10\"\n[aggregation]\nrule = \"median\"", "median"),
    ])
    func aJobThatCannotBePlannedIsNamedBeforeItIsSent(key: String, lines: String, what: String) throws {
        let folder = try TemporaryFolder()
        let file = try folder.write(
            "job.toml",
            """
            [job]
            name = "a"
            purpose = "b"
            rounds = 1
            [members]
            invited = ["did:key:z6MkiTBz1ymuepAQ4HEHYSF1H8quG5GLVVQR3djdX3mDooWp"]
            [model]
            \(lines)
            [privacy]
            epsilon = 3.0
            [payment]
            escrow = "10"
            base = "1"
            """)
        let line = 8 + lines.split(separator: "\n").count - 1
        for command in [["config", "validate", file], ["job", "submit", file, "--data", folder.root]] {
            let result = try Program.run(command + ["--json"])
            #expect(result.status == 64, "\(command): \(result.output)")
            let details = try #require(try Program.document(result)["details"] as? [[String: Any]])
            #expect(details.map { $0["key"] as? String } == [key], "\(result.output)")
            #expect(details.first?["line"] as? Int == line && details.first?["file"] as? String == file)
            #expect((details.first?["reason"] as? String)?.contains(what) == true, "\(result.output)")
        }
    }

    /// Programs get a document for every error, also for those of the command line itself.
    @Test(arguments: [
        ["job", "show", "12"], ["task", "show", "12"], ["proof", "get", "--output", "x"], ["status", "--nonsense"],
        ["tx", "transfer"], ["ledger", "events", "--limit", "0"], ["nonsense"],
        ["task", "evaluate", "--model", "a", "--records", "b", "--input-factor", "nan"],
        ["task", "evaluate", "--model", "a", "--records", "b", "--input-factor", "inf"],
        ["task", "evaluate", "--model", "a", "--records", "b", "--input-offset", "-inf"],
        ["task", "benchmark", "--widths", "64-0"],
    ])
    func aWrongCommandLineIsADocumentForPrograms(arguments: [String]) throws {
        let result = try Program.run(arguments + ["--json"])
        let document = try Program.document(result)
        #expect(result.status == 2 && result.errors.isEmpty, "\(result.errors)")
        #expect(document["schema"] as? String == "vinculum/error/1" && document["code"] as? String == "usage")
        #expect(document["exit_code"] as? Int == 2)
        #expect((document["message"] as? String)?.isEmpty == false)
    }

    @Test func anIdIsNamedForWhatItShouldBe() throws {
        #expect(try Program.run("task", "show", "12").errors.contains("'12' is not a task's id"))
        #expect(try Program.run("job", "show", "12").errors.contains("'12' is not a job's id"))
    }

    @Test func wrongFlagsAreNamed() throws {
        let cases: [([String], String)] = [
            (["account", "new", "a b"], "a b"), (["tx", "transfer", "x", "--to", "y"], "'x'"),
            (["job", "show", "12"], "'12'"), (["config", "show", "--set", "nonsense"], "KEY=VALUE"),
            (["status", "--node", "ftp://x"], "ftp://x"),
        ]
        for (arguments, word) in cases {
            let result = try Program.run(arguments)
            #expect(result.status == 2 || result.status == 1, "\(arguments): \(result.status ?? -1)")
            #expect(result.errors.contains(word), "\(arguments): \(result.errors)")
        }
    }
}
