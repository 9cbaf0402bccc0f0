import Federation
import FoundationEssentials
import Ledger
import Market
import Privacy
import Reputation
import Testing

/// The page that sites, auditors and aggregators are written against has to name everything there is.
@Suite("The reference page of the federation") struct ReferencePageTests {
    static func page() throws -> String {
        var folder = #filePath.split(separator: "/", omittingEmptySubsequences: false)
        folder.removeLast(4)
        let path = folder.joined(separator: "/") + "/Sources/Vinculum.docc/Reference/Federation.md"
        return try String(contentsOfFile: path, encoding: .utf8)
    }

    /// What should be on the page and is not.
    static func missing(from page: String) -> [String] {
        var wanted: [String] = []
        wanted += FederationCode.allCases.map { "| \($0.rawValue) | `\($0)` |" }
        wanted += PrivacyCode.allCases.map { "| \($0.rawValue) | `\($0)` |" }
        wanted += MarketCode.allCases.map { "| \($0.rawValue) | `\($0)` |" }
        wanted += FederationEvent.allCases.map { "`\(FederationPaths.module).\($0.rawValue)`" }
        wanted += MarketEvent.allCases.map { "`\(MarketPaths.module).\($0.rawValue)`" }
        wanted += PrivacyEvent.allCases.map { "`\(PrivacyPaths.module).\($0.rawValue)`" }
        wanted.append("`\(Scores.module).\(Scores.changedEvent)`")
        wanted += FederationModule.Action.allCases.map { "`\($0.rawValue)`" }
        wanted += PrivacyModule.Action.allCases.map { "`\($0.rawValue)`" }
        wanted += MarketModule.Action.allCases.map { "`\($0.rawValue)`" }
        for reason in SiteReason.allCases { wanted.append("| \(reason.rawValue) | `\(snake("\(reason)"))` |") }
        for reason in MatchReason.allCases { wanted.append("| \(reason.rawValue) | `\(snake("\(reason)"))` |") }
        for end in JobEnd.allCases { wanted.append("| \(end.rawValue) | `\(snake("\(end)"))` |") }
        for outcome in Outcome.allCases { wanted.append("| \(outcome.rawValue) | `\(snake("\(outcome)"))` |") }
        return wanted.filter { !page.contains($0) }
    }

    static func snake(_ name: String) -> String {
        name.reduce(into: "") { $0 += $1.isUppercase ? "_\($1.lowercased())" : "\($1)" }
    }

    @Test("it names every action, event, code and reason") func complete() throws {
        #expect(try Self.missing(from: Self.page()) == [])
    }

    @Test("a page without a code is caught") func caught() throws {
        let page = try Self.page().replacing("| 405 | `jobUnknown` |", with: "")
        #expect(Self.missing(from: page) == ["| 405 | `jobUnknown` |"])
    }
}
