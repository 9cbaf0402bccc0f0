import ArgumentParser
import Consensus
import Ledger
import Node
import NodeAPI
import Primitives

struct ConsensusCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "consensus", abstract: "Change what orders a running chain's blocks, and see what does.",
        discussion: HelpText(
            why: """
                A staging network tries another engine, and goes back, without a new chain: state, history and accounts
                go on. Validators need the engine's plugin before its height; `vinculum status` says what is missing.
                """,
            examples: [
                ("vinculum consensus show", "the engine in charge, and what is planned"),
                ("vinculum consensus swap pos --at +20", "proof of stake, twenty blocks from now"),
                ("vinculum consensus cancel", "not after all"),
            ],
            limits: "On chains whose genesis allows it: `vinculum init --swap`.",
            exits: ExitStatus.ofNode + [.refused, .timeout, .notFound, .notProven]
        ).text,
        subcommands: [ConsensusShow.self, ConsensusSwap.self, ConsensusCancel.self])

    static let exits = ExitStatus.ofNode + [.refused, .timeout, .notFound, .notProven]
}

struct ConsensusSwap: VinculumCommand {
    static let configuration = CommandConfiguration(
        commandName: "swap", abstract: "Have another engine order blocks from a height on.",
        discussion: HelpText(
            why: """
                Sent by an operator of the chain it is decided at once. Where validators decide, each sends the same
                swap with its own key, and the last one that is needed decides.
                """,
            examples: [
                ("vinculum consensus swap poc --at 1200", "from block 1200 on"),
                ("vinculum consensus swap pos --at +20 --parameter batch_ms=5", "with a setting of the engine"),
                ("vinculum consensus swap solo --at +20 --leader did:key:z…", "one validator alone"),
            ],
            limits: "At least two blocks ahead. In place of what was planned before, if that is not about to begin.",
            exits: ConsensusCommand.exits
        ).text)

    @Argument(help: "solo, pos, poc or etcd, or the full id of another engine.") var engine: String
    @Option(help: ArgumentHelp("The first block that it orders, or +N: so many from now.", valueName: "height"))
    var at: String
    @Option(help: ArgumentHelp("A setting of the engine; may be given again.", valueName: "key=value"))
    var parameter: [String] = []
    @Option(help: ArgumentHelp("The one validator of an engine that has but one.", valueName: "account"))
    var leader: String?
    @OptionGroup var call: CallOptions
    @OptionGroup var output: OutputOptions

    func execute() async throws -> ExitStatus {
        let isRelative = at.hasPrefix("+")
        guard let number = UInt64(isRelative ? String(at.dropFirst()) : at) else {
            throw ValidationError("--at takes a height, or +N for so many blocks from now")
        }
        let settings = try Self.settings(parameter)
        let key = try leader.map { name in
            guard let key = try call.store.account(name).publicKey else {
                throw ValidationError("--leader \(name): no account of one key")
            }
            return key
        }
        let id = ChainConsensus(rawValue: engine)?.engine ?? engine
        return try await call.send(ConsensusPaths.module, ConsensusModule.Action.swap.rawValue, output) { _, height in
            SwapBody(height: isRelative ? height &+ number : number, engine: id, parameters: settings, leader: key)
        }
    }

    /// Numbers and truth values as such, all else as text.
    static func settings(_ pairs: [String]) throws -> CBORMap {
        var map = CBORMap()
        for pair in pairs {
            guard let equals = pair.firstIndex(of: "=") else {
                throw ValidationError("--parameter takes KEY=VALUE, not '\(pair)'")
            }
            let value = String(pair[pair.index(after: equals)...])
            map[String(pair[..<equals])] =
                UInt64(value).map { .unsigned($0) } ?? Bool(value).map { .bool($0) } ?? .text(value)
        }
        return map
    }
}

struct ConsensusCancel: VinculumCommand {
    static let configuration = CommandConfiguration(
        commandName: "cancel", abstract: "Call off the planned change of engine.",
        discussion: HelpText(
            why: "The engine in charge goes on. Who may decide on a swap may call it off, in the same way.",
            examples: [("vinculum consensus cancel", "until two blocks before its height")],
            exits: ConsensusCommand.exits
        ).text)

    @OptionGroup var call: CallOptions
    @OptionGroup var output: OutputOptions

    func execute() async throws -> ExitStatus {
        try await call.send(ConsensusPaths.module, ConsensusModule.Action.cancel.rawValue, output) { _, _ in
            CancelBody()
        }
    }
}
