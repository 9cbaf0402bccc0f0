import ArgumentParser
import Logging
import Node
import NodeAPI

struct Work: VinculumCommand {
    static let configuration = CommandConfiguration(
        abstract: "Run a data owner's site.",
        discussion: HelpText(
            why:
                "Follows a chain through any node, believing nothing that is not proven; accepts or refuses jobs by "
                + "the policy file; trains on local data in a sandbox; lets only protected updates leave; audits when "
                + "drawn.",
            examples: [("vinculum work --config site/site.toml", "serve jobs under this policy")],
            limits: "One process a site. Stops in order at SIGTERM or SIGINT.",
            exits: ExitStatus.ofNode + [.notFound, .notProven]
        ).text)

    @Option(help: "The site's policy file.")
    var config = "site.toml"

    @Option(help: "The trainer's program; the policy lists its digest.")
    var trainer: String?

    @Option(help: .hidden)
    var dieWithParent: Int32?

    @Option(help: .hidden)
    var misbehave: Misbehaviour?

    @OptionGroup var output: OutputOptions

    func execute() async throws -> ExitStatus {
        if let dieWithParent { ParentDeath.follow(dieWithParent) }
        let policy = try ConfigurationFiles.site(config)
        let logger = ConsoleLog.logger(policy.name, level: "info", format: "text")
        let client = try ConfigurationFiles.client(of: policy)
        let trainer = trainer ?? ConfigurationFiles.shippedTrainer
        let misbehave = misbehave
        let folder = policy.dataFolder
        let band = policy.sizeBand
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                if policy.dryRun {
                    return try await SiteRehearsal(
                        policy: policy, service: client, plugins: PluginCatalogue(policy, logger: logger),
                        logger: logger
                    ).run()
                }
                let site = try await SiteRuntime(
                    policy: policy, service: client, plugins: PluginCatalogue(policy, logger: logger), trainer: trainer,
                    logger: logger
                ) { honest in misbehave?.work(instead: honest, folder: folder, band: band) ?? honest }
                logger.info("ready as \(site.account)")
                try await site.run()
            }
            group.addTask { await StopSignal.wait() }
            do {
                try await group.next()
                group.cancelAll()
            } catch {
                group.cancelAll()
                throw error
            }
        }
        return .ok
    }
}

extension Misbehaviour: ExpressibleByArgument {}
