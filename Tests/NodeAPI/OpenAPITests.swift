import Foundation
import Node
import NodeAPI
import NodeAPIFixture
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

    private func complaints(
        _ change: (String) -> String = { $0 },
        _ body: @escaping @Sendable (Contract, NodeAddress, FixtureService) async throws -> [String]
    ) async throws -> [String] {
        let text = change(try String(contentsOf: Self.file, encoding: .utf8))
        let contract = Contract(description: try PlainYAML.read(text))
        let service = Contract.service()
        return try await withServer(
            service, unixSocket: false, limits: APILimits(waitLimit: .milliseconds(50)),
            token: BearerToken(Contract.token)
        ) { address async throws in try await body(contract, address, service) }
    }

    @Test func everyAnswerIsDescribedAndEveryDescriptionIsAnswered() async throws {
        #expect(try await complaints { try await $0.answerComplaints($1, $2) } == [])
    }

    @Test func everyParameterIsDescribedWithItsBoundsAndNoOther() async throws {
        #expect(try await complaints { contract, address, _ in try await contract.parameterComplaints(address) } == [])
    }

    @Test func everyErrorCodeIsDescribedAndNoOther() async throws {
        #expect(try await complaints { contract, _, _ in contract.codeComplaints } == [])
    }

    /// Each change of the file is a lie about the code, and is found.
    @Test(arguments: [
        ("        height: {type: integer}\n        head: ", "        head: ", "has height, which is not described"),
        ("        - uptime_ms\n", "        - uptime_ms\n        - mood\n", "has no mood"),
        ("uptime_ms: {type: integer}", "uptime_ms: {type: string}", "is integer, described as string"),
        (
            "        created: {type: boolean}", "        created: {type: boolean}\n        age: {type: integer}",
            "never sent"
        ),
        ("        '202':\n", "        '203':\n", "status is not described"),
        ("            text/event-stream: {schema: {type: string}}\n", "", "form is not described"),
        ("    Cursor:\n", "    Lonely: {type: string}\n    Cursor:\n", "Lonely is not used"),
    ])
    func aLieAboutAnAnswerIsFound(old: String, new: String, complaint: String) async throws {
        let found = try await complaints(
            { $0.replacingOccurrences(of: old, with: new) }, { try await $0.answerComplaints($1, $2) })
        #expect(found.contains { $0.contains(complaint) }, "\(found)")
    }

    @Test(arguments: [
        ("- name: prefix_hex", "- name: prefix_text", "prefix_text is described, and the code does not read it"),
        ("- name: prefix_hex", "- name: prefix_text", "the code reads prefix_hex"),
        ("maximum: 1000,", "maximum: 2000,", "limit=2000 is described, and refused"),
        ("minimum: 1, maximum: 1000", "minimum: 2, maximum: 1000", "limit=1 is not described, and taken"),
        ("'^[a-z0-9._-]{1,64}$'", "'^[A-Za-z0-9._-]{1,64}$'", "name=UPPER is described, and refused"),
        ("'^[0-9a-f]{64}$'", "'^[0-9a-f]{63}$'", "is described, and refused"),
        ("name: slot\n          in: path", "name: slot\n          in: query", "slot is described"),
    ])
    func aLieAboutAParameterIsFound(old: String, new: String, complaint: String) async throws {
        let found = try await complaints({ $0.replacingOccurrences(of: old, with: new) }) { contract, address, _ in
            try await contract.parameterComplaints(address)
        }
        #expect(found.contains { $0.contains(complaint) }, "\(found)")
    }

    @Test(arguments: [
        ("            - busy\n", "", "busy is not described"), ("- busy\n", "- bored\n", "bored is no code"),
    ])
    func aLieAboutACodeIsFound(old: String, new: String, complaint: String) async throws {
        let found = try await complaints({ $0.replacingOccurrences(of: old, with: new) }) { contract, _, _ in
            contract.codeComplaints
        }
        #expect(found.contains(complaint), "\(found)")
    }

    @Test(
        .enabled(
            if: ProcessInfo.processInfo.environment["VINCULUM_PEERS_PYTHON"] != nil,
            "VINCULUM_PEERS_PYTHON names no interpreter with PyYAML")
    )
    func theFileReadsAsPyYAMLReadsIt() throws {
        let python = try #require(ProcessInfo.processInfo.environment["VINCULUM_PEERS_PYTHON"])
        let script = """
            import json, sys, yaml
            def plain(node):
                if isinstance(node, dict): return {str(key): plain(value) for key, value in node.items()}
                if isinstance(node, list): return [plain(item) for item in node]
                if isinstance(node, bool): return str(node).lower()
                return "null" if node is None else str(node)
            print(json.dumps(plain(yaml.safe_load(open(sys.argv[1])))))
            """
        let result = try Command(python, ["-c", script, Self.file.path]).run()
        try #require(result.status == 0, "\(result.errors)")
        let theirs = try JSONDecoder().decode(WireTree.self, from: Data(result.output.utf8))
        let ours = try PlainYAML.read(String(contentsOf: Self.file, encoding: .utf8))
        #expect(ours == PlainYAML(theirs))
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

extension PlainYAML {
    /// A tree of maps, lists and text.
    fileprivate init(_ tree: WireTree) {
        switch tree {
        case .map(let map): self = .map(map.mapValues { PlainYAML($0) })
        case .list(let list): self = .list(list.map { PlainYAML($0) })
        case .text(let text): self = .text(text)
        default: self = .text("\(tree)")
        }
    }
}
