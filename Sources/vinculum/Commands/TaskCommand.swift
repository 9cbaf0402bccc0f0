import ArgumentParser
import Ledger
import Market
import Node
import NodeAPI
import Primitives
import Training

struct MarketTask: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "task", abstract: "Have public work done on the market, and see what it was worth.",
        discussion: HelpText(
            why: """
                Providers compute in a sandbox and commit to their results before anyone shows one. Results that differ,
                and those that the ledger draws, are computed again by auditors. What is right is paid.
                """,
            examples: [
                ("vinculum task evaluate --model m.safetensors --records h.safetensors", "how good is a model?"),
                ("vinculum task benchmark --seed 7", "do providers compute what they say?"),
                ("vinculum task offers", "who lends machines"),
            ], exits: ExitStatus.ofNode + [.refused, .timeout, .notFound, .notProven]
        ).text,
        subcommands: [TaskEvaluate.self, TaskBenchmark.self, TaskShow.self, TaskOffers.self])
}

/// What tasks have in common: who pays, how much, how many compute.
struct TaskOptions: ParsableArguments {
    @Option(help: "The name of the key that pays.") var from = "main"
    @Option(help: ArgumentHelp("The most that one replica may cost.", valueName: "amount")) var price = "1"
    @Option(help: "How many providers compute the same.") var replicas: UInt32 = 2
    @Option(help: "How many auditors are drawn if results differ, or by chance.") var auditors: UInt32 = 1
    @Option(help: ArgumentHelp("What an auditor gets.", valueName: "amount")) var auditorFee = "1"
    @Option(help: ArgumentHelp("How long each phase may take.", valueName: "seconds")) var deadline: UInt32 = 60
    @OptionGroup var node: NodeOptions

    func requester(_ client: NodeClient) throws -> TaskRequester {
        TaskRequester(
            key: try KeyStore(folder: node.folder.folder).load(from), client: client,
            chain: try node.folder.signingChain())
    }

    func amount(_ text: String, _ option: String) throws -> Amount {
        guard let amount = try? Amount(text) else { throw ValidationError("\(option) takes an amount of tokens") }
        return amount
    }

    func terms(_ input: TaskInput, _ kind: TaskKind, answer: Digest? = nil) throws -> TaskTerms {
        MarketRequest.terms(
            program: try ConfigurationFiles.shippedTrainerDigest, input: CID.of(raw: input.encoded()), kind: kind,
            price: try amount(price, "--price"), replicas: replicas, auditors: auditors,
            auditorFee: try amount(auditorFee, "--auditor-fee"), deadline: .seconds(Int64(deadline)), answer: answer)
    }
}

struct TaskEvaluate: VinculumCommand {
    static let configuration = CommandConfiguration(
        commandName: "evaluate", abstract: "Buy an evaluation of a model on public records.",
        discussion: HelpText(
            why: "Two providers who do not see each other's answer say how good the model is; auditors compare.",
            examples: [
                (
                    "vinculum task evaluate --model m.safetensors --records holdout.safetensors --input-factor 0.125 "
                        + "--input-offset -0.5",
                    "wait for the result"
                )
            ],
            limits: "Model and records become public.",
            exits: ExitStatus.ofNode + [.refused, .timeout, .notFound, .notProven]
        ).text)

    @Option(help: ArgumentHelp("The model: a safetensors file, or the CID of a stored one.", valueName: "file"))
    var model: String
    @Option(help: ArgumentHelp("The records: a safetensors file, or the CID of a stored one.", valueName: "file"))
    var records: String
    @Option(help: "What each byte of an input is multiplied with.") var inputFactor = 0.003921569
    @Option(parsing: .unconditional, help: "What is added to it afterwards.") var inputOffset = 0.0
    @OptionGroup var task: TaskOptions
    @OptionGroup var output: OutputOptions

    /// What the trainer would refuse is refused before money is locked.
    func validate() throws {
        guard inputFactor.isFinite, inputFactor != 0 else {
            throw ValidationError("--input-factor takes a number that is not 0")
        }
        guard inputOffset.isFinite else { throw ValidationError("--input-offset takes a number") }
    }

    func execute() async throws -> ExitStatus {
        let client = try task.node.client()
        let input = TaskInput.evaluation(
            model: try await TaskObjects.store(model, client), data: try await TaskObjects.store(records, client),
            inputFactor: inputFactor, inputOffset: inputOffset)
        let requester = try task.requester(client)
        let id = try await requester.submit(try task.terms(input, .evaluation), input)
        let record = try await requester.wait(for: id, output) { _ in }
        return try await TaskReport.emit(id, record, client, output)
    }
}

struct TaskBenchmark: VinculumCommand {
    static let configuration = CommandConfiguration(
        commandName: "benchmark", abstract: "Ask providers for an answer that is known here.",
        discussion: HelpText(
            why: """
                Trains a small model on records drawn from a seed, here and at the providers. Their answers count only if
                they are equal to the bit; the answer here is committed before they start, and shown at the end.
                """,
            examples: [("vinculum task benchmark --seed 7 --replicas 3", "check three providers")],
            limits: "Choose a seed that nobody can guess; one that was used is known.",
            exits: ExitStatus.ofNode + [.refused, .timeout, .notFound, .notProven]
        ).text)

    @Option(help: "What the records and the first model are drawn from; random if none is given.") var seed: UInt64?
    @Option(help: "The model's layers.") var widths = "784-64-10"
    @Option(help: "How many records are trained on.") var count = 1_000
    @OptionGroup var task: TaskOptions
    @OptionGroup var output: OutputOptions

    func validate() throws {
        do { _ = try DenseArchitecture(widths) } catch { throw ValidationError("--widths: \(error.reason)") }
        guard (1...10_000_000).contains(count) else { throw ValidationError("--count takes 1 to 10000000") }
    }

    func execute() async throws -> ExitStatus {
        let seed = self.seed ?? UInt64.random(in: 0...(.max))
        let client = try task.node.client()
        let answer = CID.of(raw: try BenchmarkAnswer.bytes(widths: widths, records: count, seed: seed))
        let input = TaskInput.benchmark(widths: widths, records: count, seed: seed)
        let requester = try task.requester(client)
        let salt = Digest.blake2b256(SecureRandom.bytes(count: 32))
        let chain = try task.node.folder.signingChain().of(try await client.status())
        let commitment = TaskCommitment.answer(
            chain: chain, requester: requester.account, salt: salt, result: answer)
        let id = try await requester.submit(try task.terms(input, .benchmark, answer: commitment), input)
        let record = try await requester.wait(for: id, output) { record in
            guard record.status == .judging else { return }
            try await requester.send("answer", AnswerBody(task: id, result: answer, salt: salt))
        }
        return try await TaskReport.emit(id, record, client, output)
    }
}

struct TaskShow: VinculumCommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "Show where a task stands.",
        discussion: HelpText(
            why: "Read from the ledger's state.", examples: [("vinculum task show ID", "one task")],
            exits: ExitStatus.ofNode + [.notFound]
        ).text)

    @Argument(help: "The task's id: that of the transaction that submitted it.") var task: String
    @OptionGroup var node: NodeOptions
    @OptionGroup var output: OutputOptions

    func execute() async throws -> ExitStatus {
        let id = try JobReport.id(task, of: "task")
        let client = try node.client()
        guard let value = try await client.state(at: MarketPaths.task(id).bytes).value else {
            throw CommandFailure(.notFound, "there is no task \(id.hex)")
        }
        _ = try await TaskReport.emit(id, try TaskRecord.decode(value), client, output)
        return .ok
    }
}

struct TaskOffers: VinculumCommand {
    static let configuration = CommandConfiguration(
        commandName: "offers", abstract: "List who lends machines, and for how much.",
        discussion: HelpText(
            why: "An operator lends a machine with compute.offer = true in site.toml.",
            examples: [("vinculum task offers", "all offers")], exits: ExitStatus.ofNode
        ).text)

    @OptionGroup var node: NodeOptions
    @OptionGroup var output: OutputOptions

    func execute() async throws -> ExitStatus {
        let client = try node.client()
        // All offers lie below the path that an offer's path has before its id.
        let prefix = Array(MarketPaths.offer(.zero).bytes.dropLast(32))
        var start: [UInt8]?
        var table = Table([
            ("PROVIDER", .left), ("PRICE", .right), ("CORES", .right), ("MEMORY", .right), ("RUNNING", .right),
        ])
        var documents: [CBORValue] = []
        repeat {
            let page = try await client.list(prefix: prefix, after: start, limit: 500)
            for entry in page.entries {
                let offer = try OfferRecord.decode(entry.value)
                let hardware = offer.terms.hardware
                documents.append(
                    .map(
                        CBORMap([
                            ("provider", .text(offer.provider.text)), ("price", .text("\(offer.terms.pricePerUnit)")),
                            ("cores", .unsigned(UInt64(hardware.cores))),
                            ("memory_mib", .unsigned(UInt64(hardware.memoryMebibytes))),
                            ("running", .unsigned(UInt64(offer.running))),
                            ("capacity", .unsigned(UInt64(offer.terms.capacity))),
                        ])))
                table.add(
                    offer.provider.text, "\(offer.terms.pricePerUnit)", "\(hardware.cores)",
                    "\(hardware.memoryMebibytes) MiB", "\(offer.running)/\(offer.terms.capacity)")
            }
            start = page.hasMore ? page.entries.last?.path : nil
        } while start != nil
        output.emit("offers", CBORMap([("offers", .array(documents))])) { style in
            documents.isEmpty ? "nobody lends a machine" : table.text(style)
        }
        return .ok
    }
}
