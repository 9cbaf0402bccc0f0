import Primitives

/// One key of a configuration file: the only place that says its name, type, range, default, unit and meaning. Files
/// under `etc/`, `config default`, decoding and error messages all come from it.
public struct ConfigurationKey: Sendable {
    public enum Kind: Sendable {
        case boolean
        case integer(ClosedRange<Int64>)
        case decimal(ClosedRange<Double>)
        /// Any text, or one of these.
        case text(choices: [String]?)
        /// A token amount in decimal, as text.
        case amount
        case textList
    }

    /// Full dotted name, `section.key`.
    public var name: String
    public var kind: Kind
    /// Nil where the file must give a value.
    public var defaultValue: ConfigurationValue?
    /// The value that the documented example shows.
    public var example: ConfigurationValue
    public var unit: String?
    public var meaning: String

    public init(
        _ name: String, _ kind: Kind, default defaultValue: ConfigurationValue, unit: String? = nil,
        example: ConfigurationValue? = nil, _ meaning: String
    ) {
        self.name = name
        self.kind = kind
        self.defaultValue = defaultValue
        self.example = example ?? defaultValue
        self.unit = unit
        self.meaning = meaning
    }

    public init(
        required name: String, _ kind: Kind, example: ConfigurationValue, unit: String? = nil, _ meaning: String
    ) {
        self.name = name
        self.kind = kind
        defaultValue = nil
        self.example = example
        self.unit = unit
        self.meaning = meaning
    }

    var section: String { name.split(separator: ".").dropLast().joined(separator: ".") }
    var leaf: String { name.split(separator: ".").last.map(String.init) ?? name }

    /// `api.tcp_port` is set by `VINCULUM_API_TCP_PORT`.
    public var environmentName: String {
        "VINCULUM_" + name.map { $0 == "." ? "_" : $0.uppercased() }.joined()
    }

    /// What a value has to be.
    public var allowed: String {
        switch kind {
        case .boolean: return "true or false"
        case .integer(let range):
            return range.upperBound == .max
                ? "an integer of at least \(range.lowerBound)"
                : "an integer from \(range.lowerBound) to \(range.upperBound)"
        case .decimal(let range): return "a number from \(range.lowerBound) to \(range.upperBound)"
        case .text(let choices):
            return choices.map { "one of " + $0.map { "\"\($0)\"" }.joined(separator: ", ") } ?? "text"
        case .amount: return "a token amount as text, such as \"12.5\", with at most 18 decimals"
        case .textList: return "a list of text"
        }
    }

    /// The value in its own type, or nil where the type or the range is wrong.
    func checked(_ value: ConfigurationValue) -> ConfigurationValue? {
        switch (kind, value) {
        case (.boolean, .boolean): return value
        case (.integer(let range), .integer(let number)): return range.contains(number) ? value : nil
        case (.decimal(let range), .decimal(let number)): return range.contains(number) ? value : nil
        case (.decimal(let range), .integer(let number)):
            return range.contains(Double(number)) ? .decimal(Double(number)) : nil
        case (.text(let choices), .text(let text)): return choices?.contains(text) ?? true ? value : nil
        case (.amount, .text(let text)): return (try? Amount(text)) == nil ? nil : value
        case (.textList, .list(let items)):
            return items.allSatisfy { if case .text = $0 { true } else { false } } ? value : nil
        default: return nil
        }
    }

    /// A value given as a flag or in the environment.
    func parsed(_ text: String) -> ConfigurationValue? {
        switch kind {
        case .boolean: ["true": true, "1": true, "false": false, "0": false][text].map { .boolean($0) }
        case .integer: Int64(text).flatMap { checked(.integer($0)) }
        case .decimal: Double(text).flatMap { checked(.decimal($0)) }
        case .text, .amount: checked(.text(text))
        case .textList:
            .list(text.split(separator: ",").map { .text(String($0.drop { $0 == " " })) })
        }
    }
}

/// The keys of one kind of file.
public struct ConfigurationSchema: Sendable {
    /// What the file is, for its first line.
    public var title: String
    public var keys: [ConfigurationKey]
    /// Sentences about sections.
    public var sections: [String: String]
    /// Tables whose keys belong to someone else, e.g. `plugin`, where each plugin checks its own.
    public var openTables: Set<String>

    public init(
        title: String, sections: [String: String], openTables: Set<String> = [], keys: [ConfigurationKey]
    ) {
        self.title = title
        self.sections = sections
        self.openTables = openTables
        self.keys = keys
    }

    public func key(_ name: String) -> ConfigurationKey? { keys.first { $0.name == name } }

    /// The documented file: every key with its example, default, unit and meaning.
    ///
    /// - Parameter values: by key; they stand in place of the examples.
    public func documentedFile(_ values: [String: ConfigurationValue] = [:]) -> String {
        var text =
            "# \(title)\n# Every key is here. A key that is left out has its default; an unknown key is refused.\n"
        var section: String?
        for key in keys {
            if key.section != section {
                section = key.section
                text += "\n"
                if let sentence = sections[key.section] { text += Self.comment(sentence) }
                text += "[\(key.section)]\n"
            }
            text += Self.comment(key.meaning)
            var facts = key.allowed
            if let unit = key.unit { facts += "; unit: \(unit)" }
            facts += key.defaultValue.map { "; default: \($0.tomlText)" } ?? "; required"
            text += Self.comment(facts.prefix(1).uppercased() + facts.dropFirst() + ".")
            text += "\(key.leaf) = \((values[key.name] ?? key.example).tomlText)\n"
        }
        return text
    }

    /// Wraps at 100 columns.
    private static func comment(_ sentence: String) -> String {
        var lines: [String] = []
        var line = "#"
        for word in sentence.split(separator: " ") {
            if line.count + word.count + 1 > 100 {
                lines.append(line)
                line = "#"
            }
            line += " \(word)"
        }
        lines.append(line)
        return lines.joined(separator: "\n") + "\n"
    }
}
