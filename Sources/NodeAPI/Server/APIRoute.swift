import Node

/// Every route of the interface. `openapi.yaml` describes the same ones: a test compares them both ways.
public enum APIRoute: String, CaseIterable, Sendable {
    case health, metrics, status, network, genesis, submit, transaction, slot, receipt, account, state, values, list,
        headers,
        events
    case getCursor, putCursor, getObject, headObject, putObject

    /// `METHOD /path/{parameter}`.
    public var template: String {
        switch self {
        case .health: "GET /health"
        case .metrics: "GET /metrics"
        case .status: "GET /v1/status"
        case .network: "GET /v1/network"
        case .genesis: "GET /v1/genesis"
        case .submit: "POST /v1/transactions"
        case .transaction: "GET /v1/transactions/{id}"
        case .slot: "GET /v1/slots/{slot}"
        case .receipt: "GET /v1/receipts/{id}"
        case .account: "GET /v1/accounts/{id}"
        case .state: "GET /v1/state"
        case .values: "GET /v1/state/values"
        case .list: "GET /v1/state/list"
        case .headers: "GET /v1/headers"
        case .events: "GET /v1/events"
        case .getCursor: "GET /v1/cursors/{name}"
        case .putCursor: "PUT /v1/cursors/{name}"
        case .getObject: "GET /v1/objects/{id}"
        case .headObject: "HEAD /v1/objects/{id}"
        case .putObject: "PUT /v1/objects/{id}"
        }
    }

    public var method: String { String(template.prefix { $0 != " " }) }
    public var path: String { String(template.drop { $0 != " " }.dropFirst()) }

    enum Match: Equatable {
        case found(APIRoute, parameter: String)
        case wrongMethod(allowed: [String])
        case none
    }

    private static let table: [(route: APIRoute, parts: [Substring])] = allCases.map {
        ($0, $0.path.split(separator: "/", omittingEmptySubsequences: false))
    }

    /// At most one parameter a path, so its value comes alone; percent signs are decoded.
    static func match(method: String, path: String) -> Match {
        let parts = path.split(separator: "/", omittingEmptySubsequences: false)
        var allowed: [String] = []
        for (route, template) in table where template.count == parts.count {
            var parameter = ""
            let fits = zip(template, parts).allSatisfy { wanted, given in
                guard wanted.hasPrefix("{") else { return wanted == given }
                guard !given.isEmpty, let value = PercentCoding.decode(given) else { return false }
                parameter = value
                return true
            }
            guard fits else { continue }
            if route.method == method { return .found(route, parameter: parameter) }
            allowed.append(route.method)
        }
        return allowed.isEmpty ? .none : .wrongMethod(allowed: allowed)
    }
}

/// RFC 3986, section 2.1.
enum PercentCoding {
    static func decode(_ text: some StringProtocol) -> String? {
        var bytes: [UInt8] = []
        var rest = text.utf8.makeIterator()
        while let byte = rest.next() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            guard let high = rest.next().flatMap(digit), let low = rest.next().flatMap(digit) else { return nil }
            bytes.append(high << 4 | low)
        }
        return String(validating: bytes, as: UTF8.self)
    }

    static func encode(_ text: String) -> String {
        var result = ""
        for byte in text.utf8 {
            switch byte {
            case 0x30...0x39, 0x41...0x5a, 0x61...0x7a, 0x2d, 0x2e, 0x5f, 0x7e:
                result.unicodeScalars.append(Unicode.Scalar(byte))
            default:
                let hex = String(byte, radix: 16, uppercase: true)
                result += byte < 16 ? "%0\(hex)" : "%\(hex)"
            }
        }
        return result
    }

    private static func digit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case 0x30...0x39: byte - 0x30
        case 0x41...0x46: byte - 0x41 + 10
        case 0x61...0x66: byte - 0x61 + 10
        default: nil
        }
    }
}

/// The query part of an address.
struct QueryParameters {
    private var values: [String: String] = [:]

    init(_ query: String?) throws(ServiceError) {
        for part in (query ?? "").split(separator: "&") {
            let pair = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard let name = PercentCoding.decode(pair[0]),
                let value = PercentCoding.decode(pair.count > 1 ? pair[1] : "")
            else { throw ServiceError(.malformed, "the query is not percent-encoded UTF-8", field: "query") }
            guard values.updateValue(value, forKey: name) == nil else {
                throw ServiceError(.malformed, "a parameter is given twice", field: name)
            }
        }
    }

    /// Refuses parameters that the route does not know: a misspelt filter must not read as no filter.
    func allow(_ names: String...) throws(ServiceError) {
        for name in values.keys.sorted() where !names.contains(name) {
            throw ServiceError(
                .malformed, "there is no such parameter", hint: "known: \(names.joined(separator: ", "))", field: name)
        }
    }

    func text(_ name: String) -> String? { values[name] }

    func unsigned(_ name: String, _ range: ClosedRange<UInt64>, default fallback: UInt64) throws(ServiceError)
        -> UInt64
    {
        guard let text = values[name] else { return fallback }
        guard text.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let number = UInt64(text), range.contains(number)
        else {
            throw ServiceError(
                .malformed, "has to be an integer from \(range.lowerBound) to \(range.upperBound)", field: name)
        }
        return number
    }
}
