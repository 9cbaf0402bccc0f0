import ArgumentParser
import Node
import Primitives

struct Config: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Check and show configuration files.",
        discussion: HelpText(
            why: "A flag wins over the environment, that over the file, that over the default; `show` says which did.",
            examples: [("vinculum config validate site.toml", "check a site's policy before it is used")],
            exits: [.ok, .usage, .configuration]
        ).text,
        subcommands: [ConfigValidate.self, ConfigDefault.self, ConfigShow.self])
}

/// The kinds of file that there are.
enum FileKind: String, CaseIterable, ExpressibleByArgument {
    case node, site, job

    var schema: ConfigurationSchema {
        switch self {
        case .node: NodeConfiguration.schema
        case .site: SitePolicy.schema
        case .job: JobFile.schema
        }
    }

    /// By the tables that only one kind has.
    static func guess(_ text: String) -> FileKind {
        let lines = text.split(separator: "\n").map { $0.filter { $0 != " " && $0 != "\t" } }
        if lines.contains(where: { $0.hasPrefix("[site]") }) { return .site }
        if lines.contains(where: { $0.hasPrefix("[job]") }) { return .job }
        return .node
    }

    func check(_ text: String, file: String) throws(ConfigurationError) {
        switch self {
        case .node: _ = try ResolvedConfiguration(schema: schema, text: text, file: file)
        case .site: _ = try SitePolicy(text: text, file: file, baseFolder: ".")
        case .job: _ = try JobFile(text: text, file: file)
        }
    }
}

struct ConfigValidate: VinculumCommand {
    static let configuration = CommandConfiguration(
        commandName: "validate", abstract: "Check a node's, a site's or a job's file and report everything wrong.",
        discussion: HelpText(
            why: "Every problem comes with its file and line or key, what is allowed and what to do.",
            examples: [
                ("vinculum config validate node.toml", "check a node's file"),
                ("vinculum config validate policy.toml --kind site", "say what kind it is"),
            ],
            limits: "Values that only a running node knows, such as a plugin's own table, are checked at its start.",
            exits: [.ok, .usage, .configuration, .notFound]
        ).text)

    @Argument(help: "The file (the folder's node.toml if left out).") var file: String?
    @Option(help: "What the file is: node, site or job (found from its tables if left out).") var kind: FileKind?
    @OptionGroup var folder: FolderOptions
    @OptionGroup var output: OutputOptions

    func execute() async throws -> ExitStatus {
        let path = file ?? folder.file
        let text = try readText(path)
        let kind = kind ?? FileKind.guess(text)
        try kind.check(text, file: path)
        output.emit("config-validate", CBORMap([("file", .text(path)), ("kind", .text(kind.rawValue))])) { style in
            "\(path): \(style.good("valid")) (\(kind.rawValue))"
        }
        return .ok
    }
}

struct ConfigDefault: VinculumCommand {
    static let configuration = CommandConfiguration(
        commandName: "default", abstract: "Print a documented file with every key.",
        discussion: HelpText(
            why: "Start from it; the comments say what each key means, its unit and its default.",
            examples: [
                ("vinculum config default > node.toml", "a node's file"),
                ("vinculum config default site > site.toml", "a site's policy"),
            ], exits: [.ok, .usage]
        ).text)

    @Argument(help: "node, site or job.") var kind: FileKind = .node
    @OptionGroup var output: OutputOptions

    func execute() async throws -> ExitStatus {
        let text = kind.schema.documentedFile()
        let keys = kind.schema.keys.map { key -> CBORValue in
            var map = CBORMap()
            map["name"] = .text(key.name)
            map["allowed"] = .text(key.allowed)
            map["meaning"] = .text(key.meaning)
            map["unit"] = key.unit.map { .text($0) } ?? .null
            map["default"] = key.defaultValue.map { .text($0.tomlText) } ?? .null
            map["environment"] = .text(key.environmentName)
            return .map(map)
        }
        output.emit("config-default", CBORMap([("kind", .text(kind.rawValue)), ("keys", .array(keys))])) { _ in text }
        return .ok
    }
}

struct ConfigShow: VinculumCommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "Show the node's configuration as it counts, and where each value is from.",
        discussion: HelpText(
            why: "Shows which of flag, environment, file and default won.",
            examples: [("vinculum config show --set log.level=debug", "see a flag win")],
            exits: [.ok, .usage, .configuration]
        ).text)

    @OptionGroup var folder: FolderOptions
    @OptionGroup var output: OutputOptions

    func execute() async throws -> ExitStatus {
        let resolved = try folder.configuration().resolved
        var table = Table("KEY", "VALUE", "FROM")
        var keys: [CBORValue] = []
        for key in resolved.schema.keys {
            let value = resolved.values[key.name]?.tomlText ?? ""
            let origin = resolved.origins[key.name].map { "\($0)" } ?? ""
            table.add(key.name, value, origin)
            keys.append(
                .map(CBORMap([("name", .text(key.name)), ("value", .text(value)), ("from", .text(origin))])))
        }
        output.emit("config", CBORMap([("file", .text(folder.file)), ("keys", .array(keys))])) { table.text($0) }
        return .ok
    }
}
