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
