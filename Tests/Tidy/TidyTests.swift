import Testing

/// The rules of the house, each with the tree as it is and with a sample that it must catch.
@Suite struct TidyTests {
    typealias FileRule = @Sendable (TrackedFile) -> [Finding]
    typealias TreeRule = @Sendable (SourceTree) -> [Finding]

    /// A rule for one file, and a file that breaks it.
    static let fileRules: [(name: String, rule: FileRule, bad: TrackedFile)] = [
        (
            "line length", TextRules.lineLength,
            TrackedFile(path: "Sources/Node/A.swift", text: String(repeating: "a", count: 121))
        ),
        (
            "file length", { TextRules.fileLength($0, exceptions: TextRules.longFiles) },
            TrackedFile(path: "Sources/Node/A.swift", text: String(repeating: "a\n", count: 501))
        ),
        ("merge marks", TextRules.mergeMarks, TrackedFile(path: "CHANGELOG.md", text: "a\n>>>>>>> b\n")),
        ("unfinished words", TextRules.unfinishedWords, TrackedFile(path: "Sources/Node/A.swift", text: "// TODO: b")),
        ("banned calls", TextRules.bannedCalls, TrackedFile(path: "Sources/Node/A.swift", text: "let a = try! b()")),
        ("printing", TextRules.bannedCalls, TrackedFile(path: "Sources/Node/A.swift", text: "    print(a)")),
        (
            "forced unwraps", TextRules.forcedUnwraps,
            TrackedFile(path: "Sources/Node/A.swift", text: "let a = b.first!.c")
        ),
        (
            "unargued claims", TextRules.unarguedClaims,
            TrackedFile(path: "Sources/Node/A.swift", text: "final class A: @unchecked Sendable {}")
        ),
        ("workplace names", TextRules.workplaceNames, TrackedFile(path: "README.md", text: "see /home/someone/a")),
        ("large files", TextRules.largeFiles, TrackedFile(path: "etc/a.bin", text: "", byteCount: 600_000)),
        (
            "Foundation", StructureRules.foundation,
            TrackedFile(path: "Sources/Ledger/A.swift", text: "import Foundation")
        ),
        (
            "reserved calls", StructureRules.reservedCalls,
            TrackedFile(path: "Sources/Node/A.swift", text: "let a = dlopen(b, 0)")
        ),
        (
            "upward imports", StructureRules.upwardImports,
            TrackedFile(path: "Sources/Storage/A.swift", text: "@testable import Ledger")
        ),
    ]

    static let treeRules: [(name: String, rule: TreeRule, bad: SourceTree)] = [
        ("top level", StructureRules.topLevelEntries, SourceTree(files: [TrackedFile(path: "misc/a", text: "")])),
        (
            "orphaned sources", StructureRules.orphanedSources,
            SourceTree(files: [
                TrackedFile(path: "Package.swift", text: "path: \"Sources/Node\""),
                TrackedFile(path: "Sources/Lost/A.swift", text: ""),
            ])
        ),
        (
            "unmentioned files", StructureRules.unmentioned,
            SourceTree(files: [TrackedFile(path: "README.md", text: "a"), TrackedFile(path: "etc/b.md", text: "c")])
        ),
    ]

    /// How many findings of a rule are still there, with the reason. May only shrink: lower it when there are fewer.
    static let ratchets: [String: (atMost: Int, reason: String)] = [
        "line length": (16, "the formatter does not split literals")
    ]

    @Test(arguments: fileRules.indices) func eachFileKeeps(rule index: Int) throws {
        let (name, rule, bad) = Self.fileRules[index]
        #expect(!rule(bad).isEmpty, "the sample of '\(name)' was not caught")
        let findings = try SourceTree.load().files.flatMap(rule)
        let allowed = Self.ratchets[name]?.atMost ?? 0
        #expect(findings.count <= allowed, "\(name):\n\(findings.map(\.description).joined(separator: "\n"))")
        // A ratchet that is much higher than it need be lets new findings in.
        #expect(findings.count + 10 >= allowed, "\(name): lower the ratchet to \(findings.count)")
    }

    /// Each word of each list is caught by itself, not only the one in the sample above.
    @Test func everyWordOfAListIsCaught() {
        func file(_ line: String) -> TrackedFile { TrackedFile(path: "Sources/Node/A.swift", text: line) }
        for word in ["TODO", "FIXME", "XXX", "HACK"] { #expect(!TextRules.unfinishedWords(file("// \(word)")).isEmpty) }
        for words in ["good enough for now", "this is not implemented", "not yet implemented"] {
            #expect(!TextRules.unfinishedWords(file("// \(words)")).isEmpty, "\(words)")
        }
        for call in ["try! a()", "fatalError()", "a as! B", "@_cdecl(\"a\")", "Thread.sleep(1)", "print(a)"] {
            #expect(!TextRules.bannedCalls(file("let a = 1; \(call)")).isEmpty, "\(call)")
        }
        for forced in ["let a = b!", "c(d[0]!)", "e()!.f()", "let a: B!"] {
            #expect(!TextRules.forcedUnwraps(file(forced)).isEmpty, "\(forced)")
        }
        for fine in ["a != b", "if !a { }", "let text = \"oh!\"", "a!==b // no!"] {
            #expect(TextRules.forcedUnwraps(file(fine)).isEmpty, "\(fine)")
        }
        for claim in ["struct A: @unchecked Sendable {}", "nonisolated(unsafe) var a = 1"] {
            #expect(!TextRules.unarguedClaims(file(claim)).isEmpty, "\(claim)")
            #expect(TextRules.unarguedClaims(file("// Only one thread.\n\(claim)")).isEmpty, "\(claim)")
        }
        for (word, _) in StructureRules.reserved {
            #expect(!StructureRules.reservedCalls(file(word)).isEmpty, "\(word)")
        }
        for host in ["/" + "work/a", "/" + "home/a", "pypi" + ".org", "python" + "hosted", "deb.debian" + ".org"] {
            #expect(!TextRules.workplaceNames(file(host)).isEmpty, "\(host)")
        }
        for room in StructureRules.withoutFoundation {
            let bad = TrackedFile(path: "\(room)/A.swift", text: "import Foundation")
            #expect(!StructureRules.foundation(bad).isEmpty, "\(room)")
        }
        for path in ["Sources/Ledger/A.swift", "Plugins/a/Sources/A.swift", "Sources/Modules/Tokens/A.swift"] {
            let bad = TrackedFile(path: path, text: "import Node")
            #expect(!StructureRules.upwardImports(bad).isEmpty, "\(path)")
        }
    }

    @Test(arguments: treeRules.indices) func theTreeKeeps(rule index: Int) throws {
        let (name, rule, bad) = Self.treeRules[index]
        #expect(!rule(bad).isEmpty, "the sample of '\(name)' was not caught")
        let findings = try rule(SourceTree.load())
        #expect(findings.isEmpty, "\(name):\n\(findings.map(\.description).joined(separator: "\n"))")
    }

    @Test func theTreeIsRead() throws {
        #expect(try SourceTree.load().files.count > 50)
    }

    /// The list of long files only shrinks: an entry whose file has become short, or has gone, is taken out.
    @Test func noExceptionIsStale() throws {
        let files = try SourceTree.load().files
        for (path, exception) in TextRules.longFiles where path != "CHANGELOG.md" {
            let count = files.first { $0.path == path }?.lines.count ?? 0
            #expect(count > 500, "\(path) needs no exception (\(exception.reason))")
        }
    }

    @Test func harmlessTextIsLeftAlone() {
        let good = TrackedFile(
            path: "Sources/Node/A.swift",
            text: "let a = \"try! b\" // fatalError( in a comment\nlet template = \"XXXXXX\"\nlet shackle = 1")
        for rule in Self.fileRules { #expect(rule.rule(good).isEmpty, "\(rule.name)") }
    }
}
