import Consensus
import Foundation
import Ledger
import Primitives
import TestSupport
import Testing

/// Commands that need no node: folders, keys, configuration, proofs.
@Suite struct FolderTests {
    private func withFolder(_ body: (String) throws -> Void) throws {
        let scratch = try TemporaryFolder()
        let folder = scratch.path("node")
        let result = try Program.run("init", "--data", folder, "--json")
        #expect(result.status == 0, "\(result.errors)")
        try body(folder)
        withExtendedLifetime(scratch) {}
    }

    @Test func initMakesAWholeFolderAndNeverASecondTime() throws {
        try withFolder { folder in
            let before = try Data(contentsOf: URL(filePath: "\(folder)/keys/main.key"))
            for key in ["node", "main", "api"] {
                let file = "\(folder)/keys/\(key)\(key == "api" ? ".token" : ".key")"
                let mode = try FileManager.default.attributesOfItem(atPath: file)[.posixPermissions] as? Int
                #expect(mode == 0o600, "\(file)")
            }
            #expect(try Program.run("config", "validate", "\(folder)/node.toml").status == 0)
            let again = try Program.run("init", "--data", folder)
            #expect(again.status == 70)
            #expect(again.errors.contains("exists already") && again.errors.contains("to do:"))
            #expect(try Data(contentsOf: URL(filePath: "\(folder)/keys/main.key")) == before)
        }
    }

    /// Sandboxes and plugins are given paths that mean the same in every folder.
    @Test func aRelativePrefixIsMeantFromWhereTheProgramStarts() throws {
        let result = try Program.run(
            "plugin", "new", "--kind", "runtime", "--language", "c", "--id", "org.example.plugin", "/nowhere",
            environment: ["VINCULUM_PREFIX": "./elsewhere"])
        #expect(result.status != 0)
        #expect(
            result.errors.contains(" \(FileManager.default.currentDirectoryPath)/elsewhere/share"), "\(result.errors)")
    }

    /// Killed at any moment, `init` run again makes a whole folder, and keeps the keys that it had made.
    @Test func initGoesOnWhereItWasKilled() throws {
        let scratch = try TemporaryFolder()
        var unfinished = 0
        for step in 0..<24 {
            let folder = scratch.path("node-\(step)")
            let first = try Command(Program.path, ["init", "--data", folder], environment: ["VINCULUM_DATA": nil])
                .start()
            usleep(UInt32(1_000 * (5 + step * 2)))
            first.send(SIGKILL)
            _ = first.wait(timeout: .seconds(10))
            let keys = ["node", "main", "aggregator"].map { "\(folder)/keys/\($0).key" }
            let before = keys.map { FileManager.default.contents(atPath: $0) }
            if !FileManager.default.fileExists(atPath: "\(folder)/node.toml") { unfinished += 1 }
            let again = try Program.run("init", "--data", folder)
            #expect(again.status == 0 || again.status == 70, "\(again.errors)")
            #expect(try Program.run("config", "validate", "\(folder)/node.toml").status == 0)
            #expect(try Program.run("account", "address", "main", "--data", folder).status == 0)
            for (path, bytes) in zip(keys, before) where bytes != nil {
                #expect(FileManager.default.contents(atPath: path) == bytes, "\(path) was overwritten")
            }
            #expect(try Program.run("init", "--data", folder).status == 70)
        }
        #expect(unfinished > 0, "no attempt was killed midway")
    }

    /// Each state between two writes, for the node and for the site.
    @Test func anUnfinishedFolderIsFinishedAndAnotherOnesFilesAreRefused() throws {
        let scratch = try TemporaryFolder()
        let files = ["keys/node.key", "keys/main.key", "keys/aggregator.key", "keys/api.token", "genesis.dagcbor"]
        for count in 0...files.count {
            let folder = scratch.path("node-\(count)")
            #expect(try Program.run("init", "--data", folder).status == 0)
            for file in ["node.toml"] + files.dropFirst(count) {
                try FileManager.default.removeItem(atPath: "\(folder)/\(file)")
            }
            // Without the mark these are files of somebody else's.
            if (1...3).contains(count) || count == files.count {
                #expect(try Program.run("init", "--data", folder).status == 70, "\(count) files")
            }
            try Data().write(to: URL(filePath: "\(folder)/init.unfinished"))
            let kept = FileManager.default.contents(atPath: "\(folder)/keys/main.key")
            let again = try Program.run("init", "--data", folder)
            #expect(again.status == 0, "\(count) files: \(again.errors)")
            if count >= 2 { #expect(FileManager.default.contents(atPath: "\(folder)/keys/main.key") == kept) }
            #expect(!FileManager.default.fileExists(atPath: "\(folder)/init.unfinished"))
        }
    }

    @Test func keysAreMadeListedAndNeverOverwritten() throws {
        try withFolder { folder in
            let made = try Program.document(try Program.run("account", "new", "alice", "--data", folder, "--json"))
            #expect(made["schema"] as? String == "vinculum/account-new/1")
            let account = try #require(made["account"] as? String)
            #expect(try Program.run("account", "address", "alice", "--data", folder).output == account + "\n")
            #expect(try Program.run("account", "list", "--data", folder).output.contains(account))
            #expect(try Program.run("account", "new", "alice", "--data", folder).status == 70)
            #expect(try Program.run("account", "address", "bob", "--data", folder).status == 68)
            #expect(try Program.run("account", "new", "../x", "--data", folder).status == 2)
        }
    }

    @Test func withoutANodeTheErrorSaysSo() throws {
        try withFolder { folder in
            let result = try Program.run("status", "--data", folder)
            #expect(result.status == 66)
            #expect(result.errors.contains("no node answers at unix:\(folder)/api.sock"))
            #expect(result.errors.contains("vinculum run"))
            let document = try Program.document(try Program.run("status", "--data", folder, "--json"))
            #expect(document["schema"] as? String == "vinculum/error/1")
            #expect(document["code"] as? String == "unreachable" && document["exit_code"] as? Int == 66)
            #expect(try Program.run("wait", "--timeout", "0.2", "--data", folder).status == 67)
        }
    }

    @Test func theDoctorNamesAMendForEachFinding() throws {
        try withFolder { folder in
            let document = try Program.document(try Program.run("doctor", "--data", folder, "--json"))
            #expect(document["schema"] as? String == "vinculum/doctor/1")
            let findings = try #require(document["findings"] as? [[String: Any]])
            let checks = Set(findings.compactMap { $0["check"] as? String })
            #expect(checks.isSuperset(of: ["clock", "disk", "fsync", "keys", "interface", "plugins", "sandbox"]))
            for finding in findings where finding["healthy"] as? Bool == false {
                #expect(!(finding["mend"] as? String ?? "").isEmpty)
            }
            chmod("\(folder)/keys/node.key", 0o644)
            let wide = try Program.run("doctor", "--data", folder)
            #expect(wide.status == 1 && wide.output.contains("chmod 600"))
        }
    }

    @Test func configurationErrorsNameFileLineAndKey() throws {
        let scratch = try TemporaryFolder()
        let file = scratch.path("node.toml")
        try Data("[api]\ntcp_prot = 1\n[log]\nlevel = 3\n".utf8).write(to: URL(filePath: file))
        let result = try Program.run("config", "validate", file)
        #expect(result.status == 64)
        #expect(result.errors.contains("\(file):2: api.tcp_prot is not a known key (did you mean api.tcp_port?)"))
        #expect(result.errors.contains("\(file):4: log.level is 3; it has to be one of"))
        let document = try Program.document(try Program.run("config", "validate", file, "--json"))
        #expect((document["details"] as? [[String: Any]])?.count == 2)
        try Data("[api\n".utf8).write(to: URL(filePath: file))
        #expect(try Program.run("config", "validate", file).errors.contains("\(file):1:"))
        #expect(try Program.run("config", "validate", scratch.path("none.toml")).status == 68)
    }

    @Test func theEnvironmentAndFlagsShowTheirOrigin() throws {
        try withFolder { folder in
            let result = try Program.run(
                ["config", "show", "--data", folder, "--set", "api.tcp_port=7400"],
                environment: ["VINCULUM_LOG_LEVEL": "debug"])
            #expect(result.status == 0)
            #expect(result.output.contains("environment VINCULUM_LOG_LEVEL"))
            #expect(result.output.contains("flag --set api.tcp_port"))
            let bad = try Program.run("config", "show", "--data", folder, "--set", "api.tcp_prot=1")
            #expect(bad.status == 64 && bad.errors.contains("did you mean api.tcp_port?"))
        }
    }

    @Test(arguments: ["node", "site", "job"]) func whatDefaultPrintsIsValid(kind: String) throws {
        let scratch = try TemporaryFolder()
        let file = scratch.path("\(kind).toml")
        try Data(try Program.run("config", "default", kind).output.utf8).write(to: URL(filePath: file))
        let document = try Program.document(try Program.run("config", "validate", file, "--json"))
        #expect(document["kind"] as? String == kind)
    }

    @Test func pluginsAreListedAndMissingOnesNamed() throws {
        let scratch = try TemporaryFolder()
        let empty = ["VINCULUM_PREFIX": scratch.path("usr")] as [String: String?]
        let list = try Program.document(try Program.run(["plugin", "list", "--json"], environment: empty))
        #expect(list["schema"] as? String == "vinculum/plugins/1")
        #expect((list["plugins"] as? [Any])?.isEmpty == true)
        #expect(try Program.run(["plugin", "info", "privacy-dp"], environment: empty).status == 68)
        let doctor = try Program.run(["plugin", "doctor"], environment: empty)
        #expect(doctor.status == 1 && doctor.output.contains("to do:"))
        let missing = try Program.run(["plugin", "install", scratch.path("none.toml")], environment: empty)
        #expect(missing.status == 68)
    }

    @Test func aFolderWithoutANodeIsNotStarted() throws {
        let scratch = try TemporaryFolder()
        let result = try Program.run("run", "--data", scratch.path("none"))
        #expect(result.status == 68 && result.errors.contains("vinculum init --data"))
    }

    @Test func whatIsNoProofIsNotProven() throws {
        try withFolder { folder in
            let file = "\(folder)/x.proof"
            for bytes in [[], [0x80], [0xff, 0x00], Array("vinculum-proof/1".utf8)] as [[UInt8]] {
                try Data(bytes).write(to: URL(filePath: file))
                let result = try Program.run("proof", "verify", file, "--data", folder)
                #expect(result.status == 69, "\(bytes)")
            }
            #expect(try Program.run("proof", "verify", "\(folder)/none", "--data", folder).status == 68)
        }
    }

    @Test func aJobFileIsWrittenOnceAndValid() throws {
        let scratch = try TemporaryFolder()
        #expect(try Program.run("job", "new", scratch.path("job.toml")).status == 0)
        #expect(try Program.run("config", "validate", scratch.path("job.toml")).status == 0)
        #expect(try Program.run("job", "new", scratch.path("job.toml")).status == 70)
    }

    @Test func noColourLeavesAPipe() throws {
        let result = try Program.run("config", "show", "--data", "/nonexistent")
        #expect(result.status == 0 && !result.output.contains("\u{1b}"))
    }

    @Test func aProfileChoosesForANewChainAndOptionsGoBeforeIt() throws {
        let scratch = try TemporaryFolder()
        let file = try scratch.write(
            "small.toml", "[chain]\nname = \"small\"\nswap = \"validators\"\ntokens = \"50\"\n")
        let made = try Program.run(
            "init", "--profile", file, "--tokens", "70", "--data", scratch.path("node"))
        #expect(made.status == 0 && made.output.contains(" 70 tokens"), "\(made.output)\(made.errors)")
        let genesis = try Genesis.decode(
            [UInt8](try Data(contentsOf: URL(filePath: scratch.path("node/genesis.dagcbor")))))
        #expect(genesis.name == "small" && genesis.sections[ConsensusPaths.module] != nil)
        let wrong = try scratch.write("wrong.toml", "[chain]\nconsensus = \"raft\"\nswop = \"operator\"\n")
        let refused = try Program.run("init", "--profile", wrong, "--data", scratch.path("other"))
        #expect(refused.status == 64, "\(refused.errors)")
        #expect(refused.errors.contains("chain.consensus") && refused.errors.contains("chain.swop"))
        #expect(!FileManager.default.fileExists(atPath: scratch.path("other")))
        #expect(try Program.run("init", "--profile", "none", "--data", scratch.path("other")).status == 68)
    }
}
