import ArgumentParser
import Federation
import Ledger
import Node
import NodeAPI
import Primitives

struct JobModel: VinculumCommand {
    static let configuration = CommandConfiguration(
        commandName: "model", abstract: "Fetch a job's newest model.",
        discussion: HelpText(
            why: "The id of the model is proven under the genesis, and the bytes are checked against it: a node cannot "
                + "hand out anything but a model that the job had.",
            examples: [("vinculum job model ID --out model.safetensors", "then load it with any safetensors reader")],
            limits: "Never overwrites a file. A node that holds news back can prove an older block's model: the block "
                + "is printed.",
            exits: ExitStatus.ofNode + [.notFound, .notProven, .exists]
        ).text)

    @Argument(help: "The job's id.") var job: String
    @Option(help: ArgumentHelp("Where the model goes.", valueName: "file")) var out: String
    @Option(help: ArgumentHelp("The chain's genesis (the folder's if left out).", valueName: "file"))
    var genesis: String?
    @OptionGroup var node: NodeOptions
    @OptionGroup var output: OutputOptions

    private static let limitBytes = 1 << 31

    func execute() async throws -> ExitStatus {
        let id = try JobReport.id(job)
        if DurableFile.exists(out) { throw CommandFailure(.exists, "\(out) exists already") }
        let client = try node.client()
        let state = ProvenState(client, try node.folder.genesis(genesis))
        let (value, height) = try await state.value(at: FederationPaths.job(id).bytes)
        guard let value else {
            throw CommandFailure(.notFound, "there is no job \(id.hex) as of block \(height)")
        }
        let record = try JobRecord.decode(value)
        let sink = BytesSink(limitBytes: Self.limitBytes)
        _ = try await client.getObject(record.model, into: sink)
        let bytes = sink.bytes
        try DurableFile.replace(out, with: bytes)
        output.emit(
            "job-model",
            CBORMap([
                ("job", .text(id.hex)), ("model", .text(record.model.text)), ("file", .text(out)),
                ("bytes", .unsigned(UInt64(bytes.count))), ("rounds_done", .unsigned(UInt64(record.roundsDone))),
                ("height", .unsigned(height)),
            ])
        ) { _ in
            "\(out): \(bytes.count) bytes, \(record.model.text), after \(record.roundsDone) rounds "
                + "as of block \(height)"
        }
        return .ok
    }
}
