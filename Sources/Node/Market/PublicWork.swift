import Market
import PluginHost
import Primitives
import TaskRunner

/// Runs a task of the market in the sandbox: its inputs are public objects, its result is a file.
public struct PublicWork: Sendable {
    private let program: String
    private let digest: Digest
    private let scratch: String
    private let limits: TaskDescription.Limits
    private let runner: TaskRunner
    private let taskUser: UInt32

    /// What one task may leave.
    static let resultLimitBytes = 256 << 20

    /// - Parameters:
    ///   - program: the one program that runs here; tasks that name another digest are declined.
    ///   - scratch: where tasks have their folders.
    ///   - taskUser: the user that tasks run as when this process is root.
    public init(
        program: String, scratch: String, limits: TaskDescription.Limits, runner: TaskRunner,
        taskUser: UInt32 = 65_534
    ) throws(FileError) {
        self.program = program
        self.scratch = scratch
        self.limits = limits
        self.runner = runner
        self.taskUser = taskUser
        digest = Digest.blake2b256(try DurableFile.read(program, limitBytes: 1 << 30))
    }

    public func runs(_ program: Digest) -> Bool { program == digest }

    /// The result's bytes.
    public func result(of task: Digest, _ terms: TaskTerms, objects: any ObjectReader) async throws -> [UInt8] {
        let input = try TaskInput.decode(try await objects.bytes(of: terms.input))
        var folder = try TaskFolder(below: scratch, name: "\(task.hex.prefix(16))", taskUser: taskUser)
        defer { folder.remove() }
        try folder.add(TaskInput.settingsName, Array(input.settings.utf8))
        for file in input.files { try folder.add(file.name, try await objects.bytes(of: file.id)) }
        let result = try await runner.run(
            TaskDescription(
                program: program, programDigest: digest,
                inputs: folder.inputs.map { .init(hostPath: $0.path, insidePath: "/task/in/\($0.name)") },
                outputPath: folder.output, limits: limits))
        guard result.end == .exited(code: 0) else { throw TaskFailed(program: program, result: result) }
        return try folder.result(input.result, limitBytes: Self.resultLimitBytes)
    }
}
