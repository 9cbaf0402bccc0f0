import Glibc
import PluginHost
import TestSupport
import Testing

/// Templates are copied whole or not at all, and those in C build and pass the check. (Those in Swift and the command
/// line are tried by the acceptance tests.)
@Suite struct TemplateTests {
    private static let share = "\(Fixture.root)/Packaging"

    private func make(_ kind: PluginKind, in folder: String) throws {
        try PluginTemplate(kind: kind, language: .c, id: "org.example.my-plugin").write(to: folder, share: Self.share)
    }

    private func build(_ folder: String) -> Bool {
        system("make -s -C '\(folder)' CPPFLAGS='-I\(Fixture.root)/Sources/CVinculum/include'") == 0
    }

    private func check(_ folder: String) -> CheckReport {
        PluginChecker(launcher: PluginChildLauncher(program: Fixture.childProgram), fuzzCalls: 300).check(folder)
    }

    @Test(arguments: PluginKind.allCases) func aTemplateInCBuildsAndPasses(kind: PluginKind) throws {
        try TemporaryFolder.with { scratch in
            let folder = "\(scratch)/mine"
            try make(kind, in: folder)
            #expect(build(folder))
            let report = check(folder)
            #expect(report.hasPassed, "\(report.results)")
            #expect(report.plugin == "org.example.my-plugin")
            #expect((report.conformanceDigest != nil) == kind.isSansIO)
        }
    }

    @Test(arguments: PluginKind.allCases) func noMarkIsLeftInEitherLanguage(kind: PluginKind) throws {
        try TemporaryFolder.with { scratch in
            for language in [Manifest.Language.c, .swift] {
                let folder = "\(scratch)/\(language)"
                let template = try PluginTemplate(kind: kind, language: language, id: "org.example.my-plugin")
                let files = try template.write(to: folder, share: Self.share)
                #expect(files.contains("README.md") && files.contains("plugin.toml"))
                #expect(system("grep -rE '@[A-Z]+@' '\(folder)'") != 0)
                let text = String(decoding: try Fixture.read("\(folder)/plugin.toml"), as: UTF8.self)
                let manifest = try Manifest(text: text, file: "plugin.toml")
                #expect(manifest.kind == kind && manifest.vendor == "org.example" && manifest.name == "my-plugin")
            }
        }
    }

    /// What costs nothing may not depend on the data: the sample passes, a change of one line does not.
    @Test func aFreeReleaseOfDataIsCaught() throws {
        try TemporaryFolder.with { scratch in
            let folder = "\(scratch)/mine"
            try make(.privacy, in: folder)
            let leak = "for (uint64_t i = 0; i < values->count; i++) values->out[i] = values->sum[i] ^ 1;"
            #expect(system("sed -i 's/memset(values->out, 0, .*/\(leak)/' '\(folder)/plugin.c'") == 0)
            #expect(build(folder))
            let rule = check(folder).results.first { $0.rule == .conformance }
            #expect(
                rule?.outcome == .failed && rule?.reason.contains("depends on the data") == true,
                "\(String(describing: rule))")
        }
    }

    /// A mechanism that leaves the vector as it was shows what it was to protect.
    @Test func aReleaseThatWritesNothingIsCaught() throws {
        try TemporaryFolder.with { scratch in
            let folder = "\(scratch)/mine"
            try make(.privacy, in: folder)
            #expect(system("sed -i '/memset(values->out, 0, /d' '\(folder)/plugin.c'") == 0)
            #expect(build(folder))
            let rule = check(folder).results.first { $0.rule == .conformance }
            #expect(rule?.outcome == .failed && rule?.reason.contains("PRV-8") == true, "\(String(describing: rule))")
        }
    }

    @Test func aFolderWithSomethingInItIsLeftAlone() throws {
        try TemporaryFolder.with { scratch in
            #expect(pluginError { try make(.bridge, in: scratch + "/a/b") } == nil)
            #expect(pluginError { try make(.bridge, in: scratch + "/a") }?.code == .exists)
            #expect(system("mkdir '\(scratch)/empty'") == 0)
            #expect(pluginError { try make(.bridge, in: scratch + "/empty/") } == nil)
            try Fixture.write("\(scratch)/file", "mine")
            #expect(pluginError { try make(.bridge, in: scratch + "/file") }?.code == .exists)
            #expect(try Fixture.read("\(scratch)/file") == Array("mine".utf8))
            // Nothing half-made is left beside them.
            #expect(system("ls '\(scratch)' | grep -q new") != 0)
        }
    }

    @Test(arguments: [
        "x", "org..x", ".org.x", "org.x.", "Org.x", "org.x y", "", "org.-x", String(repeating: "a.", count: 40) + "b",
    ])
    func aWrongIdIsRefused(id: String) {
        #expect(pluginError { _ = try PluginTemplate(kind: .bridge, language: .c, id: id) }?.code == .manifest)
    }

    @Test func aVendorThatWouldBreakALiteralIsRefused() {
        for vendor in ["a\"b", "a\\b", "a\nb", ""] {
            let error = pluginError {
                _ = try PluginTemplate(kind: .bridge, language: .c, id: "org.example.x", vendor: vendor)
            }
            #expect(error?.code == .manifest)
        }
    }
}
