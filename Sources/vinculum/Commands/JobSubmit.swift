import ArgumentParser
import Federation
import Ledger
import Node
import NodeAPI
import Primitives
import Privacy

struct JobSubmit: VinculumCommand {
    static let configuration = CommandConfiguration(
        commandName: "submit", abstract: "Offer a job to the members that its file invites.",
        discussion: HelpText(
            why: """
                Plans noise and cost with the job's privacy plugin, stores the first model and the public holdout at the
                node, and locks the escrow. The job's id is that of the transaction.
                """,
            examples: [
                ("vinculum job submit job.toml --holdout holdout.safetensors", "then `vinculum job watch ID`"),
                ("vinculum job submit job.toml --holdout h.safetensors --dry-run", "what it would cost and promise"),
            ],
            limits: "The plugins that the file names have to be installed here.",
            exits: ExitStatus.ofNode + [.refused, .timeout, .notFound, .notProven]
        ).text)

    @Argument(help: "The job file.") var file: String
    @Option(help: "The name of the key that pays.") var from = "main"
    @Option(
        help: ArgumentHelp(
            "Public records (safetensors) that scores are measured on, unless the job file names their CID.",
            valueName: "file"))
    var holdout: String?
    @Option(
        help: ArgumentHelp(
            "The model (safetensors) to start from; else the job file's CID, else random weights from its seed.",
            valueName: "file"))
    var model: String?
    @Flag(help: "Plan and check everything, and send nothing.") var dryRun = false
    @Option(help: ArgumentHelp("Wait this long for the decision.", valueName: "seconds")) var timeout: UInt32 = 30
    @OptionGroup var node: NodeOptions
    @OptionGroup var output: OutputOptions

    /// The largest model or holdout that is read.
    private static let objectLimitBytes = 1 << 31

    func execute() async throws -> ExitStatus {
        let job = try JobFile(text: try readText(file), file: file)
        let key = try KeyStore(folder: node.folder.folder).load(from)
        let client = try node.client()
        let status = try await client.status()
        let chain = try node.folder.signingChain().of(status)
        let builder = try JobTermsBuilder(job, aggregator: try aggregator(job, status))
        let model = try modelBytes(job, builder)
        let holdout = try holdoutBytes(job)
        let terms = try await builder.terms(model: model.id, holdout: holdout.id)
        if dryRun { return emitPlan(terms, job.escrow) }
        for object in [model, holdout] {
            guard let bytes = object.bytes else { continue }
            _ = try await client.putObject(object.id, from: BytesSource(bytes))
        }
        let requester = AccountID(key.publicKey)
        let view = try await client.account(requester)
        let transaction = Transaction(
            TransactionBody(
                chain: chain, account: requester, lane: 0,
                sequence: view.nextSequence(lane: 0), validUntilHeight: status.height + 1_000, payer: nil,
                feeLimit: TransactionFees.agentLimit, module: FederationPaths.module,
                call: ActionCall("submit", SubmitBody(terms: terms, escrow: job.escrow))),
            signedBy: [key])
        return try await Submission.send(transaction.encoded, client, .seconds(Int64(timeout)), output)
    }

    // MARK: What the job needs

    private func aggregator(_ job: JobFile, _ status: NodeStatus) throws -> AccountID {
        if let account = job.aggregator { return account }
        guard let text = status.aggregator else {
            throw CommandFailure(
                .configuration, "the job names no aggregator, and the node aggregates for nobody",
                hint: "set aggregation.account in \(file), or aggregator.key_file in the node's node.toml",
                field: "aggregation.account")
        }
        return try AccountID(text: text)
    }

    /// An object of the job: read here, or stored already under an id that the file names.
    private struct JobObject {
        var id: CID
        var bytes: [UInt8]?

        init(stored id: CID) { self.id = id }

        init(_ bytes: [UInt8]) {
            id = CID.of(raw: bytes)
            self.bytes = bytes
        }
    }

    private func modelBytes(_ job: JobFile, _ builder: JobTermsBuilder) throws -> JobObject {
        if let model { return JobObject(try readBytes(model, limitBytes: Self.objectLimitBytes)) }
        if let id = job.initialModel { return JobObject(stored: id) }
        return JobObject(try builder.initialModel())
    }

    private func holdoutBytes(_ job: JobFile) throws -> JobObject {
        if let holdout { return JobObject(try readBytes(holdout, limitBytes: Self.objectLimitBytes)) }
        if let id = job.holdout { return JobObject(stored: id) }
        throw CommandFailure(
            .configuration, "the job has no public records to measure scores on",
            hint: "give --holdout FILE, or set verification.holdout in \(file)", field: "verification.holdout")
    }

    private func emitPlan(_ terms: JobTerms, _ escrow: Amount) -> ExitStatus {
        let training = try? TrainingTerms(terms)
        output.emit(
            "job-plan",
            CBORMap([
                ("members", .unsigned(UInt64(terms.members.count))), ("rounds", .unsigned(UInt64(terms.rounds))),
                ("escrow", .text("\(escrow)")), ("aggregator", .text(terms.aggregator.text)),
                ("model", .text(terms.initialModel.text)), ("holdout", .text(terms.holdout.text)),
                ("noise_units", .unsigned(training?.noiseUnits ?? 0)),
                ("sensitivity_units", .unsigned(training?.sensitivityUnits ?? 0)),
            ])
        ) { style in
            var facts = FactList()
            facts.add("members", "\(terms.members.count) invited, \(terms.minimumMembers) needed")
            facts.add("rounds", "\(terms.rounds)")
            let guarantee = terms.guarantee
            let epsilon = HumanUnits.fixed(Double(guarantee.epsilonBillionths) / 1e9, decimals: 2)
            facts.add(
                "guarantee",
                "one \(guarantee.unit), epsilon \(epsilon) a member at delta "
                    + "\(Double(guarantee.deltaTrillionths) / 1e12)")
            if let training, training.sensitivityUnits > 0 {
                let multiple = Double(training.noiseUnits) / Double(training.sensitivityUnits)
                facts.add("noise", "\(HumanUnits.fixed(multiple, decimals: 2)) times the sensitivity, each round")
            }
            facts.add("escrow", "\(escrow) tokens")
            facts.add("aggregator", terms.aggregator.text)
            facts.add("model", terms.initialModel.text)
            facts.add("holdout", terms.holdout.text)
            return facts.text(style) + "\n\nnothing was sent"
        }
        return .ok
    }
}
