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
            why: "The bytes are checked against the id that the ledger holds: a node cannot hand out another model.",
            examples: [("vinculum job model ID --out model.safetensors", "then load it with any safetensors reader")],
            limits: "Never overwrites a file.",
            exits: [.ok, .failed, .usage, .unreachable, .notFound, .exists]
        ).text)

    @Argument(help: "The job's id.") var job: String
    @Option(help: ArgumentHelp("Where the model goes.", valueName: "file")) var out: String
    @OptionGroup var node: NodeOptions
    @OptionGroup var output: OutputOptions

    private static let limitBytes = 1 << 31

    func execute() async throws -> ExitStatus {
        let id = try JobReport.id(job)
        if DurableFile.exists(out) { throw CommandFailure(.exists, "\(out) exists already") }
        let client = try node.client()
        guard let value = try await client.state(at: FederationPaths.job(id).bytes).value else {
            throw CommandFailure(.notFound, "there is no job \(id.hex)")
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
            ])
        ) { _ in "\(out): \(bytes.count) bytes, \(record.model.text), after \(record.roundsDone) rounds" }
        return .ok
    }
}
