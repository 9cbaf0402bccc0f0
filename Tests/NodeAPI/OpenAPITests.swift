import Foundation
import NodeAPI
import TestSupport
import Testing

/// `openapi.yaml` and the routes describe the same interface.
@Suite struct OpenAPITests {
    static let file = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appending(path: "Sources/NodeAPI/openapi.yaml")

    /// `METHOD /path` of each operation. The file is written plainly: paths at two blanks, methods at four.
    static func operations(_ text: String) -> [String] {
        var path = ""
        var result: [String] = []
        for line in text.split(separator: "\n") {
            if line.hasPrefix("  /"), line.hasSuffix(":") { path = String(line.dropFirst(2).dropLast()) }
            if line.hasPrefix("components:") { break }
            let isMethod = line.hasPrefix("    ") && !line.hasPrefix("     ") && line.hasSuffix(":")
            if isMethod, !path.isEmpty { result.append("\(line.dropFirst(4).dropLast().uppercased()) \(path)") }
        }
        return result
    }

    @Test func everyRouteIsDescribedAndEveryDescriptionIsARoute() throws {
        let described = Set(Self.operations(try String(contentsOf: Self.file, encoding: .utf8)))
        let routes = Set(APIRoute.allCases.map(\.template))
        #expect(routes.subtracting(described).sorted() == [])
        #expect(described.subtracting(routes).sorted() == [])
    }

    @Test func aForgottenRouteWouldBeSeen() throws {
        let text = try String(contentsOf: Self.file, encoding: .utf8)
            .replacingOccurrences(of: "  /v1/headers:", with: "  /v1/header:")
        #expect(Set(Self.operations(text)) != Set(APIRoute.allCases.map(\.template)))
    }

    @Test(
        .enabled(
            if: ProcessInfo.processInfo.environment["VINCULUM_PEERS_PYTHON"] != nil,
            "VINCULUM_PEERS_PYTHON names no interpreter with openapi-spec-validator")
    )
    func theFileIsValidOpenAPI() throws {
        let python = try #require(ProcessInfo.processInfo.environment["VINCULUM_PEERS_PYTHON"])
        let result = try Command(python, ["-m", "openapi_spec_validator", Self.file.path]).run()
        #expect(result.status == 0, "\(result.output)\(result.errors)")
    }
}
