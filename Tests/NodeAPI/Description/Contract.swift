import Foundation
import Node
import NodeAPI
import NodeAPIFixture
import Primitives
import Synchronization

/// What `openapi.yaml` promises, held against a server that answers. Everything is a list of complaints, so that a test
/// can plant a fault and see it found.
struct Contract {
    let description: PlainYAML
    static let token = "correct-horse-battery"
    static let hash = String(repeating: "0", count: 64)
    static let account = "did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK"
    static let object: [UInt8] = [1, 2, 3]

    struct Operation {
        let route: APIRoute
        let parameters: [PlainYAML]
        let responses: [String: PlainYAML]
    }

    /// A route without its description is none of this type's complaints.
    func operation(_ route: APIRoute) -> Operation {
        let node = description["paths"]?[route.path]?[route.method.lowercased()]
        return Operation(
            route: route, parameters: node?["parameters"]?.list ?? [], responses: node?["responses"]?.map ?? [:])
    }

    // MARK: Questions that work

    static func service() -> FixtureService {
        let service = FixtureService()
        service.state.withLock { state in
            state.receipts[.zero] = FixtureService.receipt(.zero)
            state.values[Array("a".utf8)] = [1]
            state.cursors["reader"] = EventCursor(sequence: 4)
            state.objects[.of(raw: object)] = object
        }
        service.addEvent(5)
        return service
    }

    /// A question with all that it needs, and nothing more.
    static func question(_ route: APIRoute) -> Exchange {
        var exchange = Exchange(route: route, path: route.path)
        func fill(_ value: String) {
            exchange.path = route.path.replacingOccurrences(
                of: "\\{[a-z]+\\}", with: value, options: .regularExpression)
        }
        switch route {
        case .health, .metrics, .status, .network, .genesis, .list, .headers, .events: break
        case .submit: exchange.body = [1]
        case .transaction, .receipt: fill(hash)
        case .slot: fill("1")
        case .account: fill(account)
        case .state: exchange.query = [("path", "a")]
        case .values: exchange.query = [("paths_hex", "61,62")]
        case .getCursor: fill("reader")
        case .putCursor:
            fill("reader")
            exchange.query = [("cursor", "5")]
        case .getObject, .headObject: fill(CID.of(raw: object).text)
        case .putObject:
            fill(CID.of(raw: object).text)
            exchange.body = object
        }
        return exchange
    }

    /// Every answer that a route gives when it does what it is asked.
    static func questions(_ route: APIRoute) -> [Exchange] {
        var exchange = question(route)
        switch route {
        case .submit:
            var decided = exchange
            decided.body = FixtureService.decidedEnvelope
            return [exchange, decided]
        case .putObject:
            var fresh = exchange
            fresh.body = [4, 5]
            fresh.path = "/v1/objects/\(CID.of(raw: fresh.body).text)"
            return [fresh, exchange]
        case .state:
            var absent = exchange
            absent.query = [("path", "b")]
            return [exchange, absent]
        case .events:
            exchange.query = [("after", "0")]
            return [exchange]
        default: return [exchange]
        }
    }

    // MARK: Answers

    /// Every question of every route, in each form that is described: status, form and content.
    func answerComplaints(_ address: NodeAddress, _ service: FixtureService) async throws -> [String] {
        var check = SchemaCheck(description)
        var complaints: [String] = []
        for route in APIRoute.allCases {
            let operation = operation(route)
            var given: Set<String> = []
            var questions = Self.questions(route).map { ($0, true) }
            if route == .health { questions.append((Self.question(route), false)) }
            for (exchange, isHealthy) in questions {
                service.state.withLock { $0.isHealthy = isHealthy }
                // Both forms are asked for, described or not: what comes has to be described.
                var forms = ["application/json", "application/vnd.ipld.dag-cbor"]
                if route == .events { forms.append("text/event-stream") }
                for accept in forms {
                    // Stored once more by the second form otherwise.
                    if route == .putObject { service.state.withLock { $0.objects[.of(raw: [4, 5])] = nil } }
                    let answer = try await exchange.ask(address, token: Self.token, accept: accept)
                    let place = "\(route.template) \(answer.status) \(answer.contentType)"
                    guard let response = operation.responses["\(answer.status)"] else {
                        complaints.append("\(place): the status is not described")
                        continue
                    }
                    given.insert("\(answer.status)")
                    guard let content = response["content"]?.map else { continue }
                    let form = String(answer.contentType.prefix { $0 != ";" })
                    guard let schema = content[form]?["schema"] else {
                        complaints.append("\(place): the form is not described")
                        continue
                    }
                    given.insert("\(answer.status) \(form)")
                    switch form {
                    case "application/json":
                        check.check(
                            try JSONDecoder().decode(WireTree.self, from: Data(answer.body)), schema, at: place)
                    case "application/vnd.ipld.dag-cbor" where schema["format"] == nil:
                        check.check(WireTree(try CBORValue(encoded: answer.body)), schema, at: place)
                    default: break
                    }
                }
            }
            let promised = operation.responses.flatMap { status, response in
                status == "default" ? [] : [status] + (response["content"]?.map ?? [:]).keys.map { "\(status) \($0)" }
            }
            complaints += Set(promised).subtracting(given).sorted().map { "\(route.template): never gives \($0)" }
        }
        try await refuse(address, &check)
        complaints += check.complaints
        // The forms of a failed call are those of one schema.
        complaints += check.described.subtracting(check.seen).sorted().map { "\($0) is described and never sent" }
        complaints += Set(check.schemas.keys).subtracting(check.used).sorted().map { "the schema \($0) is not used" }
        return complaints
    }

    /// Refusals, with everything that one can hold.
    private func refuse(_ address: NodeAddress, _ check: inout SchemaCheck) async throws {
        let schema = PlainYAML.map(["$ref": .text("#/components/schemas/Error")])
        var refused = Self.question(.submit)
        refused.body = FixtureService.refusedEnvelope
        var pruned = Self.question(.slot)
        pruned.path = "/v1/slots/0"
        var unknown = Self.question(.status)
        unknown.query = [("zzz", "1")]
        for exchange in [refused, pruned, unknown] {
            let json = try await exchange.ask(address, token: Self.token, accept: "application/json")
            check.check(
                try JSONDecoder().decode(WireTree.self, from: Data(json.body)), schema, at: exchange.target)
        }
    }

    // MARK: Parameters

    /// What the code knows of a route's query, in the words of its own refusal.
    func parameterComplaints(_ address: NodeAddress) async throws -> [String] {
        var complaints: [String] = []
        for route in APIRoute.allCases {
            let operation = operation(route)
            func names(_ place: String) -> Set<String> {
                Set(operation.parameters.filter { $0["in"]?.text == place }.compactMap { $0["name"]?.text })
            }
            let inPath = Set(
                route.path.split(separator: "/").filter { $0.hasPrefix("{") }.map {
                    String($0.dropFirst().dropLast())
                })
            if names("path") != inPath { complaints.append("\(route.template): path \(names("path"))") }
            let known = try await knownParameters(route, address)
            complaints += known.subtracting(names("query")).sorted().map {
                "\(route.template): the code reads \($0), which is not described"
            }
            complaints += names("query").subtracting(known).sorted().map {
                "\(route.template): \($0) is described, and the code does not read it"
            }
            let read = known.union(inPath).union(["Last-Event-ID"])
            for parameter in operation.parameters where read.contains(parameter["name"]?.text ?? "") {
                complaints += try await boundComplaints(parameter, route, address)
            }
        }
        return complaints
    }

    private func knownParameters(_ route: APIRoute, _ address: NodeAddress) async throws -> Set<String> {
        var exchange = Self.question(route)
        exchange.query = [("zzz", "1")]
        // A refusal of HEAD has no body; the routes of objects know the same parameters.
        if route == .headObject { exchange.route = .getObject }
        let error = try await error(exchange, address)
        guard error.field == "zzz", let hint = error.hint else { return ["(an unknown parameter is not refused)"] }
        let list = hint.split(separator: ":").last ?? ""
        return Set(list.split(separator: ",").map { $0.filter { $0 != " " } }.filter { !$0.isEmpty })
    }

    private func error(_ exchange: Exchange, _ address: NodeAddress) async throws -> (field: String?, hint: String?) {
        let answer = try await exchange.ask(address, token: Self.token, accept: "application/vnd.ipld.dag-cbor")
        guard answer.status == 400, let error = try? CBORValue(encoded: answer.body) else { return (nil, nil) }
        return (error["field"]?.text, error["hint"]?.text)
    }

    /// Values just inside of what is described are taken, values just outside are refused by the parameter's name.
    private func boundComplaints(
        _ parameter: PlainYAML, _ route: APIRoute, _ address: NodeAddress
    ) async throws -> [String] {
        let name = parameter["name"]?.text ?? ""
        let schema = parameter["schema"] ?? .text("")
        var good: [String] = []
        var bad: [String] = []
        if schema["type"]?.text == "integer" {
            let least = schema["minimum"]?.text.flatMap { Int($0) }
            if let least { good.append("\(least)") }
            bad += [least.map { "\($0 - 1)" } ?? "x", "x"]
            if let most = schema["maximum"]?.text.flatMap({ Int($0) }) {
                good.append("\(most)")
                bad.append("\(most + 1)")
            }
        } else if let pattern = schema["pattern"]?.text {
            let expression = try Regex(pattern)
            good = Self.samples.filter { $0.firstMatch(of: expression) != nil }.map(Self.encoded)
            bad = Self.samples.filter { $0.firstMatch(of: expression) == nil }.map(Self.encoded)
        } else if let most = schema["maxLength"]?.text.flatMap({ Int($0) }) {
            good.append(String(repeating: "a", count: most))
            bad.append(String(repeating: "a", count: most + 1))
        }
        var complaints: [String] = []
        for value in good where try await error(exchange(route, name, value), address).field == name {
            complaints.append("\(route.template): \(name)=\(value) is described, and refused")
        }
        for value in bad where try await error(exchange(route, name, value), address).field != name {
            complaints.append("\(route.template): \(name)=\(value) is not described, and taken")
        }
        if parameter["required"]?.text == "true", parameter["in"]?.text == "query" {
            let refused = try await error(exchange(route, name, nil), address).field
            if refused != name { complaints.append("\(route.template): \(name) is required, and not missed") }
        }
        return complaints
    }

    /// Texts of which each pattern takes some and refuses others.
    private static let samples = [
        "61", "6", "zz", "5", "-1", "+1", "1.2", "UPPER", "reader", "a b", hash, String(hash.dropLast()),
        "61,62", "61,", String(repeating: "61", count: 128), String(repeating: "61", count: 129),
        Array(repeating: "61", count: 24).joined(separator: ","),
        Array(repeating: "61", count: 25).joined(separator: ","),
    ]

    private static func encoded(_ text: String) -> String {
        text.replacingOccurrences(of: " ", with: "%20").replacingOccurrences(of: "+", with: "%2B")
    }

    /// The question with one parameter changed, or without it.
    private func exchange(_ route: APIRoute, _ name: String, _ value: String?) -> Exchange {
        var exchange = Self.question(route == .headObject ? .getObject : route)
        let isInPath = route.path.contains("{\(name)}")
        if isInPath, let value {
            exchange.path = route.path.replacingOccurrences(of: "{\(name)}", with: value)
        } else if name == "Last-Event-ID", let value {
            exchange.headers = [(name, value)]
        } else {
            // The two forms of one path exclude one another.
            let stem = name.hasSuffix("_hex") ? String(name.dropLast(4)) : name
            exchange.query.removeAll { $0.name == stem || $0.name == name }
            if let value { exchange.query.append((name, value)) }
        }
        return exchange
    }

    // MARK: Codes

    var codeComplaints: [String] {
        let schema = description["components"]?["schemas"]?["Error"]?["properties"]?["code"]
        let described = Set(schema?["enum"]?.list.compactMap(\.text) ?? [])
        let codes = Set(ServiceError.Code.allCases.map(\.rawValue))
        return codes.subtracting(described).sorted().map { "\($0) is not described" }
            + described.subtracting(codes).sorted().map { "\($0) is no code" }
    }
}
