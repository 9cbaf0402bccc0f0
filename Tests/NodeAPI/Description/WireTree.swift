import Foundation
import Primitives

/// An answer's body, from JSON or from DAG-CBOR, in one form.
enum WireTree: Decodable {
    case null
    case bool(Bool)
    case integer(Int)
    case number(Double)
    case text(String)
    case bytes
    case list([WireTree])
    case map([String: WireTree])

    init(from decoder: any Decoder) throws {
        let value = try decoder.singleValueContainer()
        if value.decodeNil() {
            self = .null
        } else if let flag = try? value.decode(Bool.self) {
            self = .bool(flag)
        } else if let number = try? value.decode(Int.self) {
            self = .integer(number)
        } else if let number = try? value.decode(Double.self) {
            self = .number(number)
        } else if let text = try? value.decode(String.self) {
            self = .text(text)
        } else if let list = try? value.decode([WireTree].self) {
            self = .list(list)
        } else {
            self = .map(try value.decode([String: WireTree].self))
        }
    }

    init(_ value: CBORValue) {
        switch value {
        case .null: self = .null
        case .bool(let flag): self = .bool(flag)
        case .unsigned(let number): self = .integer(Int(clamping: number))
        case .negative(let number): self = .integer(-1 - Int(clamping: number))
        case .float(let number): self = .number(number)
        case .text(let text): self = .text(text)
        case .bytes: self = .bytes
        case .link, .foreignLink: self = .map(["/": .text("")])
        case .array(let items): self = .list(items.map { WireTree($0) })
        case .map(let map):
            self = .map(Dictionary(map.entries.map { ($0.key, WireTree($0.value)) }, uniquingKeysWith: { $1 }))
        }
    }
}

/// Compares answers with schemas, strictly: what a schema does not name is a complaint too.
struct SchemaCheck {
    let schemas: [String: PlainYAML]
    private(set) var complaints: [String] = []
    /// `Schema.property` of everything that an answer had.
    private(set) var seen: Set<String> = []
    private(set) var used: Set<String> = []

    init(_ description: PlainYAML) {
        schemas = description["components"]?["schemas"]?.map ?? [:]
    }

    /// `Schema.property` of everything that is described.
    var described: Set<String> {
        var all: Set<String> = []
        for (name, schema) in schemas { Self.properties(of: schema, name, into: &all) }
        return all
    }

    private static func properties(of schema: PlainYAML, _ name: String, into all: inout Set<String>) {
        for (key, inner) in schema["properties"]?.map ?? [:] {
            all.insert("\(name).\(key)")
            properties(of: inner, "\(name).\(key)", into: &all)
        }
        if let items = schema["items"] { properties(of: items, name, into: &all) }
    }

    mutating func check(_ value: WireTree, _ schema: PlainYAML, at place: String, name: String = "") {
        if let reference = schema["$ref"]?.text {
            let inner = String(reference.split(separator: "/").last ?? "")
            guard let found = schemas[inner] else { return complain(place, "there is no schema \(inner)") }
            used.insert(inner)
            // In DAG-CBOR a byte string is one, and no map that holds base 64.
            if inner == "Bytes", case .bytes = value { return }
            return check(value, found, at: place, name: inner)
        }
        if let choices = schema["oneOf"]?.list {
            let fits = choices.filter { choice in
                var trial = self
                let before = trial.complaints.count
                trial.check(value, choice, at: place)
                return trial.complaints.count == before
            }
            guard fits.count == 1 else { return complain(place, "fits \(fits.count) of \(choices.count) choices") }
            return check(value, fits[0], at: place)
        }
        checkType(value, schema, place, name)
    }

    private mutating func checkType(_ value: WireTree, _ schema: PlainYAML, _ place: String, _ name: String) {
        guard let type = schema["type"] else { return }
        let types = type.text.map { [$0] } ?? type.list.compactMap(\.text)
        guard let found = Self.types(of: value).first(where: types.contains) else {
            return complain(place, "is \(Self.types(of: value)[0]), described as \(types.joined(separator: " or "))")
        }
        switch (value, found) {
        case (.map(let map), "object"): checkProperties(map, schema, place, name)
        case (.list(let items), "array"):
            guard let inner = schema["items"] else { return complain(place, "a list without items") }
            for item in items { check(item, inner, at: "\(place)[]", name: name) }
        case (.text(let text), "string"):
            let choices = schema["enum"]?.list.compactMap(\.text) ?? []
            if !choices.isEmpty, !choices.contains(text) { complain(place, "\(text) is none of the choices") }
        default: break
        }
    }

    private mutating func checkProperties(
        _ map: [String: WireTree], _ schema: PlainYAML, _ place: String, _ name: String
    ) {
        let properties = schema["properties"]?.map ?? [:]
        for (key, value) in map {
            guard let inner = properties[key] else {
                complain(place, "has \(key), which is not described")
                continue
            }
            seen.insert("\(name).\(key)")
            check(value, inner, at: "\(place).\(key)", name: "\(name).\(key)")
        }
        for key in schema["required"]?.list.compactMap(\.text) ?? [] where map[key] == nil {
            complain(place, "has no \(key)")
        }
    }

    private mutating func complain(_ place: String, _ reason: String) { complaints.append("\(place): \(reason)") }

    private static func types(of value: WireTree) -> [String] {
        switch value {
        case .null: ["null"]
        case .bool: ["boolean"]
        case .integer: ["integer", "number"]
        case .number: ["number"]
        case .text: ["string"]
        case .bytes: ["bytes"]
        case .list: ["array"]
        case .map: ["object"]
        }
    }
}
