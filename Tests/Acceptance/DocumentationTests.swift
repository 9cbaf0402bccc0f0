import Foundation
import TestSupport
import Testing

/// A page's commands, run as a reader runs them: one after the other in one shell and one folder.
///
/// Before a block that is to be run stands `<!-- run; shows: WORDS -->`: WORDS have to be in what the block prints.
struct PageScript {
    struct Block: Equatable {
        var commands: String
        var shows: String
    }

    let blocks: [Block]

    init(_ text: String) {
        var blocks: [Block] = []
        var shows: String?
        var commands: [Substring]?
        for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
            if let open = commands {
                if line == "```" {
                    if let words = shows { blocks.append(Block(commands: open.joined(separator: "\n"), shows: words)) }
                    (commands, shows) = (nil, nil)
                } else {
                    commands = open + [line]
                }
            } else if line.hasPrefix("<!-- run; shows: "), line.hasSuffix(" -->") {
                shows = String(line.dropFirst("<!-- run; shows: ".count).dropLast(" -->".count))
            } else if line.hasPrefix("```") {
                commands = []
            }
        }
        self.blocks = blocks
    }

    /// Runs all blocks, and answers what is wrong with the first that fails; nil when all went as the page says.
    func run(in folder: TemporaryFolder, path: String) throws -> String? {
        var script = """
            set -euo pipefail
            trap 'status=$?; kill $(jobs -p) 2>/dev/null || true; wait; exit $status' EXIT

            """
        for (number, block) in blocks.enumerated() {
            script += "exec > block-\(number).out 2>&1\n\(block.commands)\n"
        }
        let file = try folder.write("page.sh", script)
        let variables = ["PATH": "\(path):\(ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin")"]
        let result = try Command("bash", [file], environment: variables, folder: folder.root).run(
            timeout: .seconds(300))
        for (number, block) in blocks.enumerated() {
            let printed = folder.text("block-\(number).out")
            guard printed.contains(block.shows) else {
                let logs = ["node", "north"].map { folder.text("\($0).log").suffix(600) }.joined(separator: "\n")
                return
                    "block \(number) does not show '\(block.shows)':\n\(block.commands)\n\(printed.suffix(2_000))\n\(logs)"
            }
        }
        return result.status == 0 ? nil : "ended with \(result.status ?? -1)"
    }
}

@Suite struct DocumentationTests {
    static let tutorials = URL(filePath: #filePath).resolvingSymlinksInPath().deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent().appending(path: "Sources/Vinculum.docc/Tutorials")

    @Test(
        .enabled(if: StagedProgram.isThere, StagedProgram.missing),
        arguments: [
            "FederationByHand.md", "JoinTwoMachines.md", "BackUpANode.md", "RunValidators.md", "ChangeTheEngine.md",
            "OrderWithEtcd.md", "TestAnEngine.md",
        ])
    func theTutorialDoesWhatItSays(name: String) throws {
        let page = PageScript(try String(contentsOf: Self.tutorials.appending(path: name), encoding: .utf8))
        #expect(page.blocks.count >= 7)
        let folder = try StagedProgram.openFolder()
        let trouble = try page.run(in: folder, path: "\(StagedProgram.prefix ?? "")/bin")
        #expect(trouble == nil)
    }

    @Test func onlyMarkedBlocksAreRunAndAWrongOneIsSeen() throws {
        let text = """
            ```sh
            exit 9
            ```
            <!-- run; shows: two -->
            ```sh
            word=two
            echo $word
            ```
            <!-- run; shows: three -->
            ```sh
            echo $word
            ```
            """
        let page = PageScript(text)
        #expect(page.blocks.count == 2 && page.blocks[0].shows == "two")
        let folder = try TemporaryFolder()
        let trouble = try page.run(in: folder, path: "/usr/bin")
        #expect(trouble?.hasPrefix("block 1 does not show 'three'") == true)
        let failing = PageScript("<!-- run; shows: a -->\n```sh\necho a\nfalse\n```")
        #expect(try failing.run(in: TemporaryFolder(), path: "/usr/bin") == "ended with 1")
    }
}
