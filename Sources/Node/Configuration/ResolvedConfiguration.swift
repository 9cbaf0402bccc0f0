import PluginHost
import Primitives

/// A configuration after precedence: flag over environment over file over default. Holds a checked value for every key
/// of its schema.
public struct ResolvedConfiguration: Sendable {
    public enum Origin: Sendable, Hashable, CustomStringConvertible {
        case flag(String)
        case environment(String)
        case file(String)
        case builtIn

        public var description: String {
            switch self {
            case .flag(let name): "flag \(name)"
            case .environment(let name): "environment \(name)"
            case .file(let path): path
            case .builtIn: "default"
            }
        }
    }

    public let schema: ConfigurationSchema
    public private(set) var values: [String: ConfigurationValue] = [:]
    public private(set) var origins: [String: Origin] = [:]
    /// Tables that the schema leaves to others, by name.
    public private(set) var openTables: [String: ConfigurationValue] = [:]

    /// - Parameters:
    ///   - text: the file's text, or nil where there is none.
    ///   - flags: dotted names to texts, as `--set NAME=VALUE` gives them.
    ///   - environment: the process's environment; only `VINCULUM_*` names that the schema knows are read.
    /// - Throws: every problem at once.
    public init(
        schema: ConfigurationSchema, text: String?, file: String, environment: [String: String] = [:],
        flags: [String: String] = [:]
    ) throws(ConfigurationError) {
        self.schema = schema
        var problems: [ConfigurationError.Problem] = []
        var given: [String: ConfigurationValue] = [:]
        if let text {
            let locator = KeyLocator(text)
            let document = try ConfigurationValue.parse(text, file: file)
            for (name, value) in document.sorted(by: { $0.key < $1.key }) where schema.openTables.contains(name) {
                if case .table = value {
                    openTables[name] = value
                } else {
                    problems.append(.init(key: name, line: locator.line(of: name), reason: "has to be a table"))
                }
            }
            let rest = document.filter { !schema.openTables.contains($0.key) }
            Self.flatten(.table(rest), "", schema, into: &given)
            for name in given.keys.sorted() where schema.key(name) == nil {
                let near = Spelling.nearest(to: name, among: schema.keys.map(\.name))
                problems.append(
                    .init(
                        key: name, line: locator.line(of: name), reason: "is not a known key",
                        hint: near.map { "did you mean \($0)?" } ?? "`vinculum config default` lists them"))
            }
            for key in schema.keys {
                guard let value = given[key.name] else { continue }
                if let checked = key.checked(value) {
                    values[key.name] = checked
                    origins[key.name] = .file(file)
                } else {
                    problems.append(
                        .init(
                            key: key.name, line: locator.line(of: key.name),
                            reason: "is \(Self.brief(value)); it has to be \(key.allowed)"))
                }
            }
        }
        for name in flags.keys.sorted() where schema.key(name) == nil {
            problems.append(
                .init(
                    key: name, origin: "--set", reason: "is not a known key",
                    hint: Spelling.nearest(to: name, among: schema.keys.map(\.name)).map { "did you mean \($0)?" }))
        }
        for key in schema.keys {
            let layers: [(String?, Origin, String)] = [
                (environment[key.environmentName], .environment(key.environmentName), key.environmentName),
                (flags[key.name], .flag("--set \(key.name)"), "--set \(key.name)"),
            ]
            for (text, origin, place) in layers {
                guard let text else { continue }
                if let value = key.parsed(text) {
                    values[key.name] = value
                    origins[key.name] = origin
                } else {
                    problems.append(
                        .init(
                            key: key.name, origin: place,
                            reason: "is \(Self.brief(.text(text))); it has to be \(key.allowed)"))
                }
            }
            if values[key.name] == nil, given[key.name] == nil {
                if let value = key.defaultValue {
                    values[key.name] = value
                    origins[key.name] = .builtIn
                } else {
                    problems.append(.init(key: key.name, reason: "is missing; it has to be \(key.allowed)"))
                }
            }
        }
        if !problems.isEmpty { throw ConfigurationError(file: file, problems: problems) }
    }

    /// Dotted names of everything that is not a table. A table in the place of a key stays whole, so that it is refused
    /// as a wrong type and not as unknown keys.
    private static func flatten(
        _ value: ConfigurationValue, _ prefix: String, _ schema: ConfigurationSchema,
        into result: inout [String: ConfigurationValue]
    ) {
        guard case .table(let entries) = value, prefix.isEmpty || schema.key(prefix) == nil else {
            result[prefix] = value
            return
        }
        for (name, entry) in entries {
            flatten(entry, prefix.isEmpty ? name : "\(prefix).\(name)", schema, into: &result)
        }
        let isSection = prefix.isEmpty || schema.keys.contains { $0.section == prefix }
        if entries.isEmpty, !isSection { result[prefix] = value }
    }

    private static func brief(_ value: ConfigurationValue) -> String {
        switch value {
        case .integer, .decimal, .boolean: value.tomlText
        case .text(let text): text.count <= 60 ? value.tomlText : "text of \(text.count) characters"
        default: value.typeName
        }
    }

    // MARK: Typed reading. A name that the schema lacks, or with another type, reads as that type's zero; the test that
    // reads every key of each typed struct keeps that from happening.

    public func boolean(_ name: String) -> Bool { if case .boolean(let value) = values[name] { value } else { false } }
    public func integer(_ name: String) -> Int { if case .integer(let value) = values[name] { Int(value) } else { 0 } }
    public func decimal(_ name: String) -> Double { if case .decimal(let value) = values[name] { value } else { 0 } }
    public func text(_ name: String) -> String { if case .text(let value) = values[name] { value } else { "" } }
    public func amount(_ name: String) -> Amount { (try? Amount(text(name))) ?? .zero }
    public func milliseconds(_ name: String) -> Duration { .milliseconds(integer(name)) }

    public func list(_ name: String) -> [String] {
        guard case .list(let items) = values[name] else { return [] }
        return items.compactMap { if case .text(let text) = $0 { text } else { nil } }
    }
}
