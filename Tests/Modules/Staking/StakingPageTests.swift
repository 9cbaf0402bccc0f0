import FoundationEssentials
import Testing

@testable import Staking

/// The page that operators and clients are written against has to name everything there is.
@Suite("The reference page of staking") struct StakingPageTests {
    static func page() throws -> String {
        var folder = #filePath.split(separator: "/", omittingEmptySubsequences: false)
        folder.removeLast(4)
        let path = folder.joined(separator: "/") + "/Sources/Vinculum.docc/Reference/Staking.md"
        return try String(contentsOfFile: path, encoding: .utf8)
    }

    /// What should be on the page and is not.
    static func missing(from page: String) -> [String] {
        var wanted = StakingCode.allCases.map { "| \($0.rawValue) | `\($0)` |" }
        wanted += StakingEvent.allCases.map { "| `\(StakingPaths.module).\($0.rawValue)` |" }
        wanted += StakingModule.Action.allCases.map { "| `\($0.rawValue)` |" }
        for folder in ["p", "s", "a", "v", "d", "w", "b", "e", "k", "c", "q"] { wanted.append("| `\(folder)/`") }
        return wanted.filter { !page.contains($0) }
    }

    @Test("it names every action, event, code and path") func complete() throws {
        #expect(try Self.missing(from: Self.page()) == [])
    }

    @Test("a page without a code is caught") func caught() throws {
        let page = try Self.page().replacing("| 609 | `locked` |", with: "")
        #expect(Self.missing(from: page) == ["| 609 | `locked` |"])
    }
}
