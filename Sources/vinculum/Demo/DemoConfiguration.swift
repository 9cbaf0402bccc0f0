import Federation
import Node
import Primitives

/// The configuration files of a demo, from the same schemas that read them.
struct DemoConfiguration: Sendable {
    let folder: DemoFolder
    let tools: Installation
    let plan: DemoPlan
    let task: DemoTask
    let requester: AccountID
    let aggregator: AccountID
    /// Where tasks run, if not in the sites' folders.
    let taskFolder: String?
    /// Nil where one node decides alone.
    let network: DemoNetwork?

    // What is paid, in tokens.
    static let requesterTokens: UInt64 = 10_000
    static let siteTokens: UInt64 = 1
    static let auditors = 3
    static let quorum = 2

    var node: String {
        var values: [String: ConfigurationValue] = [
            "node.data_folder": .text("."), "node.key_file": .text("keys/node.key"),
            "node.genesis_file": .text("../genesis.dagcbor"),
            "ledger.snapshot_every_blocks": .integer(200), "aggregator.key_file": .text("keys/aggregator.key"),
            // The demo measures the model of every round, also when it goes on after the job has ended.
            "objects.folder": .text("objects"), "objects.remove_settled": .boolean(false),
            "api.unix_socket": .text("api.sock"), "api.tcp_port": .integer(0),
        ]
        values.merge(common(1)) { one, _ in one }
        return ConfigurationText.file(
            NodeConfiguration.schema, heading: "The demo's node: it keeps the ledger, and aggregates.", values)
    }

    /// Another validator: it decides, and does nothing else.
    func validator(_ number: Int) -> String {
        var values: [String: ConfigurationValue] = [
            "node.data_folder": .text("."), "node.key_file": .text("keys/node.key"),
            "node.genesis_file": .text("../../genesis.dagcbor"), "objects.folder": .text("objects"),
            "api.unix_socket": .text("api.sock"), "api.tcp_port": .integer(0),
        ]
        values.merge(common(number)) { one, _ in one }
        return ConfigurationText.file(
            NodeConfiguration.schema, heading: "A validator of the demo: it decides on blocks with the others.", values)
    }

    private func common(_ number: Int) -> [String: ConfigurationValue] {
        var values: [String: ConfigurationValue] = ["plugins.folder": .text(tools.pluginFolder)]
        if let keys = tools.trustedKeysFolder { values["plugins.trusted_keys_folder"] = .text(keys) }
        if let network {
            values["network.listen"] = .list([.text(network.address(number))])
            values["network.peers"] = .list(network.peers(of: number).map { .text($0) })
        }
        return values
    }

    func site(_ site: DemoPlan.Site, band: Int, epsilonTotal: Double, trainer: Digest) -> String {
        ConfigurationText.file(
            SitePolicy.schema, heading: "\(site.name): a data owner's policy, enforced by the site itself.",
            [
                "site.name": .text(site.name), "site.key_file": .text("keys/site.key"),
                "site.data_folder": .text("state"), "site.task_folder": .text(taskFolder ?? "tasks"),
                "site.nodes": .list([.text("unix:\(folder.nodeSocket)")]),
                "site.genesis_file": .text("../../genesis.dagcbor"), "dataset.name": .text("images"),
                "dataset.path": .text("data/train.safetensors"), "dataset.size_band": .integer(Int64(band)),
                "policy.requesters": .list([.text(requester.text)]),
                "policy.purposes": .list([.text(DemoTask.purpose)]),
                "policy.trainers": .list([.text(trainer.hex)]),
                "policy.verifiers": .list([.text("org.vinculum.verify-spotcheck")]),
                "policy.shown": .list([.text("single-updates")]),
                "policy.least_members": .integer(Int64(leastMembers)), "policy.commit_step_ms": .integer(20),
                "guarantee.unit": .text("record"), "guarantee.relation": .text("add-or-remove"),
                "guarantee.delta": .decimal(DemoTask.delta), "guarantee.adversary": .text("everyone"),
                "guarantee.epsilon_per_job": .decimal(DemoTask.epsilon),
                "budget.epsilon_total": .decimal(epsilonTotal), "compute.offer": .boolean(true),
            ])
    }

    func job(members: [AccountID], trainer: Digest, model: CID, holdout: CID) throws -> String {
        let prices = prices
        return ConfigurationText.file(
            JobFile.schema, heading: "The demo's job: what is trained, under which guarantee, and what is paid.",
            [
                "job.name": .text("demo"), "job.purpose": .text(DemoTask.purpose),
                "job.rounds": .integer(Int64(plan.options.rounds)),
                "members.invited": .list(members.map { .text($0.text) }),
                "members.least": .integer(Int64(leastMembers)), "model.descriptor": .text(task.descriptor),
                "model.initial": .text(model.text),
                "model.seed": .integer(Int64(DemoTask.modelSeed(plan.options.seed))),
                "training.trainer": .text(trainer.hex), "training.input_factor": .decimal(task.inputFactor),
                "training.input_offset": .decimal(task.inputOffset),
                "privacy.grid_bits": .integer(Int64(DemoTask.gridBits)),
                "privacy.clip": .decimal(DemoTask.clip), "privacy.unit": .text("record"),
                "privacy.relation": .text("add-or-remove"), "privacy.delta": .decimal(DemoTask.delta),
                "privacy.adversary": .text("everyone"), "privacy.epsilon": .decimal(DemoTask.epsilon),
                "aggregation.server_learning_rate": .decimal(DemoTask.serverLearningRate),
                "aggregation.server_momentum": .decimal(DemoTask.serverMomentum),
                "aggregation.account": .text(aggregator.text), "verification.holdout": .text(holdout.text),
                "verification.auditors": .integer(Int64(Self.auditors)),
                "verification.quorum": .integer(Int64(Self.quorum)),
                "payment.escrow": .text("\(try escrow(members: members.count))"),
                "payment.base": .text("\(prices.base)"), "payment.score_pool": .text("\(prices.scorePool)"),
                "payment.auditor_fee": .text("\(prices.auditorFee)"),
                "payment.aggregator_fee": .text("\(prices.aggregatorFee)"),
                "payment.held_back_share": .decimal(0.2), "payment.fee_allowance": .text("\(prices.feeAllowance)"),
            ])
    }

    /// In tokens, and held back shares in millionths.
    private var prices: PaymentTerms {
        PaymentTerms(
            base: Amount(tokens: 1), scorePool: Amount(tokens: UInt64(plan.options.sites)),
            auditorFee: Amount(baseUnits: Amount.baseUnitsPerToken / 5), aggregatorFee: Amount(tokens: 1),
            heldBackMillionths: 200_000, feeAllowance: Amount(tokens: 1))
    }

    /// What the job promises at most, to the unit.
    private func escrow(members: Int) throws(AmountError) -> Amount {
        let prices = prices
        let auditors = UInt64(Self.auditors) * UInt64(JobTerms.largestDraw)
        let round = try prices.base.multiplied(by: UInt64(members)).adding(prices.scorePool)
            .adding(prices.auditorFee.multiplied(by: auditors)).adding(prices.aggregatorFee)
        return try round.multiplied(by: UInt64(plan.options.rounds)).adding(prices.feeAllowance)
    }

    /// Half of the sites: a demo goes on without those that are proven to cheat.
    private var leastMembers: Int { max(2, plan.options.sites / 2) }
}
