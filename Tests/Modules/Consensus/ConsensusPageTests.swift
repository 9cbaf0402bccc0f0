import Consensus
import Foundation
import Testing

@Suite("The reference page of consensus") struct ConsensusPageTests {
    @Test("it names every action, event, code and path") func complete() throws {
        var folder = #filePath.split(separator: "/", omittingEmptySubsequences: false)
        folder.removeLast(4)
        let page = try String(
            contentsOfFile: folder.joined(separator: "/") + "/Sources/Vinculum.docc/Reference/Consensus.md",
            encoding: .utf8)
        var wanted = ConsensusCode.allCases.map { "| \($0.rawValue) | `\($0)` |" }
        wanted += SwapEvent.allCases.map { "| `\(ConsensusPaths.module).\($0.rawValue)` |" }
        wanted += ConsensusModule.Action.allCases.map { "| `\($0.rawValue)` |" }
        wanted += ["| `p/` |", "| `a/` key |", "`l/engines`", "`l/validators`"]
        #expect(wanted.filter { !page.contains($0) } == [])
    }
}
