import Foundation
import TestSupport
import Testing

/// The help of each command as it is committed, so that a change of the command line is seen in review.
///
/// `./Packaging/dev snapshots` writes the files anew (environment: `VINCULUM_RENEW_SNAPSHOTS`).
@Suite struct SnapshotTests {
    static let folder = URL(filePath: #filePath).resolvingSymlinksInPath().deletingLastPathComponent()
        .appending(path: "Snapshots/help")
    static let isRenewing = ProcessInfo.processInfo.environment["VINCULUM_RENEW_SNAPSHOTS"] == "1"

    static func name(_ command: [String]) -> String { (["vinculum"] + command).joined(separator: "-") + ".txt" }

    /// The lines that differ, for a test's message.
    static func difference(_ old: String, _ new: String) -> String {
        let change = new.split(separator: "\n").difference(from: old.split(separator: "\n"))
        return change.map { step in
            switch step {
            case .remove(_, let line, _): "- \(line)"
            case .insert(_, let line, _): "+ \(line)"
            }
        }.joined(separator: "\n")
    }

    @Test func helpIsAsCommitted() throws {
        let commands = try HelpTests.commands()
        var expected: Set<String> = []
        if Self.isRenewing {
            try? FileManager.default.removeItem(at: Self.folder)
            try FileManager.default.createDirectory(at: Self.folder, withIntermediateDirectories: true)
        }
        for command in commands {
            let text = try Program.run(command + ["--help"]).output
            let file = Self.folder.appending(path: Self.name(command))
            expected.insert(file.lastPathComponent)
            if Self.isRenewing { try text.write(to: file, atomically: true, encoding: .utf8) }
            let committed = (try? String(contentsOf: file, encoding: .utf8)) ?? ""
            let difference = Self.difference(committed, text)
            #expect(
                text == committed,
                "\(file.lastPathComponent); if it is meant: ./Packaging/dev snapshots\n\(difference)")
        }
        let found = Set(try FileManager.default.contentsOfDirectory(atPath: Self.folder.path))
        #expect(found == expected, "files of commands that are gone: \(found.subtracting(expected).sorted())")
    }

    @Test func aChangedLineIsSeen() {
        #expect(Self.difference("a\nb\nc\n", "a\nx\nc\n") == "- b\n+ x")
        #expect(Self.difference("a\n", "a\n").isEmpty)
    }

    /// What a shell completes with comes from the same description: every command is in it, and the shell takes it.
    @Test(arguments: ["bash", "zsh", "fish"]) func completionsNameEveryCommand(shell: String) throws {
        let script = try Program.run("--generate-completion-script", shell)
        #expect(script.status == 0)
        for command in try HelpTests.commands() {
            guard let last = command.last else { continue }
            #expect(script.output.contains(last), "\(shell) does not complete \(command)")
        }
        guard shell == "bash" else { return }
        let folder = try TemporaryFolder()
        let file = try folder.write("completion.bash", script.output)
        let check = try Command("bash", ["-n", file]).run()
        #expect(check.status == 0, "\(check.errors)")
        // The script completes a first word as a shell would ask it to.
        let asked = """
            source '\(file)'; COMP_WORDS=(vinculum sta); COMP_CWORD=1; COMP_LINE='vinculum sta'; COMP_POINT=12
            $(complete -p vinculum | sed 's/.*-F \\([^ ]*\\).*/\\1/') vinculum sta vinculum; echo "${COMPREPLY[@]}"
            """
        let answer = try Command("bash", ["-c", asked]).run()
        #expect(answer.output.contains("status"), "\(answer.output)\(answer.errors)")
    }
}
