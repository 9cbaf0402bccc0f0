import ArgumentParser
import Logging
import Node
import NodeAPI

struct Run: VinculumCommand {
    static let configuration = CommandConfiguration(
        abstract: "Run a node.",
        discussion: HelpText(
            why:
                "Keeps the ledger, serves the local HTTP interface and, if its configuration names an aggregator's "
                + "key, aggregates for jobs. Killed in any way, it goes on from its log.",
            examples: [("vinculum run --data ./node", "run the node that `vinculum init` made")],
            limits: "Stops in order at SIGTERM or SIGINT.",
            exits: [.ok, .failed, .usage, .configuration, .notFound, .notProven]
        ).text)

    @Option(help: ArgumentHelp("The node's configuration file, in place of the folder's node.toml.", valueName: "file"))
    var config: String?

    @Option(help: .hidden)
    var dieWithParent: Int32?

    @OptionGroup var folder: FolderOptions
    @OptionGroup var output: OutputOptions

    func execute() async throws -> ExitStatus {
        if let dieWithParent { ParentDeath.follow(dieWithParent) }
        let configuration = try config.map { file in try ConfigurationFiles.node(file) } ?? folder.startable()
        let logger = ConsoleLog.logger("node", level: configuration.logLevel, format: configuration.logFormat)
        let plugins = PluginCatalogue(configuration, logger: logger)
        let daemon = Daemon(configuration: configuration, plugins: plugins, logger: logger)
        try await daemon.run { logger.info("ready") }
        return .ok
    }
}
