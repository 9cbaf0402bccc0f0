/// The part of YAML that `openapi.yaml` is written in, read into trees: block maps and lists by indentation, flow maps
/// and lists on one line, plain and quoted scalars, and one literal block. What it does not know it refuses; a test
/// compares it with PyYAML over the whole file.
indirect enum PlainYAML: Equatable {
    case map([String: PlainYAML])
    case list([PlainYAML])
    case text(String)

    struct Fault: Error {
        let line: Int
        let reason: String
    }

    subscript(key: String) -> PlainYAML? {
        guard case .map(let map) = self else { return nil }
        return map[key]
    }

    var map: [String: PlainYAML] { if case .map(let map) = self { map } else { [:] } }
    var list: [PlainYAML] { if case .list(let list) = self { list } else { [] } }
    var text: String? { if case .text(let text) = self { text } else { nil } }

    static func read(_ source: String) throws -> PlainYAML {
        var reader = BlockReader(source)
        return try reader.node(indent: 0)
    }
}

/// Reads by lines and their indentation.
private struct BlockReader {
    private struct Line {
        let number: Int
        let indent: Int
        let text: String
    }

    private var lines: [Line] = []
    private var place = 0

    init(_ source: String) {
        for (index, line) in source.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            let text = line.drop { $0 == " " }
            guard !text.isEmpty, !text.hasPrefix("#") else { continue }
            lines.append(Line(number: index + 1, indent: line.count - text.count, text: String(text)))
        }
    }

    mutating func node(indent: Int) throws -> PlainYAML {
        guard place < lines.count else { return .text("") }
        return lines[place].text.hasPrefix("- ") ? try list(indent: indent) : try map(indent: indent)
    }

    private mutating func list(indent: Int) throws -> PlainYAML {
        var items: [PlainYAML] = []
        while place < lines.count, lines[place].indent == indent, lines[place].text.hasPrefix("- ") {
            let line = lines[place]
            let rest = String(line.text.dropFirst(2))
            if FlowReader.key(of: rest) != nil {
                // A map whose first key stands behind the dash.
                lines[place] = Line(number: line.number, indent: indent + 2, text: rest)
                items.append(try map(indent: indent + 2))
            } else {
                items.append(try FlowReader.value(rest, line: line.number))
                place += 1
            }
        }
        return .list(items)
    }

    private mutating func map(indent: Int) throws -> PlainYAML {
        var map: [String: PlainYAML] = [:]
        while place < lines.count, lines[place].indent == indent {
            let line = lines[place]
            guard let (key, rest) = FlowReader.key(of: line.text) else {
                throw PlainYAML.Fault(line: line.number, reason: "no key: \(line.text)")
            }
            place += 1
            let value: PlainYAML
            if rest == "|" {
                value = literal(indent)
            } else if rest.isEmpty {
                guard place < lines.count, lines[place].indent > indent else {
                    throw PlainYAML.Fault(line: line.number, reason: "\(key) has no value")
                }
                value = try node(indent: lines[place].indent)
            } else {
                value = try FlowReader.value(rest, line: line.number)
            }
            guard map.updateValue(value, forKey: key) == nil else {
                throw PlainYAML.Fault(line: line.number, reason: "\(key) is given twice")
            }
        }
        if place < lines.count, lines[place].indent > indent {
            throw PlainYAML.Fault(line: lines[place].number, reason: "is indented too far")
        }
        return .map(map)
    }

    private mutating func literal(_ indent: Int) -> PlainYAML {
        var text = ""
        while place < lines.count, lines[place].indent > indent {
            text += lines[place].text + "\n"
            place += 1
        }
        return .text(text)
    }
}

/// Reads what stands on one line.
private struct FlowReader {
    private var rest: Substring
    private let line: Int

    static func value(_ text: String, line: Int) throws -> PlainYAML {
        var reader = FlowReader(rest: text[...], line: line)
        let isFlow = text.hasPrefix("{") || text.hasPrefix("[") || text.hasPrefix("'")
        guard isFlow else { return .text(text) }
        let value = try reader.value()
        guard reader.rest.allSatisfy({ $0 == " " }) else { throw reader.fault("more than one value") }
        return value
    }

    /// The key of a block line and what follows its colon.
    static func key(of text: String) -> (key: String, rest: String)? {
        if text.hasPrefix("'") {
            let parts = text.dropFirst().split(separator: "'", maxSplits: 1, omittingEmptySubsequences: false)
            guard parts.count == 2, parts[1].hasPrefix(":") else { return nil }
            return (String(parts[0]), String(parts[1].dropFirst().drop { $0 == " " }))
        }
        guard !text.hasPrefix("{"), !text.hasPrefix("[") else { return nil }
        var end = text.startIndex
        while let colon = text[end...].firstIndex(of: ":") {
            let next = text.index(after: colon)
            if next == text.endIndex || text[next] == " " {
                let value = text[next...].drop { $0 == " " }
                return (String(text[..<colon]), String(value.reversed().drop { $0 == " " }.reversed()))
            }
            end = next
        }
        return nil
    }

    private func fault(_ reason: String) -> PlainYAML.Fault { PlainYAML.Fault(line: line, reason: reason) }

    private mutating func blanks() { rest = rest.drop { $0 == " " } }

    private mutating func take(_ character: Character) -> Bool {
        blanks()
        guard rest.first == character else { return false }
        rest.removeFirst()
        return true
    }

    private mutating func value() throws -> PlainYAML {
        if take("{") {
            var map: [String: PlainYAML] = [:]
            while !take("}") {
                let key = try scalar(until: ":")
                guard take(":") else { throw fault("a key without a colon") }
                map[key] = try value()
                guard take(",") || rest.hasPrefix("}") else { throw fault("a map that does not end") }
            }
            return .map(map)
        }
        if take("[") {
            var list: [PlainYAML] = []
            while !take("]") {
                list.append(try value())
                guard take(",") || rest.hasPrefix("]") else { throw fault("a list that does not end") }
            }
            return .list(list)
        }
        return .text(try scalar(until: ""))
    }

    /// Quoted, or plain up to a sign of the flow.
    private mutating func scalar(until end: String) throws -> String {
        blanks()
        if rest.first == "'" {
            var text = ""
            rest.removeFirst()
            while let character = rest.popFirst() {
                guard character == "'" else {
                    text.append(character)
                    continue
                }
                // Two quotes are one.
                guard rest.first == "'" else { return text }
                text.append(rest.removeFirst())
            }
            throw fault("a quote that does not end")
        }
        let signs: Set<Character> = end.isEmpty ? [",", "}", "]"] : [",", "}", "]", ":"]
        let plain = rest.prefix { !signs.contains($0) }
        rest = rest.dropFirst(plain.count)
        return String(plain.reversed().drop { $0 == " " }.reversed())
    }
}
