import CVinculum
import Primitives

/// A task to run: `vin_task`. No limit may be zero.
public struct TaskDescription: Sendable, Hashable {
    public struct Input: Sendable, Hashable {
        public var hostPath: String
        public var insidePath: String

        public init(hostPath: String, insidePath: String) {
            self.hostPath = hostPath
            self.insidePath = insidePath
        }
    }

    public struct Limits: Sendable, Hashable {
        public var memoryBytes: UInt64
        public var cpu: Duration
        public var wall: Duration
        public var outputBytes: UInt64
        public var processes: UInt32

        public init(memoryBytes: UInt64, cpu: Duration, wall: Duration, outputBytes: UInt64, processes: UInt32) {
            self.memoryBytes = memoryBytes
            self.cpu = cpu
            self.wall = wall
            self.outputBytes = outputBytes
            self.processes = processes
        }
    }

    public var program: String
    /// BLAKE2b-256 of the program's bytes.
    public var programDigest: Digest
    public var arguments: [String]
    public var environment: [String]
    public var inputs: [Input]
    public var outputPath: String
    public var limits: Limits
    public var keepsStandardOutput: Bool
    /// Lives on and takes requests by `ask`; its limits on CPU and wall time are on each request.
    public var serves: Bool

    public init(
        program: String, programDigest: Digest, arguments: [String] = [], environment: [String] = [],
        inputs: [Input] = [], outputPath: String, limits: Limits, keepsStandardOutput: Bool = true,
        serves: Bool = false
    ) {
        self.serves = serves
        self.program = program
        self.programDigest = programDigest
        self.arguments = arguments
        self.environment = environment
        self.inputs = inputs
        self.outputPath = outputPath
        self.limits = limits
        self.keepsStandardOutput = keepsStandardOutput
    }
}

/// What a task has used: `vin_task_usage`.
public struct TaskUsage: Sendable, Hashable {
    public enum State: UInt32, Sendable {
        case prepared = 1
        case running, ended
    }

    public let state: State
    public let memoryBytesMax: UInt64
    public let cpu: Duration
    public let wall: Duration
    public let outputBytes: UInt64
}

/// How a task ended: `vin_task_result`.
public struct TaskResult: Sendable, Hashable {
    public enum Limit: Int32, Sendable {
        case memory = 1
        case cpu, wall, output, processes
    }
    public enum End: Sendable, Hashable {
        case exited(code: Int32)
        case signalled(signal: Int32)
        case limit(Limit)
        case killed
    }

    public let end: End
    public let usage: TaskUsage
    /// The first 64 KiB of each.
    public let standardOutput: [UInt8]
    public let standardError: [UInt8]
}

/// What comes of a question to a serving task.
public enum TaskAnswer: Sendable, Hashable {
    case line([UInt8])
    /// Not within the wait.
    case none
    /// The task has ended, or was not in a state to be asked.
    case ended
}

/// A runtime. See `draft/runtime.h` for what the calls promise.
public final class RuntimeInstance: PluginInstance {
    /// What a copy of a task's output manages at least in a second, on a slow disk.
    private static let copiedBytesPerSecond: UInt64 = 8 << 20
    /// The limit on output of each task that is not collected, for the time that a copy may take.
    private var outputLimits: [UInt64: UInt64] = [:]

    public func prepare(_ task: TaskDescription) throws(PluginError) -> UInt64 {
        let limits = vin_task_limits(
            memory_bytes: task.limits.memoryBytes, cpu_ms: task.limits.cpu.wholeMilliseconds,
            wall_ms: task.limits.wall.wholeMilliseconds, output_bytes: task.limits.outputBytes,
            processes: task.limits.processes, reserved: 0)
        let inputs = task.inputs.flatMap { [Array($0.hostPath.utf8), Array($0.insidePath.utf8)] }
        let answer = try target.invoke(
            .prepare,
            [
                Array(task.program.utf8), task.programDigest.bytes, Plain.bytes(limits),
                Plain.bytes(UInt32((task.keepsStandardOutput ? 1 : 0) | (task.serves ? 2 : 0))),
                Array(task.outputPath.utf8),
                Packed.pack(task.arguments.map { Array($0.utf8) }),
                Packed.pack(task.environment.map { Array($0.utf8) }), Packed.pack(inputs),
            ], [])[0]
        guard let number = Plain.value(answer, as: UInt64.self) else {
            throw malformed("prepare", "the task's number has the wrong size")
        }
        outputLimits[number] = task.limits.outputBytes
        return number
    }

    public func start(_ task: UInt64) throws(PluginError) { _ = try target.invoke(.taskStart, [Plain.bytes(task)], []) }

    /// Waits up to `wait` for the end.
    public func usage(_ task: UInt64, wait: Duration = .zero) throws(PluginError) -> TaskUsage {
        let answer = try target.invoke(.usage, [Plain.bytes(task), Plain.bytes(wait.wholeMilliseconds)], [])[0]
        guard let record = Plain.value(answer, as: vin_task_usage.self) else {
            throw malformed("usage", "the usage has the wrong size")
        }
        return try usage(record, "usage")
    }

    /// Hands a request, a line without its end, to a serving task, or with an empty one goes on waiting for the answer
    /// to the last. Waits up to `wait`. With an answer the task's files lie in its output path.
    public func ask(_ task: UInt64, _ request: [UInt8], wait: Duration) throws(PluginError) -> TaskAnswer {
        // The copy of the output comes after the wait.
        let copy = (outputLimits[task] ?? 0) / Self.copiedBytesPerSecond * 1000
        let wait = wait.wholeMilliseconds
        do throws(PluginError) {
            let answer = try target.invoke(
                .ask, [Plain.bytes(task), request, Plain.bytes(wait), Plain.bytes(wait + copy)], [])[0]
            return answer.isEmpty ? .none : .line(answer)
        } catch {
            guard error.code == .failed, error.status == VIN_ERROR_STATE else { throw error }
            return .ended
        }
    }

    public func kill(_ task: UInt64) throws(PluginError) { _ = try target.invoke(.kill, [Plain.bytes(task)], []) }

    public func collect(_ task: UInt64) throws(PluginError) -> TaskResult {
        let seconds = (outputLimits[task] ?? 0) / Self.copiedBytesPerSecond
        let answer = try target.invoke(.collect, [Plain.bytes(task), Plain.bytes(seconds * 1000)], [])
        outputLimits[task] = nil
        guard answer.count == 3, let record = Plain.value(answer[0], as: vin_task_result.self) else {
            throw malformed("collect", "the result has the wrong size")
        }
        guard record.reserved == 0 else { throw malformed("collect", "the result sets a reserved field") }
        let end: TaskResult.End
        switch Int(record.end) {
        case VIN_TASK_EXITED: end = .exited(code: record.code)
        case VIN_TASK_SIGNALLED: end = .signalled(signal: record.code)
        case VIN_TASK_KILLED: end = .killed
        case VIN_TASK_LIMIT:
            guard let limit = TaskResult.Limit(rawValue: record.code) else {
                throw malformed("collect", "there is no limit \(record.code)")
            }
            end = .limit(limit)
        default: throw malformed("collect", "there is no end \(record.end)")
        }
        return TaskResult(
            end: end, usage: try usage(record.usage, "collect"), standardOutput: answer[1], standardError: answer[2])
    }

    private func usage(_ record: vin_task_usage, _ call: String) throws(PluginError) -> TaskUsage {
        guard let state = TaskUsage.State(rawValue: record.state) else {
            throw malformed(call, "there is no state \(record.state)")
        }
        return TaskUsage(
            state: state, memoryBytesMax: record.memory_bytes_max,
            cpu: .milliseconds(Int64(clamping: record.cpu_ms)), wall: .milliseconds(Int64(clamping: record.wall_ms)),
            outputBytes: record.output_bytes)
    }
}

extension Duration {
    /// Rounded up; negative is zero.
    var wholeMilliseconds: UInt64 {
        let (seconds, attoseconds) = components
        if seconds < 0 || attoseconds < 0 { return 0 }
        return UInt64(seconds) * 1000 + UInt64((attoseconds + 999_999_999_999_999) / 1_000_000_000_000_000)
    }
}
