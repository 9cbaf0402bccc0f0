import Foundation
import TestSupport
import Testing

/// An author's way from nothing to an enabled plugin, through the installed program: the commands of
/// `Plugins/README.md`, and every template in both languages.
@Suite(.enabled(if: StagedProgram.isThere, StagedProgram.missing), .serialized)
struct PluginJourneyTests {
    private static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().path

    /// A prefix of its own, so that nothing is installed into the one under test; what it shares is linked.
    private func prefix() throws -> TemporaryFolder {
        let folder = try StagedProgram.openFolder()
        let staged = StagedProgram.prefix ?? ""
        let script = """
            mkdir -p '\(folder.root)'/{bin,lib/vinculum/plugins,var/lib/vinculum,work} \
                '\(folder.root)'/etc/vinculum/{trusted-keys,plugins-available,plugins-enabled} && \
            ln -s '\(staged)/share' '\(folder.root)/share' && ln -s '\(staged)/bin/vinculum' '\(folder.root)/bin/vinculum'
            """
        #expect(try Command("bash", ["-c", script]).run().status == 0)
        return folder
    }

    private func shell(_ script: String, _ prefix: TemporaryFolder) async throws -> CommandResult {
        let path = ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin"
        return try await Command(
            "bash", ["-euo", "pipefail", "-c", script],
            environment: [
                "VINCULUM_PREFIX": prefix.root, "PATH": "\(prefix.root)/bin:\(path)", "NO_COLOR": "1",
                "HOME": prefix.root, "VINCULUM_DATA": nil,
            ], folder: prefix.path("work")
        ).finish(timeout: .seconds(300))
    }

    /// The shell commands of the page's walks, in order.
    private static func walks() throws -> [String] {
        let page = try String(contentsOfFile: "\(root)/Plugins/README.md", encoding: .utf8)
        let section = try #require(page.components(separatedBy: "\n## Write a plugin in ten minutes\n").last)
            .components(separatedBy: "\n## ")[0]
        return section.components(separatedBy: "```sh\n").dropFirst().map { $0.components(separatedBy: "```")[0] }
    }

    @Test(arguments: [0, 1]) func theWalkOfThePageEndsWithAnEnabledPlugin(number: Int) async throws {
        let walks = try Self.walks()
        #expect(walks.count == 2)
        let prefix = try prefix()
        let result = try await shell(walks[number], prefix)
        #expect(result.status == 0, "\(result.output)\(result.errors)")
        #expect(result.output.contains("passed, seed 1") && result.output.contains("conformance_digest = "))
        #expect(result.output.contains("enabled") && result.output.contains("verified"))
        #expect(result.output.contains("in a process of its own: the project has not signed it"))
        let doctor = try await shell("vinculum plugin doctor", prefix)
        #expect(doctor.status == 0, "\(doctor.output)")
    }

    @Test(arguments: ["consensus", "privacy", "verifier", "bridge", "runtime"])
    func aTemplateInCBuildsAndPasses(kind: String) async throws {
        let result = try await shell(
            """
            vinculum plugin new --kind \(kind) --language c --id org.example.mine mine
            cd mine
            make -s
            vinculum plugin check . --json
            """, try prefix())
        #expect(result.status == 0, "\(result.output)\(result.errors)")
        #expect(result.output.contains("\"passed\": true"))
    }

    /// Each command that changes an installation says so in a document.
    @Test func theDocumentsOfAnInstallationHaveTheirSchemas() async throws {
        let prefix = try prefix()
        let made = try await shell(
            "vinculum plugin new --kind verifier --language c --id org.example.mine mine --json; make -s -C mine >&2",
            prefix)
        #expect(Self.document(made)["schema"] as? String == "vinculum/plugin-new/1", "\(made.output)\(made.errors)")
        let checked = try await shell("vinculum plugin check mine --json", prefix)
        #expect(Self.document(checked)["schema"] as? String == "vinculum/plugin-check/1", "\(checked.output)")
        #expect((Self.document(checked)["results"] as? [[String: Any]])?.first?["rule"] as? String == "manifest")
        let signing = """
            make -s -C mine package >&2
            minisign -G -W -p my.pub -s my.key >&2
            minisign -S -s my.key -m mine/package/plugin.toml >&2
            cp my.pub '\(prefix.root)/etc/vinculum/trusted-keys/'
            """
        #expect(try await shell(signing, prefix).status == 0)
        for command in ["install mine/package/plugin.toml", "enable mine", "disable mine"] {
            let result = try await shell("vinculum plugin \(command) --json", prefix)
            let document = Self.document(result)
            #expect(document["schema"] as? String == "vinculum/plugin/1", "\(command): \(result.output)")
            #expect(document["enabled"] as? Bool == command.hasPrefix("enable"), "\(command): \(result.errors)")
        }
    }

    /// All five in one build folder, so that the SDK is compiled once; unoptimised, since the walk above builds a
    /// release.
    @Test func theTemplatesInSwiftBuildAndPass() async throws {
        let prefix = try prefix()
        var digests: [String: String] = [:]
        for kind in ["consensus", "privacy", "verifier", "bridge", "runtime"] {
            let result = try await shell(
                """
                vinculum plugin new --kind \(kind) --language swift --id org.example.my-\(kind) \(kind)
                cd \(kind)
                swift build --scratch-path ../build
                vinculum plugin check . --library ../build/debug/libmy-\(kind).so --json
                """, prefix)
            #expect(result.status == 0, "\(kind): \(result.output)\(result.errors)")
            #expect(result.output.contains("\"passed\": true"), "\(kind)")
            digests[kind] = Self.digest(result)
        }
        // The verifiers in Swift and in C keep the same rules: no two sites could tell them apart.
        let other = try await shell(
            """
            vinculum plugin new --kind verifier --language c --id org.example.other other
            make -s -C other
            vinculum plugin check other --json
            """, prefix)
        #expect(Self.digest(other) != nil && Self.digest(other) == digests["verifier"], "\(other.output)")
        #expect(digests["bridge"] == nil && digests["consensus"] != digests["verifier"])
    }

    /// What `plugin check --json` says of the plugin's behaviour; the document is the output from its first brace on.
    private static func digest(_ result: CommandResult) -> String? {
        document(result)["conformance_digest"] as? String
    }

    private static func document(_ result: CommandResult) -> [String: Any] {
        guard let start = result.output.firstIndex(of: "{") else { return [:] }
        return RunningNode.document(String(result.output[start...]))
    }

    @Test(arguments: [
        "consensus-solo", "consensus-pos", "consensus-poc", "privacy-dp", "verify-spotcheck", "verify-benchmark",
        "runtime-process",
    ])
    func aShippedPluginPasses(name: String) async throws {
        let result = try await StagedProgram.command(["plugin", "check", name, "--json"]).finish()
        #expect(result.status == 0, "\(result.output)\(result.errors)")
        // A digest that is missing from the manifest is a warning, which the plugins that ship must not have.
        #expect(!result.output.contains("\"warned\""), "\(result.output)")
    }
}
