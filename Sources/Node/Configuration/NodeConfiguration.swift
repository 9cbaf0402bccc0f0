import PluginHost
import Primitives

/// The node's own file, `node.toml`, typed. Paths are relative to the folder of the file.
public struct NodeConfiguration: Sendable {
    public let resolved: ResolvedConfiguration
    /// The folder that relative paths start from.
    public let baseFolder: String

    public init(resolved: ResolvedConfiguration, baseFolder: String) {
        self.resolved = resolved
        self.baseFolder = baseFolder
    }

    public var dataFolder: String { path("node.data_folder") }
    public var keyFile: String { path("node.key_file") }
    public var genesisFile: String { path("node.genesis_file") }
    public var snapshotEveryBlocks: Int { resolved.integer("ledger.snapshot_every_blocks") }
    /// 0 keeps all.
    public var keepBlocks: UInt64 { UInt64(clamping: resolved.integer("ledger.keep_blocks")) }
    public var durability: String { resolved.text("ledger.durability") }
    public var mempoolPerAccount: Int { resolved.integer("mempool.per_account") }
    public var mempoolLimitBytes: Int { resolved.integer("mempool.limit_bytes") }
    /// Nil when this node does not aggregate.
    public var aggregatorKeyFile: String? {
        resolved.text("aggregator.key_file").isEmpty ? nil : path("aggregator.key_file")
    }
    /// Whether the node judges other validators' work, where that counts.
    public var appraises: Bool { resolved.boolean("staking.appraise") }
    /// Scores of 0 to 1,000,000 that the operator gives; what is no account with a score was refused when it was read.
    public var appraisals: [AccountID: UInt64] {
        Dictionary(resolved.list("staking.appraisals").compactMap { Self.appraisal($0) }) { $1 }
    }

    /// ACCOUNT=SCORE, the score from 0 to 1 with up to six decimals; nil for anything else.
    static func appraisal(_ text: String) -> (AccountID, UInt64)? {
        guard let equals = text.lastIndex(of: "="), let account = try? AccountID(text: String(text[..<equals])),
            let score = try? Amount(String(text[text.index(after: equals)...])), score <= Amount(tokens: 1)
        else { return nil }
        return (account, UInt64(score.baseUnits / (Amount.baseUnitsPerToken / 1_000_000)))
    }

    /// - Throws: `ConfigurationError` naming the entry that is no account with a score.
    func checkAppraisals() throws(ConfigurationError) {
        guard let wrong = resolved.list("staking.appraisals").first(where: { Self.appraisal($0) == nil }) else {
            return
        }
        throw ConfigurationError(
            file: "node.toml",
            problems: [
                ConfigurationError.Problem(
                    key: "staking.appraisals", reason: "'\(wrong)' is no account with a score from 0 to 1",
                    hint: "such as \"did:key:z…=0.75\"")
            ])
    }

    public var objectFolder: String { path("objects.folder") }
    public var objectLimitBytes: Int { resolved.integer("objects.object_limit_bytes") }
    /// How many settled rounds of a running job keep all that they name.
    public var keptRounds: UInt32 { UInt32(clamping: resolved.integer("objects.keep_rounds")) }
    /// False: what settled rounds and ended jobs name stays for good.
    public var removesSettledObjects: Bool { resolved.boolean("objects.remove_settled") }
    public var objectStoreLimitBytes: Int { resolved.integer("objects.store_limit_bytes") }
    public var pluginFolder: String {
        resolved.text("plugins.folder").isEmpty ? InstallPrefix.pluginFolder : path("plugins.folder")
    }
    public var trustedKeysFolder: String {
        resolved.text("plugins.trusted_keys_folder").isEmpty
            ? "\(InstallPrefix.configurationFolder)/trusted-keys" : path("plugins.trusted_keys_folder")
    }
    public var allowedUnsigned: [String] { resolved.list("plugins.allow_unsigned_sha256") }
    public var isolationPolicy: IsolationPolicy { PluginKeys.policy(resolved) }
    /// - Throws: `ConfigurationError` naming the address that is none.
    public func network() throws(ConfigurationError) -> NetworkConfiguration {
        try NetworkConfiguration(resolved, keyFile: path("network.key_file"), folder: path("network.folder"))
    }
    public var logLevel: String { resolved.text("log.level") }
    public var logFormat: String { resolved.text("log.format") }
    /// Nil where the socket is switched off.
    public var unixSocket: String? { resolved.text("api.unix_socket").isEmpty ? nil : path("api.unix_socket") }
    public var tcpHost: String { resolved.text("api.tcp_host") }
    /// Nil where TCP is switched off.
    public var tcpPort: Int? { resolved.integer("api.tcp_port") == 0 ? nil : resolved.integer("api.tcp_port") }
    public var tokenFile: String { path("api.token_file") }
    public var bodyLimitBytes: Int { resolved.integer("api.body_limit_bytes") }
    public var requestTimeout: Duration { resolved.milliseconds("api.request_timeout_ms") }
    public var waitLimit: Duration { resolved.milliseconds("api.wait_limit_ms") }
    public var connectionLimit: Int { resolved.integer("api.connection_limit") }

    /// A plugin's own table in the form that plugins take.
    public func pluginSettings(_ id: String) throws(PluginError) -> [String: String] {
        try PluginKeys.settings(of: id, resolved)
    }

    private func path(_ key: String) -> String { absolutePath(resolved.text(key), from: baseFolder) }

    public static let schema = ConfigurationSchema(
        title: "Configuration of a Vinculum node.",
        sections: [
            "node": "Who this node is.",
            "ledger": "What is stored, and how safely.",
            "mempool": "Transactions that wait for a block.",
            "api": "The local HTTP interface. A Unix socket is guarded by its file mode (0600), TCP by a bearer token.",
            "aggregator": "Aggregating updates for jobs that name this node's aggregator account.",
            "staking": "What the node does for its validator, on chains whose power follows contribution.",
            "objects": "Content-addressed files: models, updates, evidence.",
            "network": "Other nodes of the same chain. Without an address, a peer or mDNS the node stays by itself.",
            "plugins": "Which plugins are loaded. A plugin's own settings go in [plugin.ID]; the plugin checks them.",
            "log": "What the node writes to standard error.",
        ],
        openTables: ["plugin"],
        keys: nodeKeys + NetworkConfiguration.keys + apiKeys)

    private static let nodeKeys: [ConfigurationKey] = ledgerKeys + PluginKeys.keys + logKeys

    private static let ledgerKeys: [ConfigurationKey] = [
        .init(
            "node.data_folder", .text(choices: nil), default: .text("."),
            "Where the ledger and its snapshots live. Relative paths start from the folder of this file."),
        .init(
            "node.key_file", .text(choices: nil), default: .text("keys/node.key"),
            "The node's Ed25519 key, mode 0600."),
        .init(
            "node.genesis_file", .text(choices: nil), default: .text("genesis.dagcbor"),
            "The genesis document: validators, consensus plugin, first balances. Its CID is the chain's id."),
        .init(
            "ledger.snapshot_every_blocks", .integer(10...10_000_000), default: .integer(10_000), unit: "blocks",
            "How often a snapshot of the state is written; a restart reads the last one and the blocks after it."),
        .init(
            "ledger.keep_blocks", .integer(0...(.max)), default: .integer(0), unit: "blocks",
            "How many blocks are kept in full, and those since the last snapshot; 0 keeps all. Older ones "
                + "answer 'pruned'."
        ),
        .init(
            "ledger.durability", .text(choices: ["full", "normal"]), default: .text("full"),
            "full: nothing acknowledged is lost in a power failure. normal: the last blocks may be; not for validators."
        ),
        .init(
            "mempool.per_account", .integer(1...4096), default: .integer(64), unit: "transactions",
            "How many transactions of one account may wait."),
        .init(
            "mempool.limit_bytes", .integer(1_048_576...17_179_869_184), default: .integer(67_108_864), unit: "bytes",
            "Memory for waiting transactions."),
        .init(
            "aggregator.key_file", .text(choices: nil), default: .text(""),
            "The aggregator's Ed25519 key, mode 0600; empty: this node aggregates for nobody."),
        .init(
            "staking.appraise", .boolean, default: .boolean(true),
            "Say once an epoch what other validators' work is worth, by what the ledger knows of it. The account of "
                + "the node's key pays, and earns nothing by it: its validator does."),
        .init(
            "staking.appraisals", .textList, default: .list([]), example: .list([]),
            "Scores that go before what the ledger knows, such as \"did:key:z…=0.75\"."),
        .init(
            "objects.folder", .text(choices: nil), default: .text("objects"), "Where objects are kept."),
        .init(
            "objects.object_limit_bytes", .integer(1024...1_099_511_627_776), default: .integer(1_073_741_824),
            unit: "bytes", "The largest object that is taken."),
        .init(
            "objects.store_limit_bytes", .integer(1_048_576...(.max)), default: .integer(107_374_182_400),
            unit: "bytes",
            "All objects together; a full store refuses new ones."),
        .init(
            "objects.keep_rounds", .integer(Int64(EarlierUpdates.comparedRounds)...10_000), default: .integer(3),
            unit: "rounds",
            "How many settled rounds of a running job keep their updates, evidence and models. Auditors compare "
                + "with the last \(EarlierUpdates.comparedRounds). Of an ended job its last model stays."),
        .init(
            "objects.remove_settled", .boolean, default: .boolean(true),
            "False: the node removes nothing of settled rounds and ended jobs, so that each can be looked at later."),
        .init(
            "plugins.folder", .text(choices: nil), default: .text(""),
            "Where plugin libraries are installed; empty: lib/vinculum/plugins beside the program's folder."),
    ]

    private static let logKeys: [ConfigurationKey] = [
        .init(
            "log.level", .text(choices: ["error", "warning", "info", "debug"]), default: .text("info"),
            "The least severe message that is written."),
        .init(
            "log.format", .text(choices: ["text", "json"]), default: .text("text"),
            "Lines for people, or one JSON object a line."),
    ]

    private static let apiKeys: [ConfigurationKey] = [
        .init(
            "api.unix_socket", .text(choices: nil), default: .text("api.sock"),
            "Path of the Unix socket, at most 107 bytes, its folder at most 93; empty switches it off."),
        .init(
            "api.tcp_host", .text(choices: ["127.0.0.1", "::1"]), default: .text("127.0.0.1"),
            "The loopback address to listen on. To serve other machines, put a TLS proxy in front."),
        .init(
            "api.tcp_port", .integer(0...65_535), default: .integer(0), "The TCP port; 0 switches TCP off."),
        .init(
            "api.token_file", .text(choices: nil), default: .text("keys/api.token"),
            "The bearer token that TCP requests have to carry, mode 0600; made when it is missing."),
        .init(
            "api.body_limit_bytes", .integer(1024...67_108_864), default: .integer(1_048_576), unit: "bytes",
            "The largest request body, objects excepted (see objects.object_limit_bytes)."),
        .init(
            "api.request_timeout_ms", .integer(100...600_000), default: .integer(30_000), unit: "milliseconds",
            "How long a request's body may take to arrive, and a connection may stay silent within it."),
        .init(
            "api.wait_limit_ms", .integer(0...600_000), default: .integer(60_000), unit: "milliseconds",
            "The longest wait that a request for events or a receipt may ask for."),
        .init(
            "api.connection_limit", .integer(1...65_536), default: .integer(256), unit: "connections",
            "How many connections are served at once; further ones wait."),
    ]
}
