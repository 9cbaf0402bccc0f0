import ArgumentParser
import Consensus
import Glibc
import Ledger
import Node
import NodeAPI
import Primitives
import Staking
import Tokens

struct Init: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Make the folder of a node, or of a data owner's site.",
        discussion: HelpText(
            why: "`vinculum init` alone makes a node with a chain of its own; `vinculum init site` joins a chain.",
            examples: [
                ("vinculum init --data ./node", "a node, and a chain for development"),
                ("vinculum init key --data ./node", "a validator's key, for a chain that somebody else begins"),
                ("vinculum init site --help", "what a site needs"),
            ],
            limits: "Never overwrites: a folder with files of a node or site is refused.",
            exits: [.ok, .failed, .usage, .notFound, .exists]
        ).text,
        subcommands: [InitNode.self, InitKey.self, InitSite.self], defaultSubcommand: InitNode.self)
}

struct InitNode: VinculumCommand {
    static let configuration = CommandConfiguration(
        commandName: "node",
        abstract: "Make a node's folder: keys, configuration and a chain of its own for development.",
        discussion: HelpText(
            why: "After it one command starts the node. All new tokens belong to the key of the account 'main'.",
            examples: [
                ("vinculum init", "in ~/.vinculum"),
                ("vinculum init node --data ./node --tokens 5000000", "elsewhere, with another supply"),
                ("vinculum init --profile staging", "a chain whose engine can be changed while it runs"),
                ("vinculum init --stake 100000", "a chain whose validators are elected by stake"),
                ("vinculum init --listen /ip4/0.0.0.0/tcp/4001", "one that other nodes can join"),
                ("vinculum init --join genesis.dagcbor --peer ADDRESS", "a node of a chain that is there already"),
                (
                    "vinculum init --consensus pos --validator ACCOUNT --validator ACCOUNT --validator ACCOUNT "
                        + "--listen /ip4/0.0.0.0/tcp/4001", "a chain of four validators: this node and three others"
                ),
                (
                    "vinculum init --consensus etcd --validator ACCOUNT --validator ACCOUNT "
                        + "--etcd-endpoint https://HOST:2379 --etcd-ca ca.pem --listen /ip4/0.0.0.0/tcp/4001",
                    "a chain of three validators in the order of an etcd cluster"
                ),
                (
                    "vinculum init --join genesis.dagcbor --peer ADDRESS --checkpoint HEIGHT:ID",
                    "the same, from a snapshot"
                ),
            ],
            limits: "Never overwrites: a folder with a node's files is refused. Killed midway, it goes on when run "
                + "again.",
            exits: [.ok, .failed, .usage, .notFound, .exists, .notProven]
        ).text)

    @Option(
        help: ArgumentHelp(
            "Join the chain of this genesis: the node follows it, and makes none of its own.", valueName: "file"))
    var join: String?
    @Option(
        help: ArgumentHelp(
            "Where other nodes reach this one; may be given again (network.listen).", valueName: "address"))
    var listen: [String] = []
    @Option(
        help: ArgumentHelp("A peer that is always dialled, with its id; may be given again.", valueName: "address"))
    var peer: [String] = []
    @Option(
        help: ArgumentHelp(
            "Begin from a snapshot at a block that you trust, HEIGHT:ID as `vinculum ledger head` shows it "
                + "(network.checkpoint).", valueName: "checkpoint"))
    var checkpoint: String?
    @Option(
        help: ArgumentHelp(
            "The least time from a waiting transaction to its block, a parameter of the new chain; 10 for solo, 2 "
                + "for the others.", valueName: "milliseconds"))
    var blockInterval: UInt16?
    @Option(
        help: ArgumentHelp(
            "Begin with the choices of a profile, by its name in etc/profiles or as a file; options go before it.",
            valueName: "profile"))
    var profile: String?
    @Option(
        help: ArgumentHelp(
            "Who orders the new chain's blocks: solo (the default), pos, poc or etcd.", valueName: "engine"))
    var consensus: ChainConsensus?
    @Option(
        help: ArgumentHelp(
            "Another validator of the new chain, as its `vinculum init key` shows it; may be given again.",
            valueName: "account"))
    var validator: [String] = []
    @Option(help: "The chain's name (default: development).") var name: String?
    @Option(help: ArgumentHelp("Tokens that the account 'main' gets (default: 1000000).", valueName: "amount"))
    var tokens: String?
    @Option(
        help: ArgumentHelp(
            "Of these, tokens that the node validates with: the new chain has staking.", valueName: "amount"))
    var stake: String?
    @Option(
        help: ArgumentHelp(
            "Who may change the engine while the new chain runs: operator (the account 'main') or validators; "
                + "nobody if left out.", valueName: "who"))
    var swap: SwapRule?
    @OptionGroup var etcd: EtcdOptions
    @OptionGroup var folder: FolderOptions
    @OptionGroup var output: OutputOptions

    func execute() async throws -> ExitStatus {
        if join != nil, profile != nil || !validator.isEmpty || consensus != nil || swap != nil {
            throw ValidationError("--join takes consensus and validators from the genesis")
        }
        let choices = try profile.map { try ChainProfile(named: $0) } ?? ChainProfile()
        let consensus = consensus ?? choices.consensus
        let swap = swap ?? choices.swap
        let others = try consensus.keys(validator, isSwappable: swap != nil)
        let supply = try CallOptions.amount(tokens ?? choices.tokens)
        let staking = try (stake ?? choices.stake).map { try CallOptions.amount($0) }
        if let staking, staking > supply { throw ValidationError("--stake is more than --tokens") }
        let root = folder.folder
        let made = UnfinishedFolder(root: root, last: "node.toml")
        try made.begin(
            mode: 0o700, others: ["genesis.dagcbor", "keys/node.key", "keys/main.key", "keys/aggregator.key"],
            hint: "choose another folder with --data, or start that node with `vinculum run`")
        let joined = try join.map { try Self.genesis($0) }
        let mayChange = joined.map { $0.sections[ConsensusPaths.module] != nil } ?? (swap != nil)
        let plugin = try etcd.table(engine: joined?.engine ?? consensus.engine, mayChange: mayChange)
        let settings = try networkSettings()
        let key = try made.key("node").publicKey
        if let joined { return try follow(joined, key, settings, plugin, made, root) }
        let owner = try made.key("main")
        _ = try made.key("aggregator")
        let account = AccountID(owner.publicKey)
        let chain = NewChain(
            name: name ?? choices.name, consensus: consensus, blockInterval: blockInterval ?? choices.blockInterval,
            supply: supply, stake: staking,
            owner: account, key: key, others: others, swap: swap)
        let genesis = try chain.genesis(timeMilliseconds: Self.now())
        _ = try BearerToken.loadOrCreate(at: "\(root)/keys/api.token")
        try DurableFile.replace("\(root)/genesis.dagcbor", with: genesis.encoded())
        try made.finish(
            NodeConfiguration.schema.documentedFile(
                settings.merging(["aggregator.key_file": .text("keys/aggregator.key")]) { one, _ in one }) + plugin)
        let next = root == FolderOptions.usualFolder ? "vinculum run" : "vinculum run --data \(root)"
        output.emit(
            "init",
            CBORMap([
                ("folder", .text(root)), ("chain", .text(genesis.chain.text)), ("account", .text(account.text)),
                ("next", .text(next)),
            ])
        ) { style in
            var facts = FactList()
            facts.add("folder", root)
            facts.add("chain", genesis.chain.text)
            facts.add("account", "main  \(account.text)  \(supply) tokens")
            if !others.isEmpty {
                facts.add("validators", "\(others.count + 1), engine \(consensus.rawValue)")
                facts.add("genesis", "\(root)/genesis.dagcbor, for `vinculum init --join` of the others")
            }
            return facts.text(style) + "\n\nStart it with:\n  \(style.bold(next))"
        }
        return .ok
    }

    /// The folder of a node that follows a chain which others have begun.
    private func follow(
        _ genesis: Genesis, _ key: PublicKey, _ settings: [String: ConfigurationValue], _ plugin: String,
        _ made: UnfinishedFolder, _ root: String
    ) throws -> ExitStatus {
        _ = try BearerToken.loadOrCreate(at: "\(root)/keys/api.token")
        try DurableFile.replace("\(root)/genesis.dagcbor", with: genesis.encoded())
        try made.finish(NodeConfiguration.schema.documentedFile(settings) + plugin)
        let next = root == FolderOptions.usualFolder ? "vinculum run" : "vinculum run --data \(root)"
        output.emit(
            "init",
            CBORMap([
                ("folder", .text(root)), ("chain", .text(genesis.chain.text)), ("account", .null),
                ("next", .text(next)),
            ])
        ) { style in
            var facts = FactList()
            facts.add("folder", root)
            facts.add("chain", "\(genesis.chain.text) (\(genesis.name))")
            facts.add(
                "role",
                genesis.validators.power(of: key) == nil
                    ? "follows: its key is in no validator set"
                    : "validator, one of \(genesis.validators.validators.count)")
            return facts.text(style) + "\n\nStart it with:\n  \(style.bold(next))"
        }
        return .ok
    }

    private static func genesis(_ path: String) throws -> Genesis {
        let bytes: [UInt8]
        do { bytes = try DurableFile.read(path, limitBytes: 16 << 20) } catch {
            throw CommandFailure(.notFound, "\(error)", hint: "copy genesis.dagcbor from a node of the chain")
        }
        do { return try Genesis.decode(bytes) } catch {
            throw CommandFailure(.notProven, "\(path) is no genesis: \(error)")
        }
    }

    /// The keys of `[network]` that were given, checked as the node checks them when it starts.
    private func networkSettings() throws -> [String: ConfigurationValue] {
        var settings: [String: ConfigurationValue] = [:]
        if !listen.isEmpty { settings["network.listen"] = .list(listen.map { .text($0) }) }
        if let checkpoint { settings["network.checkpoint"] = .text(checkpoint) }
        if !peer.isEmpty { settings["network.peers"] = .list(peer.map { .text($0) }) }
        guard !settings.isEmpty else { return [:] }
        do throws(ConfigurationError) {
            let resolved = try ResolvedConfiguration(
                schema: NodeConfiguration.schema, text: NodeConfiguration.schema.documentedFile(settings),
                file: "node.toml")
            _ = try NodeConfiguration(resolved: resolved, baseFolder: "/").network()
        } catch {
            throw ValidationError(error.problems.map { "\($0.key ?? "network"): \($0.reason)" }.joined(separator: "\n"))
        }
        return settings
    }

    private static func now() -> UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return UInt64(time.tv_sec) * 1000 + UInt64(time.tv_nsec) / 1_000_000
    }
}
