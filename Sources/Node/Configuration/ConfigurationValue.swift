import PluginHost
import TOMLKit

/// A value of a configuration file, copied out of the parser so that nothing points into its memory.
public indirect enum ConfigurationValue: Sendable, Hashable {
    case boolean(Bool)
    case integer(Int64)
    case decimal(Double)
    case text(String)
    case list([ConfigurationValue])
    /// Keys in the order of their names, which the parser keeps.
    case table([String: ConfigurationValue])
    /// Dates and times: no key takes one, so only their presence matters.
    case moment(String)

    /// What a person calls it.
    public var typeName: String {
        switch self {
        case .boolean: "true or false"
        case .integer: "an integer"
        case .decimal: "a decimal number"
        case .text: "text"
        case .list: "a list"
        case .table: "a table"
        case .moment: "a date or time"
        }
    }

    /// As TOML writes it.
    public var tomlText: String {
        switch self {
        case .boolean(let value): value ? "true" : "false"
        case .integer(let value): String(value)
        case .decimal(let value): String(value)
        case .text(let value): Self.quoted(value)
        case .list(let values): "[" + values.map(\.tomlText).joined(separator: ", ") + "]"
        case .table(let entries):
            "{ "
                + entries.sorted { $0.key < $1.key }.map { "\(Self.quoted($0.key)) = \($0.value.tomlText)" }
                .joined(separator: ", ") + " }"
        case .moment(let text): text
        }
    }

    /// A basic string of TOML 1.0.
    public static func quoted(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\t": result += "\\t"
            case "\r": result += "\\r"
            default:
                if scalar.value < 0x20 || scalar.value == 0x7f {
                    let hex = String(scalar.value, radix: 16)
                    result += "\\u" + String(repeating: "0", count: 4 - hex.count) + hex
                } else {
                    result.unicodeScalars.append(scalar)
                }
            }
        }
        return result + "\""
    }

    init(_ value: any TOMLValueConvertible) {
        switch value.type {
        case .bool: self = .boolean(value.bool ?? false)
        case .int: self = .integer(Int64(value.int ?? 0))
        case .double: self = .decimal(value.double ?? .nan)
        case .string: self = .text(value.string ?? "")
        case .table: self = value.table.map(Self.init(table:)) ?? .table([:])
        case .array: self = .list((value.array).map { array in (0..<array.count).map { Self(array[$0]) } } ?? [])
        case .date, .time, .dateTime: self = .moment(value.debugDescription)
        }
    }

    private init(table: TOMLTable) {
        var entries: [String: ConfigurationValue] = [:]
        for key in table.keys {
            guard let value = table[key] else { continue }
            entries[key] = Self(value)
        }
        self = .table(entries)
    }

    /// Parses a document.
    /// - Throws: one problem with line and column.
    static func parse(_ text: String, file: String) throws(ConfigurationError) -> [String: ConfigurationValue] {
        do throws(TOMLText.Fault) {
            let table = try TOMLText.table(text)
            return withExtendedLifetime(table) {
                if case .table(let entries) = Self(table: table) { entries } else { [:] }
            }
        } catch {
            throw ConfigurationError(
                file: file, problems: [.init(line: error.line, column: error.column, reason: error.reason)])
        }
    }
}
