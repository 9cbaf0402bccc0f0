import Federation

extension JobFile {
    public static let schema = ConfigurationSchema(
        title: "A job: one model, trained by data owners who keep their data.",
        sections: [
            "job": "What it is for.",
            "members": "Who is invited.",
            "model": "What is trained.",
            "training": "What runs at each member.",
            "privacy": "The guarantee that every member's data gets. Members refuse what is weaker than their policy.",
            "aggregation": "How updates become the next model.",
            "verification": "How work is checked before it is paid.",
            "payment": "What is paid from the escrow. Base and score share go to members, a round.",
            "deadlines": "How long each phase of a round may take, by the ledger's clock.",
        ],
        keys: workKeys
            + [
                .init(
                    "privacy.plugin", .text(choices: nil), default: .text("org.vinculum.privacy-dp"),
                    "The id of the privacy plugin."),
                .init(
                    "privacy.grid_bits", .integer(0...30), default: .integer(14), unit: "bits",
                    "Sums are whole numbers of 2^-grid_bits."),
                .init(
                    "privacy.clip", .decimal(1e-6...1e6), default: .decimal(1), unit: "Euclidean norm",
                    "The most that one unit's gradient counts."),
            ]
            + GuaranteeKeys.keys(
                section: "privacy", epsilonName: "epsilon", epsilonMeaning: "The epsilon of the whole job, a member.",
                verb: "one record, all records of a person, or the whole site")
            + checkKeys + paymentKeys + deadlineKeys)

    private static let workKeys: [ConfigurationKey] = [
        .init(required: "job.name", .text(choices: nil), example: .text("garments"), "A name for tables and logs."),
        .init(
            required: "job.purpose", .text(choices: nil), example: .text("research/imaging"),
            "An identifier that members' policies list."),
        .init(
            required: "job.rounds", .integer(1...Int64(JobTerms.maximumRounds)), example: .integer(10), unit: "rounds",
            "How many rounds are trained."),
        .init(
            required: "members.invited", .textList,
            example: .list([.text("did:key:z6MkiTBz1ymuepAQ4HEHYSF1H8quG5GLVVQR3djdX3mDooWp")]),
            "Accounts of the sites that are asked."),
        .init(
            "members.least", .integer(1...256), default: .integer(1), unit: "members",
            "The fewest that have to accept; with fewer the escrow goes back."),
        .init(
            required: "model.descriptor", .text(choices: nil), example: .text("mlp/784-64-10"),
            "The model's shape in a form that the trainer knows."),
        .init(
            "model.initial", .text(choices: nil), default: .text(""),
            "CID of the model to start from; empty makes one with random weights."),
        .init("model.seed", .integer(0...(.max)), default: .integer(1), "Seed of the random weights."),
        .init(
            "training.trainer", .text(choices: nil), default: .text(""),
            "Digest (BLAKE2b-256, hex) of the trainer; empty takes the one that ships."),
        .init(
            "training.input_factor", .decimal(1e-9...1000), default: .decimal(0.003921569),
            "What each byte of an input is multiplied with; a public constant."),
        .init(
            "training.input_offset", .decimal(-1000...1000), default: .decimal(0), "What is added to it afterwards."),
    ]

    private static let checkKeys: [ConfigurationKey] = [
        .init(
            "aggregation.rule", .text(choices: nil), default: .text("mean"), "The rule by which updates are combined."),
        .init(
            "aggregation.server_learning_rate", .decimal(1e-9...1000), default: .decimal(1),
            "What the combined update is multiplied with."),
        .init(
            "aggregation.server_momentum", .decimal(0...0.999), default: .decimal(0),
            "The part of the last step that the next one repeats (heavy ball)."),
        .init(
            "aggregation.account", .text(choices: nil), default: .text(""),
            "The aggregator's account; empty takes the node's that the job is sent to."),
        .init(
            "verification.plugins", .textList, default: .list([.text("org.vinculum.verify-spotcheck")]),
            "Ids of the verifiers that auditors run."),
        .init(
            "verification.auditors", .integer(1...64), default: .integer(3), unit: "auditors",
            "How many are drawn in a round, after the commitments."),
        .init(
            "verification.quorum", .integer(1...64), default: .integer(2), unit: "auditors",
            "How many equal outcomes decide; more than half of the auditors."),
        .init(
            "verification.holdout", .text(choices: nil), default: .text(""),
            "CID of the public data that scores are measured on."),
    ]

    private static let paymentKeys: [ConfigurationKey] = [
        .init(
            required: "payment.escrow", .amount, example: .text("1000"), unit: "tokens",
            "What is locked at the start; the rest comes back at the end."),
        .init(
            required: "payment.base", .amount, example: .text("5"), unit: "tokens",
            "For each accepted update."),
        .init(
            "payment.score_pool", .amount, default: .text("0"), unit: "tokens", example: .text("20"),
            "Shared among a round's accepted updates by score."),
        .init(
            "payment.auditor_fee", .amount, default: .text("0"), unit: "tokens", example: .text("1"),
            "For each verdict that agrees with the decision."),
        .init(
            "payment.aggregator_fee", .amount, default: .text("0"), unit: "tokens", example: .text("2"),
            "For each confirmed model."),
        .init(
            "payment.held_back_share", .decimal(0...1), default: .decimal(0.2),
            "The share of a member's pay that waits until the job has ended, and is forfeited by a proven fault."),
        .init(
            "payment.fee_allowance", .amount, default: .text("10"), unit: "tokens",
            "What the escrow may pay for transactions of members, so that sites need no tokens."),
    ]

    private static let deadlineKeys: [ConfigurationKey] = [
        ("accept", 60_000, "For members to accept or refuse the job."),
        ("commit", 120_000, "For training and committing to the update."),
        ("reveal", 60_000, "For sending the update."),
        ("audit", 60_000, "For the auditors' verdicts."),
        ("propose", 60_000, "For the aggregator's proposal of the next model."),
        ("confirm", 60_000, "For its confirmation by auditors."),
    ].map { name, milliseconds, meaning in
        ConfigurationKey(
            "deadlines.\(name)_ms", .integer(1...31_536_000_000), default: .integer(milliseconds), unit: "milliseconds",
            meaning)
    }
}
