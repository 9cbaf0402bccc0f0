import ArgumentParser
import Node
import PluginHost
import Primitives

struct PluginNew: VinculumCommand {
    static let configuration = CommandConfiguration(
        commandName: "new", abstract: "Begin a plugin of your own from a template that builds and passes the check.",
        discussion: HelpText(
            why: "Copies the template of a kind and a language under your names, and says how to go on.",
            examples: [
                (
                    "vinculum plugin new --kind verifier --language c --id org.me.mine mine",
                    "a verifier in C in the folder mine"
                )
            ],
            limits: "Writes into a folder that is not there yet or is empty, and nowhere else.",
            exits: [.ok, .failed, .usage, .configuration, .notFound, .exists]
        ).text)

    @Option(help: "What the plugin is.") var kind: PluginKind
    @Option(help: "What it is written in.") var language: Manifest.Language
    @Option(help: "Reverse DNS, such as org.example.my-plugin.") var id: String
    @Option(help: "Stem of the files' names (else the id's last part).") var name: String?
    @Option(help: "Whose plugin it is (else the id without its last part).") var vendor: String?
    @Argument(help: "The new plugin's folder.") var folder: String
    @OptionGroup var output: OutputOptions

    func execute() async throws -> ExitStatus {
        let template = try PluginTemplate(kind: kind, language: language, id: id, name: name, vendor: vendor)
        let files = try template.write(to: folder, share: "\(InstallPrefix.path)/share/vinculum")
        let build = language == .c ? "make" : "swift build -c release"
        let next = ["cd \(folder)", build, "vinculum plugin check ."]
        var document = CBORMap()
        document["id"] = .text(template.id)
        document["name"] = .text(template.name)
        document["kind"] = .text(kind.rawValue)
        document["language"] = .text(language.rawValue)
        document["folder"] = .text(folder)
        document["files"] = .array(files.map { .text($0) })
        document["next"] = .array(next.map { .text($0) })
        output.emit("plugin-new", document) { style in
            "\(folder) holds \(template.id): \(files.joined(separator: ", "))\nNext:\n"
                + next.map { "  \(style.bold($0))" }.joined(separator: "\n")
                + "\nThen write what it does, where the source says \"Step\"; README.md there says how to install it."
        }
        return .ok
    }
}

extension PluginKind: ExpressibleByArgument {
    public init?(argument: String) { self.init(word: argument) }
    public static var allValueStrings: [String] { allCases.map(\.word) }
}

extension Manifest.Language: ExpressibleByArgument {
    public static var allValueStrings: [String] { ["c", "swift"] }
}
