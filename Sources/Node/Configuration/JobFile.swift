import Federation
import PluginHost
import Primitives
import Privacy
import Training

/// A requester's file, `job.toml`: what is to be trained, under which guarantee, and what is paid. Costs per round and
/// plugin versions are added when it is submitted, from the plugins that the node has.
public struct JobFile: Sendable {
    public let resolved: ResolvedConfiguration
    /// The model's shape, as `model.descriptor` says.
    public let architecture: DenseArchitecture
    private let file: String
    private let locator: KeyLocator
    public let members: [AccountID]
    /// Nil lets the node that takes the job aggregate.
    public let aggregator: AccountID?
    /// Nil stands for the trainer that ships with the program that submits the job.
    public let trainer: Digest?
    /// Nil makes a model with random weights from `model.seed`.
    public let initialModel: CID?
    public let holdout: CID?

    public var name: String { resolved.text("job.name") }
    public var purpose: String { resolved.text("job.purpose") }
    public var rounds: UInt32 { UInt32(clamping: resolved.integer("job.rounds")) }
    public var leastMembers: UInt32 { UInt32(clamping: resolved.integer("members.least")) }
    public var modelDescriptor: String { resolved.text("model.descriptor") }
    public var modelSeed: UInt64 { UInt64(clamping: resolved.integer("model.seed")) }
    public var inputFactor: Double { resolved.decimal("training.input_factor") }
    public var inputOffset: Double { resolved.decimal("training.input_offset") }
    public var serverMomentum: Double { resolved.decimal("aggregation.server_momentum") }
    public var gridBits: Int { resolved.integer("privacy.grid_bits") }
    public var clip: Double { resolved.decimal("privacy.clip") }
    public var privacyPlugin: String { resolved.text("privacy.plugin") }
    public var aggregationRule: String { resolved.text("aggregation.rule") }
    public var serverLearningRate: Double { resolved.decimal("aggregation.server_learning_rate") }
    public var verifiers: [String] { resolved.list("verification.plugins") }
    public var auditorsPerRound: UInt32 { UInt32(clamping: resolved.integer("verification.auditors")) }
    public var quorum: UInt32 { UInt32(clamping: resolved.integer("verification.quorum")) }
    public var guarantee: Guarantee { GuaranteeKeys.read(resolved, section: "privacy", epsilonName: "epsilon") }
    public var escrow: Amount { resolved.amount("payment.escrow") }
    public var payment: PaymentTerms {
        PaymentTerms(
            base: resolved.amount("payment.base"), scorePool: resolved.amount("payment.score_pool"),
            auditorFee: resolved.amount("payment.auditor_fee"),
            aggregatorFee: resolved.amount("payment.aggregator_fee"),
            heldBackMillionths: UInt32(resolved.decimal("payment.held_back_share") * 1e6 + 0.5),
            feeAllowance: resolved.amount("payment.fee_allowance"))
    }
    public var deadlines: PhaseDeadlines {
        func milliseconds(_ name: String) -> UInt64 { UInt64(clamping: resolved.integer("deadlines.\(name)_ms")) }
        return PhaseDeadlines(
            acceptMilliseconds: milliseconds("accept"), commitMilliseconds: milliseconds("commit"),
            revealMilliseconds: milliseconds("reveal"), auditMilliseconds: milliseconds("audit"),
            proposeMilliseconds: milliseconds("propose"), confirmMilliseconds: milliseconds("confirm"))
    }

    /// - Throws: every problem of the file at once.
    public init(
        text: String, file: String, environment: [String: String] = [:], flags: [String: String] = [:]
    ) throws(ConfigurationError) {
        let resolved = try ResolvedConfiguration(
            schema: Self.schema, text: text, file: file, environment: environment, flags: flags)
        let locator = KeyLocator(text)
        var problems = GuaranteeKeys.problems(resolved, section: "privacy")
        func problem(_ key: String, _ reason: String, hint: String? = nil) {
            problems.append(.init(key: key, line: locator.line(of: key), reason: reason, hint: hint))
        }
        func optional<Value>(_ key: String, _ what: String, _ parse: (String) -> Value?) -> Value? {
            let text = resolved.text(key)
            guard !text.isEmpty else { return nil }
            let value = parse(text)
            if value == nil { problem(key, "is \(ConfigurationValue.quoted(String(text.prefix(80)))), not \(what)") }
            return value
        }
        var accounts: [AccountID] = []
        for text in resolved.list("members.invited") {
            if let account = try? AccountID(text: text) {
                if accounts.contains(account) { problem("members.invited", "lists \(text) twice") }
                accounts.append(account)
            } else {
                problem(
                    "members.invited",
                    "lists \(ConfigurationValue.quoted(String(text.prefix(80)))), which is not an account (did:key:z…)")
            }
        }
        members = accounts.sorted()
        aggregator = optional("aggregation.account", "an account (did:key:z…)") { try? AccountID(text: $0) }
        trainer = optional("training.trainer", "a digest of 64 hexadecimal digits") { try? Digest(hex: $0) }
        initialModel = optional("model.initial", "a CID") { try? CID(text: $0) }
        holdout = optional("verification.holdout", "a CID") { try? CID(text: $0) }
        if members.isEmpty || members.count > JobTerms.maximumMembers {
            problem("members.invited", "lists \(members.count) accounts; 1 to \(JobTerms.maximumMembers) are possible")
        } else if resolved.integer("members.least") > members.count {
            problem("members.least", "is more than the \(members.count) accounts of members.invited")
        }
        let auditors = resolved.integer("verification.auditors")
        let quorum = resolved.integer("verification.quorum")
        if quorum > auditors || quorum * 2 <= auditors {
            problem(
                "verification.quorum", "is \(quorum); it has to be more than half of the \(auditors) auditors",
                hint: "\(auditors / 2 + 1) to \(auditors)")
        }
        if (1...8).contains(resolved.list("verification.plugins").count) == false {
            problem("verification.plugins", "has to name 1 to 8 verifiers")
        }
        var architecture: DenseArchitecture?
        do throws(TrainingError) { architecture = try Self.architecture(resolved.text("model.descriptor")) } catch {
            problem("model.descriptor", error.reason, hint: "such as mlp/784-64-10")
        }
        do throws(TrainingError) {
            _ = try PrivateGradient(
                clip: resolved.decimal("privacy.clip"), scaleBits: resolved.integer("privacy.grid_bits"))
        } catch {
            problem("privacy.clip", "does not fit the grid: \(error.reason)", hint: "clip times 2^grid_bits up to 2^40")
        }
        // What no trainer that ships keeps to would be refused by every member, after the escrow is locked.
        if resolved.text("aggregation.rule") != "mean" {
            let rule = ConfigurationValue.quoted(resolved.text("aggregation.rule"))
            problem("aggregation.rule", "is \(rule), which nobody computes", hint: "mean")
        }
        guard problems.isEmpty, let architecture else { throw ConfigurationError(file: file, problems: problems) }
        self.architecture = architecture
        self.resolved = resolved
        self.file = file
        self.locator = locator
    }

    private static func architecture(_ descriptor: String) throws(TrainingError) -> DenseArchitecture {
        guard descriptor.hasPrefix(TrainingTerms.descriptorPrefix) else {
            throw TrainingError(
                .malformed, "is \(ConfigurationValue.quoted(String(descriptor.prefix(80)))), which is no mlp/WIDTHS",
                at: "model.descriptor")
        }
        return try DenseArchitecture(String(descriptor.dropFirst(TrainingTerms.descriptorPrefix.count)))
    }

    /// A problem that shows only when the job is planned, with its place in the file.
    func problem(_ key: String, _ reason: String) -> ConfigurationError {
        ConfigurationError(file: file, problems: [.init(key: key, line: locator.line(of: key), reason: reason)])
    }
}
