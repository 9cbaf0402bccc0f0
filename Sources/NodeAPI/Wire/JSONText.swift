import Primitives

/// Writes a DAG-CBOR tree as JSON: links and byte strings as DAG-JSON does (`{"/": …}`), everything else as it is.
/// Keys keep DAG-CBOR's order, so equal values give equal texts.
///
/// Source of the forms for links and bytes: IPLD, DAG-JSON specification.
public enum JSONText {
    public static func encode(_ value: CBORValue, pretty: Bool = false) -> String {
        var text = ""
        write(value, pretty: pretty, indent: 0, into: &text)
        return text
    }

    private static func write(_ value: CBORValue, pretty: Bool, indent: Int, into text: inout String) {
        func newline(_ depth: Int) {
            if pretty { text += "\n" + String(repeating: "  ", count: depth) }
        }
        switch value {
        case .array(let items):
            if items.isEmpty {
                text += "[]"
                return
            }
            text += "["
            for (index, item) in items.enumerated() {
                if index > 0 { text += "," }
                newline(indent + 1)
                write(item, pretty: pretty, indent: indent + 1, into: &text)
            }
            newline(indent)
            text += "]"
        case .map(let map):
            if map.isEmpty {
                text += "{}"
                return
            }
            text += "{"
            for (index, entry) in map.entries.enumerated() {
                if index > 0 { text += "," }
                newline(indent + 1)
                text += quoted(entry.key) + (pretty ? ": " : ":")
                write(entry.value, pretty: pretty, indent: indent + 1, into: &text)
            }
            newline(indent)
            text += "}"
        case .bytes(let bytes): text += "{\"/\":{\"bytes\":\"\(Base64.encode(bytes))\"}}"
        case .link(let id): text += "{\"/\":\"\(id.text)\"}"
        case .foreignLink(let id): text += "{\"/\":\"\(id.text)\"}"
        case .text(let string): text += quoted(string)
        case .bool(let flag): text += flag ? "true" : "false"
        case .null: text += "null"
        case .float(let number): text += number.isFinite ? "\(number)" : "null"
        case .unsigned(let number): text += String(number)
        case .negative(let number): text += String(-1 - Int128(number))
        }
    }

    /// A JSON string, by RFC 8259, section 7.
    public static func quoted(_ string: String) -> String {
        var text = "\""
        for scalar in string.unicodeScalars {
            switch scalar {
            case "\"": text += "\\\""
            case "\\": text += "\\\\"
            case "\n": text += "\\n"
            case "\r": text += "\\r"
            case "\t": text += "\\t"
            default:
                if scalar.value < 0x20 || scalar.value == 0x2028 || scalar.value == 0x2029 {
                    let hex = String(scalar.value, radix: 16)
                    text += "\\u" + String(repeating: "0", count: 4 - hex.count) + hex
                } else {
                    text.unicodeScalars.append(scalar)
                }
            }
        }
        return text + "\""
    }
}

/// Base 64 of RFC 4648 without padding, as DAG-JSON wants it: the URL form with two digits exchanged.
enum Base64 {
    static func encode(_ bytes: [UInt8]) -> String {
        String(Base64URL.encode(bytes).map { $0 == "-" ? "+" : $0 == "_" ? "/" : $0 })
    }
}
