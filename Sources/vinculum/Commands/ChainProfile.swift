import ArgumentParser
import Node

/// What `vinculum init --profile` takes for a new chain where the command line says nothing: a file of `etc/profiles`,
/// or one of the operator's own.
struct ChainProfile {
    var name = "development"
    var consensus = ChainConsensus.solo
    var swap: SwapRule?
    /// Nil: the engine's own.
    var blockInterval: UInt16?
    var tokens = "1000000"
    /// Nil: a chain without staking.
    var stake: String?

    init() {}

    static let schema = ConfigurationSchema(
        title: "A profile: the choices of a new chain.", sections: ["chain": "What goes into the genesis."],
        keys: [
            ConfigurationKey("chain.name", .text(choices: nil), default: .text("development"), "The chain's name."),
            ConfigurationKey(
                "chain.consensus", .text(choices: ChainConsensus.allCases.map(\.rawValue)), default: .text("solo"),
                "Who orders the first blocks."),
            ConfigurationKey(
                "chain.swap", .text(choices: ["nobody"] + SwapRule.allCases.map(\.rawValue)), default: .text("nobody"),
                "Who may change the engine while the chain runs."),
            ConfigurationKey(
                "chain.block_interval_ms", .integer(0...60_000), default: .integer(0), unit: "milliseconds",
                "The least time from a waiting transaction to its block; 0: the engine's own."),
            ConfigurationKey(
                "chain.tokens", .amount, default: .text("1000000"), "Tokens that the account of the first node gets."),
            ConfigurationKey(
                "chain.stake", .amount, default: .text("0"),
                "Of these, tokens that each first validator validates with; 0: a chain without staking."),
        ])

    /// - Parameter name: of a file in the installation's `profiles`, without its ending; or a path.
    init(named name: String) throws {
        let isPath = name.contains("/") || name.hasSuffix(".toml")
        let folder = "\(InstallPrefix.configurationFolder)/profiles"
        let file = isPath ? name : "\(folder)/\(name).toml"
        guard DurableFile.exists(file) else {
            throw CommandFailure(.notFound, "there is no profile \(file)", hint: "ls \(folder) shows those there are")
        }
        let resolved = try ResolvedConfiguration(schema: Self.schema, text: try readText(file), file: file)
        self.name = resolved.text("chain.name")
        consensus = ChainConsensus(rawValue: resolved.text("chain.consensus")) ?? .solo
        swap = SwapRule(rawValue: resolved.text("chain.swap"))
        let interval = resolved.integer("chain.block_interval_ms")
        blockInterval = interval == 0 ? nil : UInt16(clamping: interval)
        tokens = resolved.text("chain.tokens")
        let stake = resolved.text("chain.stake")
        self.stake = stake == "0" ? nil : stake
    }
}
