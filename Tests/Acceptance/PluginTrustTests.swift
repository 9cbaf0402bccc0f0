import Foundation
import TestSupport
import Testing

/// What is wrong with a plugin is said by `vinculum plugin`, with the exit code, the place and what to do.
@Suite(.enabled(if: StagedProgram.isThere, StagedProgram.missing), .serialized)
struct PluginTrustTests {
    private static let available = "etc/vinculum/plugins-available"

    /// A copy of the staged installation, to break.
    private func installation() throws -> TemporaryFolder {
        let folder = try StagedProgram.openFolder()
        let staged = StagedProgram.prefix ?? ""
        let script = "cp -r '\(staged)'/lib '\(staged)'/etc '\(staged)'/var '\(folder.root)'"
        #expect(try Command("bash", ["-c", script]).run().status == 0)
        return folder
    }

    private func plugin(_ arguments: [String], _ prefix: TemporaryFolder, change: String = "true") throws -> (
        result: CommandResult, document: [String: Any]
    ) {
        #expect(try Command("bash", ["-ec", change], folder: prefix.root).run().status == 0, "\(change)")
        var command = StagedProgram.command(["plugin"] + arguments + ["--json"])
        command.environment["VINCULUM_PREFIX"] = prefix.root
        command.environment["VINCULUM_DATA"] = prefix.path("none")
        let result = try command.run()
        let object = try JSONSerialization.jsonObject(with: Data(result.output.utf8))
        return (result, object as? [String: Any] ?? [:])
    }

    private struct Case {
        let change: String
        let exit: Int32
        let code: String
        let word: String
    }

    @Test func eachFaultHasItsCodeItsWordsAndAHint() throws {
        let manifest = "\(Self.available)/verify-spotcheck.toml"
        let cases = [
            Case(change: "rm \(manifest).minisig", exit: 69, code: "signature", word: "missing"),
            Case(
                change: "printf x >> lib/vinculum/plugins/libverify-spotcheck.so", exit: 69, code: "digest",
                word: "the manifest promises"),
            Case(change: "echo '# more' >> \(manifest)", exit: 69, code: "signature", word: "does not match"),
            Case(change: "sed -i 's/^major = 1/major = 2/' \(manifest)", exit: 69, code: "abi", word: "ABI 2"),
            Case(
                change:
                    "mkdir -p var/lib/vinculum; echo 'org.vinculum.verify-spotcheck 9.0.0' > var/lib/vinculum/plugin-versions",
                exit: 69, code: "downgrade", word: "9.0.0"),
            Case(change: "rm etc/vinculum/trusted-keys/*.pub", exit: 69, code: "signature", word: "not trusted"),
            Case(
                change: "sed -i 's/^vendor = /vendro = /' \(manifest)", exit: 64, code: "manifest", word: "vendro"),
            Case(
                change: "sed -i 's/^services = .*/services = [\"timer\"]/' \(manifest)", exit: 64, code: "service",
                word: "reserved"),
            Case(change: "printf '[=\\n' >> \(manifest)", exit: 64, code: "manifest", word: "name is missing"),
        ]
        for item in cases {
            let prefix = try installation()
            let (result, document) = try plugin(["verify", "verify-spotcheck"], prefix, change: item.change)
            #expect(result.status == item.exit, "\(item.change): \(result.output)")
            #expect(document["code"] as? String == item.code, "\(item.change): \(result.output)")
            #expect((document["message"] as? String)?.contains(item.word) == true, "\(item.change): \(result.output)")
            #expect((document["hint"] as? String)?.isEmpty == false, "\(item.change): \(result.output)")
            if item.exit == 64 {
                let detail = (document["details"] as? [[String: Any]])?.first
                #expect(detail?["line"] is Int, "\(item.change): \(result.output)")
                #expect((detail?["file"] as? String)?.hasSuffix("verify-spotcheck.toml") == true)
            }
            // The doctor says the same of all plugins, and goes on to the end.
            let doctor = try plugin(["doctor"], prefix)
            #expect(doctor.result.status == 1, "\(item.change)")
            #expect((doctor.document["findings"] as? [[String: Any]])?.count ?? 0 >= 5, "\(item.change)")
        }
    }

    @Test func requirementsAndConflictsAreNamed() throws {
        for (relation, word) in [
            ("requires = [\"org.example.absent\"]", "requires org.example.absent"),
            ("conflicts = [\"org.vinculum.privacy-dp\"]", "conflicts with org.vinculum.privacy-dp"),
        ] {
            let prefix = try installation()
            // Its own key signs what was changed.
            let change = """
                minisign -G -W -p etc/vinculum/trusted-keys/mine.pub -s mine.key >/dev/null
                rm etc/vinculum/plugins-enabled/verify-benchmark.toml
                f=\(Self.available)/verify-benchmark.toml
                sed -i '/^\\[relations\\]/,/^conflicts/d' $f
                printf '\\n[relations]\\n\(relation)\\n' >> $f
                rm -f $f.minisig; minisign -S -s mine.key -m $f >/dev/null
                """
            let (result, document) = try plugin(["enable", "verify-benchmark"], prefix, change: change)
            #expect(result.status == 1 && document["code"] as? String == "relation", "\(result.output)")
            #expect((document["message"] as? String)?.contains(word) == true, "\(result.output)")
            #expect(document["hint"] is String)
        }
    }

    @Test func aPluginOfAnotherSignerRunsInAProcessOfItsOwn() throws {
        let prefix = try installation()
        let change = """
            minisign -G -W -p etc/vinculum/trusted-keys/acme.pub -s mine.key >/dev/null
            f=\(Self.available)/verify-spotcheck.toml
            rm -f $f.minisig; minisign -S -s mine.key -m $f >/dev/null
            """
        #expect(try plugin(["info", "privacy-dp"], prefix, change: change).document["runs_in"] as? String == "host")
        let other = try plugin(["info", "verify-spotcheck"], prefix).document
        #expect(other["isolation"] as? String == "none" && other["runs_in"] as? String == "process")
        let named = try plugin(
            ["info", "verify-spotcheck", "--set", "plugins.in_process=org.vinculum.verify-spotcheck"], prefix)
        #expect(named.document["runs_in"] as? String == "host")
    }
}
