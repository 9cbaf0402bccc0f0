import Federation
import Market
import PluginHost
import Primitives
import Privacy
import TaskRunner

/// A data owner's file, `site.toml`: who the site is, its dataset, and what it permits. The site enforces it; nobody
/// else can change it.
public struct SitePolicy: Sendable {
    public let resolved: ResolvedConfiguration
    public let baseFolder: String
    public let requesters: [AccountID]
    public let trainers: [Digest]
    /// Digest of the file's text; it goes on the ledger with each acceptance.
    public let digest: Digest

    public var name: String { resolved.text("site.name") }
    public var keyFile: String { path("site.key_file") }
    public var dataFolder: String { path("site.data_folder") }
    public var taskFolder: String { path("site.task_folder") }
    public var nodes: [String] { resolved.list("site.nodes") }
    /// The file of each node's token, in the order of `nodes`; nil where there is none.
    public var tokenFiles: [String?] {
        let files = resolved.list("site.token_files").map { $0.isEmpty ? nil : absolutePath($0, from: baseFolder) }
        return nodes.indices.map { $0 < files.count ? files[$0] : nil }
    }
    public var genesisFile: String { path("site.genesis_file") }
    public var datasetName: String { resolved.text("dataset.name") }
    public var datasetPath: String { path("dataset.path") }
    public var sizeBand: Int { resolved.integer("dataset.size_band") }
    public var epsilonTotal: Double { resolved.decimal("budget.epsilon_total") }
    public var perJobShare: Double { resolved.decimal("budget.per_job_share") }
    public var trustedKeysFolder: String {
        resolved.text("plugins.trusted_keys_folder").isEmpty
            ? "\(InstallPrefix.configurationFolder)/trusted-keys" : path("plugins.trusted_keys_folder")
    }
    public var allowedUnsigned: [String] { resolved.list("plugins.allow_unsigned_sha256") }
    public var isolationPolicy: IsolationPolicy { PluginKeys.policy(resolved) }

    /// A plugin's own table in the form that plugins take.
    public func pluginSettings(_ id: String) throws(PluginError) -> [String: String] {
        try PluginKeys.settings(of: id, resolved)
    }

    /// What one task may use, whether it trains here or is a requester's.
    public var taskLimits: TaskDescription.Limits {
        let time = Duration.seconds(resolved.integer("policy.task_seconds"))
        return TaskDescription.Limits(
            memoryBytes: UInt64(resolved.integer("policy.task_memory_mib")) << 20, cpu: time, wall: time,
            outputBytes: UInt64(resolved.integer("policy.task_output_mib")) << 20, processes: 16)
    }
    /// The one privacy plugin that protects updates here.
    public var privacyPlugin: String { resolved.text("policy.privacy_plugin") }
    /// At whose multiples commitments leave.
    public var commitStep: Duration { .milliseconds(resolved.integer("policy.commit_step_ms")) }
    public var dryRun: Bool { resolved.boolean("policy.dry_run") }
    public var leastMembers: Int { resolved.integer("policy.least_members") }
    /// Nil where the owner lends nothing.
    public var compute: ComputeOffer? {
        guard resolved.boolean("compute.offer") else { return nil }
        return ComputeOffer(
            hardware: Hardware(
                cores: UInt32(clamping: resolved.integer("compute.cores")),
                memoryMebibytes: UInt32(clamping: resolved.integer("compute.memory_mib"))),
            pricePerUnit: resolved.amount("compute.price_per_unit"),
            uptimeMillionths: UInt32(resolved.decimal("compute.uptime") * 1e6 + 0.5),
            place: resolved.text("compute.place"), capacity: UInt32(clamping: resolved.integer("compute.capacity")))
    }
    public var weakest: Guarantee {
        GuaranteeKeys.read(resolved, section: "guarantee", epsilonName: "epsilon_per_job")
    }

    /// The most epsilon that a job may ask for: the guarantee's own limit, and a share of the whole budget where the
    /// owner sets one. The whole itself is no such limit: what is left of it says for how many rounds the site takes
    /// part.
    public var epsilonPerJob: Double {
        let limit = resolved.decimal("guarantee.epsilon_per_job")
        return perJobShare < 1 ? min(limit, epsilonTotal * perJobShare) : limit
    }

    /// The policy in the ledger's terms.
    public var rules: SiteRules {
        var guarantee = weakest
        guarantee.epsilonBillionths = UInt64(epsilonPerJob * 1e9 + 1e-3)
        let shown: [ShownUpdates] = resolved.list("policy.shown").compactMap { name in
            ["single-updates": .singleUpdates, "group-sums": .groupSums, "one-sum": .oneSum][name]
        }
        return SiteRules(
            requesters: requesters, purposes: resolved.list("policy.purposes"), trainers: trainers,
            mechanisms: [privacyPlugin], verifiers: resolved.list("policy.verifiers"),
            aggregations: resolved.list("policy.aggregations"), weakest: guarantee,
            limits: RenyiConversion.limits(epsilon: epsilonTotal, deltaTrillionths: guarantee.deltaTrillionths),
            shown: shown,
            minimumMembers: UInt32(clamping: leastMembers),
            minimumBasePay: resolved.amount("policy.least_base_pay"),
            minimumCommitMilliseconds: UInt64(clamping: resolved.integer("policy.least_commit_ms")), digest: digest)
    }

    /// - Throws: every problem of the file at once.
    public init(
        text: String, file: String, baseFolder: String, environment: [String: String] = [:],
        flags: [String: String] = [:]
    ) throws(ConfigurationError) {
        let resolved = try ResolvedConfiguration(
            schema: Self.schema, text: text, file: file, environment: environment, flags: flags)
        var problems = GuaranteeKeys.problems(resolved, section: "guarantee")
        let locator = KeyLocator(text)
        func parse<Value>(_ key: String, _ what: String, _ one: (String) -> Value?) -> [Value] {
            resolved.list(key).compactMap { item in
                if let value = one(item) { return value }
                problems.append(
                    .init(
                        key: key, line: locator.line(of: key),
                        reason: "lists \(ConfigurationValue.quoted(String(item.prefix(80)))), which is not \(what)"))
                return nil
            }
        }
        requesters = parse("policy.requesters", "an account (did:key:z…)") { try? AccountID(text: $0) }
        trainers = parse("policy.trainers", "a digest of 64 hexadecimal digits") { try? Digest(hex: $0) }
        let shown = ["single-updates", "group-sums", "one-sum"]
        _ = parse("policy.shown", "one of \(shown.joined(separator: ", "))") { shown.contains($0) ? $0 : nil }
        if resolved.list("policy.requesters").isEmpty, !resolved.boolean("policy.any_requester") {
            problems.append(
                .init(
                    key: "policy.requesters", line: locator.line(of: "policy.requesters"), reason: "is empty",
                    hint: "list accounts, or set policy.any_requester = true to consider everybody's jobs"))
        }
        if resolved.list("site.token_files").count > resolved.list("site.nodes").count {
            problems.append(
                .init(
                    key: "site.token_files", line: locator.line(of: "site.token_files"),
                    reason: "lists more files than site.nodes lists nodes"))
        }
        if resolved.text("compute.place").utf8.count > 16 {
            problems.append(
                .init(key: "compute.place", line: locator.line(of: "compute.place"), reason: "has more than 16 bytes"))
        }
        if !problems.isEmpty { throw ConfigurationError(file: file, problems: problems) }
        self.resolved = resolved
        self.baseFolder = baseFolder
        digest = Digest.blake2b256(Array(text.utf8))
    }

    private func path(_ key: String) -> String { absolutePath(resolved.text(key), from: baseFolder) }
}
