extension SitePolicy {
    public static let schema = ConfigurationSchema(
        title: "A site: a data owner's identity, dataset and policy. The site enforces it on every job.",
        sections: [
            "site": "Who this site is and which node it asks. Answers are checked against certified headers.",
            "dataset": "The data that stays here.",
            "policy": "Which jobs are considered. A job that breaks a rule is refused with that rule's code.",
            "guarantee": "The weakest privacy guarantee that is accepted.",
            "compute":
                "Lending this machine to tasks over public inputs, for tokens. The data above is never part of it.",
            "budget": "How much privacy may be spent, over all jobs together. The ledger keeps the account.",
            "plugins":
                "Where this site's plugins run. A plugin's own settings go in [plugin.ID]; the plugin checks them.",
        ],
        openTables: ["plugin"],
        keys: siteKeys + policyKeys + computeKeys
            + GuaranteeKeys.keys(
                section: "guarantee", epsilonName: "epsilon_per_job", epsilonMeaning: "The most epsilon for one job.",
                verb: "one record, a person, or the site")
            + [
                .init(
                    required: "budget.epsilon_total", .decimal(1e-6...1000), example: .decimal(8),
                    "The epsilon, at guarantee.delta, that all jobs together may cost this dataset."),
                .init(
                    "budget.per_job_share", .decimal(0.001...1), default: .decimal(1), example: .decimal(0.5),
                    "The share of the total that one job may reserve."),
            ] + PluginKeys.keys)

    private static let siteKeys: [ConfigurationKey] = [
        .init(
            required: "site.name", .text(choices: nil), example: .text("north-hospital"),
            "A name for logs and tables; it does not go on the ledger."),
        .init(
            "site.key_file", .text(choices: nil), default: .text("keys/site.key"),
            "The site's Ed25519 key, mode 0600. Relative paths start from the folder of this file."),
        .init(
            "site.data_folder", .text(choices: nil), default: .text("."),
            "Where the site keeps its spending log and protected updates. Do not restore it from an old copy."),
        .init(
            "site.task_folder", .text(choices: nil), default: .text("tasks"),
            "Where tasks find their inputs. A site that root starts runs tasks as another user, who has to be "
                + "able to pass "
                + "the folders above."),
        .init(
            required: "site.nodes", .textList,
            example: .list([.text("unix:/run/vinculum/api.sock"), .text("http://127.0.0.1:7400")]),
            "Nodes to ask, in order of preference: unix:PATH or http://HOST:PORT."),
        .init(
            "site.token_files", .textList, default: .list([]),
            "Files of bearer tokens, mode 0600, one for each of site.nodes in their order; \"\" for a Unix "
                + "socket. A node "
                + "is shown its own token only."),
        .init(
            "site.genesis_file", .text(choices: nil), default: .text("genesis.dagcbor"),
            "The genesis that certified headers have to lead back to."),
        .init(
            required: "dataset.name", .text(choices: nil), example: .text("xrays-2026"),
            "A name that stays. With the site's key it says which budget on the ledger is this dataset's; it is "
                + "not shown there."
        ),
        .init(
            required: "dataset.path", .text(choices: nil), example: .text("data/train.safetensors"),
            "The records: a safetensors file with `inputs` (U8, records x width) and `labels` (U8)."),
        .init(
            required: "dataset.size_band", .integer(1...1_000_000_000_000), example: .integer(5000), unit: "records",
            "The public, rounded size by which this site is weighted; the exact count stays secret."),
    ]

    private static let policyKeys: [ConfigurationKey] = [
        .init(
            "policy.requesters", .textList, default: .list([]),
            example: .list([.text("did:key:z6MkiTBz1ymuepAQ4HEHYSF1H8quG5GLVVQR3djdX3mDooWp")]),
            "Accounts whose jobs are considered."),
        .init(
            "policy.any_requester", .boolean, default: .boolean(false),
            "Considers everybody's jobs when policy.requesters is empty."),
        .init(
            required: "policy.purposes", .textList, example: .list([.text("research/imaging")]),
            "Purposes that are allowed; a job names one."),
        .init(
            required: "policy.trainers", .textList,
            example: .list([.text("0e5751c026e543b2e8ab2eb06099daa1d1e5df47778f7787faab45cdf12fe3a8")]),
            "Digests (BLAKE2b-256, hex) of the trainers that may see the data."),
        .init(
            "policy.privacy_plugin", .text(choices: nil), default: .text("org.vinculum.privacy-dp"),
            "Id of the privacy plugin that protects updates here; jobs that name another are refused."),
        .init(
            "policy.verifiers", .textList, default: .list([]),
            "Ids of verifiers that may judge updates; empty accepts any, since they see protected updates only. "
                + "The site "
                + "audits with the first."),
        .init(
            "policy.aggregations", .textList, default: .list([.text("mean")]), "Aggregation rules that are accepted."),
        .init(
            "policy.shown", .textList,
            default: .list([.text("single-updates"), .text("group-sums"), .text("one-sum")]),
            "What the aggregator may see of protected updates."),
        .init(
            "policy.least_members", .integer(1...256), default: .integer(3), unit: "members",
            "The fewest members that a job may run with."),
        .init(
            "policy.least_base_pay", .amount, default: .text("0"), unit: "tokens",
            "The least base pay for a round; 0 in a consortium."),
        .init(
            "policy.least_commit_ms", .integer(0...31_536_000_000), default: .integer(0), unit: "milliseconds",
            "The shortest time for training that is accepted."),
        .init(
            "policy.commit_step_ms", .integer(0...3_600_000), default: .integer(1_000), unit: "milliseconds",
            "Updates are committed at the multiples of this, so that run time shows the number of records less; "
                + "0: at once."
        ),
        .init(
            "policy.task_seconds", .integer(1...31_536_000), default: .integer(600), unit: "seconds",
            "The most time that one task may take, by the clock and of the processor."),
        .init(
            "policy.task_memory_mib", .integer(64...16_777_216), default: .integer(4_096), unit: "mebibytes",
            "The most memory that training may take; compute.memory_mib is for tasks of others."),
        .init(
            "policy.task_output_mib", .integer(1...16_777_216), default: .integer(1_024), unit: "mebibytes",
            "The most that a task may write."),
        .init(
            "policy.dry_run", .boolean, default: .boolean(false),
            "Only says in its log what would be accepted; nothing is sent and nothing is signed."),
    ]

    private static let computeKeys: [ConfigurationKey] = [
        .init(
            "compute.offer", .boolean, default: .boolean(false),
            "Offers this machine on the market: tasks run in the sandbox, with the trainer that ships."),
        .init(
            "compute.price_per_unit", .amount, default: .text("1"), unit: "tokens", "What a unit of a task costs."),
        .init(
            "compute.cores", .integer(1...4_096), default: .integer(1), unit: "cores",
            "What the offer says of this machine. Tasks are matched by it; the sandbox does not hold them to it."),
        .init(
            "compute.memory_mib", .integer(64...16_777_216), default: .integer(1_024), unit: "mebibytes",
            "What a task may use."),
        .init(
            "compute.capacity", .integer(1...1_024), default: .integer(1), unit: "tasks",
            "Tasks that are taken at a time; one runs after the other."),
        .init(
            "compute.uptime", .decimal(0...1), default: .decimal(0.95),
            "The share of time that the machine is up, as its owner promises it."),
        .init(
            "compute.place", .text(choices: nil), default: .text(""),
            "A country or region code of at most 16 bytes; empty says nothing."),
    ]
}
