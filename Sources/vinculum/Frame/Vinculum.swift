import ArgumentParser

/// The root of the command line.
struct Vinculum: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "vinculum",
        abstract: "A node that keeps a ledger, runs training where the data is, checks the work and pays for it.",
        discussion: HelpText(
            why: "One program is the node, the data owner's site and the command line for both.",
            examples: [
                ("vinculum init --data ./node", "make a node with a chain of its own for development"),
                ("vinculum demo", "see a whole federation on this machine, with cheats"),
                ("vinculum status --json", "ask the node how it is"),
                ("vinculum proof verify payment.proof --genesis node/genesis.dagcbor", "check a proof without a node"),
            ],
            limits: "Nodes listen on this machine only. To reach one from elsewhere, put a TLS proxy in front.",
            exits: ExitStatus.allCases
        ).text,
        version: versionText,
        groupedSubcommands: [
            CommandGroup(
                name: "Node",
                subcommands: [
                    Init.self, Run.self, Work.self, Status.self, Wait.self, Config.self, Doctor.self, Backup.self,
                    Restore.self, Version.self,
                ]),
            CommandGroup(
                name: "Ledger",
                subcommands: [
                    Account.self, Transact.self, Stake.self, ConsensusCommand.self, Job.self, MarketTask.self,
                    Proof.self,
                    LedgerCommand.self,
                ]),
            CommandGroup(name: "Network", subcommands: [Peers.self, NetworkCommand.self]),
            CommandGroup(name: "Plugins", subcommands: [Plugin.self, Simulate.self]),
            CommandGroup(name: "See it work", subcommands: [Demo.self]),
        ])

    static let versionText = "0.1.0"
}
