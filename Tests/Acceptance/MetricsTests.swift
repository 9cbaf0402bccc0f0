import Foundation
import Node
import NodeAPI
import TestSupport
import Testing

/// Every metric that a node prints is in the manual, and everything in the manual is printed.
@Suite(.enabled(if: StagedProgram.isThere, StagedProgram.missing))
struct MetricsTests {
    static let page = URL(filePath: #filePath).resolvingSymlinksInPath().deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent()
        .appending(path: "Sources/Vinculum.docc/Reference/Metrics.md")

    /// Name, kind and unit of each row: `| `name` | kind | unit | meaning |`.
    static func documented(_ text: String) -> Set<[String]> {
        Set(
            text.split(separator: "\n").compactMap { line in
                let cells = line.split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) }
                guard cells.count == 4, cells[0].hasPrefix("`vinculum_") else { return nil }
                return [cells[0].trimmingCharacters(in: ["`"]), cells[1], cells[2]]
            })
    }

    /// The same of what Prometheus scrapes, from its HELP and TYPE lines.
    static func printed(_ text: String) -> Set<[String]> {
        var kinds: [String: String] = [:]
        var units: [String: String] = [:]
        for line in text.split(separator: "\n") {
            let words = line.split(separator: " ").map(String.init)
            if line.hasPrefix("# TYPE "), words.count == 4 { kinds[words[2]] = words[3] }
            if line.hasPrefix("# HELP "), let unit = words.last { units[words[2]] = String(unit.dropLast()) }
        }
        return Set(kinds.map { [$0.key, $0.value, units[$0.key] ?? ""] })
    }

    @Test func manualAndNodeSayTheSame() async throws {
        let node = try RunningNode()
        let samples = try await node.client.metrics()
        #expect(PrometheusText.problems(samples) == [])
        let printed = Self.printed(PrometheusText.encode(samples))
        let documented = Self.documented(try String(contentsOf: Self.page, encoding: .utf8))
        #expect(printed.subtracting(documented).isEmpty, "not in the manual: \(printed.subtracting(documented))")
        #expect(documented.subtracting(printed).isEmpty, "not printed: \(documented.subtracting(printed))")
        // What a scraper gets is the same text.
        let scrape = try Command(
            "curl", ["--silent", "--unix-socket", "\(node.folder)/api.sock", "http://node/metrics"]
        ).run()
        #expect(scrape.status == 0, "\(scrape.errors)")
        #expect(Self.printed(scrape.output) == documented)
    }

    @Test func aForgottenMetricIsSeen() {
        let page = "| `vinculum_a_blocks` | gauge | blocks | x |\n| name | kind | unit | meaning |\n|---|---|---|---|"
        let text = "# HELP vinculum_a_blocks X. (unit: blocks)\n# TYPE vinculum_a_blocks gauge\nvinculum_a_blocks 1\n"
        #expect(Self.documented(page) == Self.printed(text))
        #expect(Self.documented(page) != Self.printed(text.replacing("gauge", with: "counter")))
        #expect(Self.documented("") != Self.printed(text))
    }
}
