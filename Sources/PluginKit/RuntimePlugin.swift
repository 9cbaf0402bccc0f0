public import CVinculum

/// A task to run: `vin_task`.
public struct TaskDescription: Sendable {
    public struct Input: Sendable {
        public let hostPath: String
        public let insidePath: String
    }

    public let program: String
    /// BLAKE2b-256 of the program's bytes.
    public let programDigest: Bytes32
    public let arguments: [String]
    public let environment: [String]
    public let inputs: [Input]
    public let outputPath: String
    public let limits: vin_task_limits
    public let keepsStandardOutput: Bool
    /// Lives on and takes requests.
    public let serves: Bool
}

/// A runtime: `draft/runtime.h` is its specification. All calls are [lane].
public protocol RuntimePlugin: Plugin {
    func prepare(_ task: TaskDescription) throws(PluginFailure) -> UInt64
    func start(_ task: UInt64) throws(PluginFailure)

    /// Waits up to `waitMilliseconds` for the end. `struct_size` is filled in by the glue.
    func usage(_ task: UInt64, waitMilliseconds: UInt64) throws(PluginFailure) -> vin_task_usage

    func kill(_ task: UInt64) throws(PluginFailure)

    /// The result, and what was kept of standard output and error, at most 64 KiB each.
    func collect(
        _ task: UInt64
    ) throws(PluginFailure) -> (result: vin_task_result, standardOutput: [UInt8], standardError: [UInt8])

    /// Hands a line to a serving task, or with an empty one goes on waiting for the answer to the last; waits up to
    /// `waitMilliseconds`. Empty: no answer yet.
    func ask(_ task: UInt64, _ request: [UInt8], waitMilliseconds: UInt64) throws(PluginFailure) -> [UInt8]

    /// [control] Kills what still runs; the object is not used afterwards.
    func close()
}

final class RuntimeGlue: Glue<any RuntimePlugin, vin_runtime> {
    static func create(
        _ host: UnsafePointer<vin_host>?, _ id: vin_bytes, _ out: UnsafeMutablePointer<UnsafePointer<vin_instance>?>?
    ) -> vin_status {
        makeInstance(.runtime, host, id, out) { type, access in
            (type as? any RuntimePlugin.Type).map { RuntimeGlue($0.init(host: access), access, table) }
        } setData: {
            $0.pointee.plugin_data = $1
        }
    }

    private func text(_ bytes: vin_bytes, _ what: String) throws(PluginFailure) -> String {
        guard let text = String(validating: bytes.raw, as: UTF8.self), !text.utf8.contains(0) else {
            throw PluginFailure(.invalid, "\(what) is not text")
        }
        return text
    }

    private func prepare(
        _ task: UnsafePointer<vin_task>?, _ out: UnsafeMutablePointer<UInt64>?
    ) throws(PluginFailure) {
        guard let task = task?.pointee, let out, Int(task.struct_size) >= MemoryLayout<vin_task>.size else {
            throw PluginFailure(.invalid, "the task is missing or too short")
        }
        guard task.flags & ~3 == 0 else { throw PluginFailure(.unsupported, "unknown flags \(task.flags)") }
        let limits = task.limits
        guard limits.memory_bytes > 0, limits.cpu_ms > 0, limits.wall_ms > 0, limits.output_bytes > 0,
            limits.processes > 0
        else { throw PluginFailure(.invalid, "a limit of the task is zero") }
        var arguments: [String] = []
        for entry in UnsafeBufferPointer(start: task.arguments, count: Int(task.arguments_count)) {
            arguments.append(try text(entry, "an argument"))
        }
        var environment: [String] = []
        for entry in UnsafeBufferPointer(start: task.environment, count: Int(task.environment_count)) {
            environment.append(try text(entry, "an environment variable"))
        }
        var inputs: [TaskDescription.Input] = []
        for entry in UnsafeBufferPointer(start: task.inputs, count: Int(task.inputs_count)) {
            inputs.append(
                TaskDescription.Input(
                    hostPath: try text(entry.host_path, "an input's path"),
                    insidePath: try text(entry.inside_path, "an input's path")))
        }
        out.pointee = try plugin.prepare(
            TaskDescription(
                program: try text(task.program, "the program's path"), programDigest: Bytes32(task.program_digest),
                arguments: arguments, environment: environment, inputs: inputs,
                outputPath: try text(task.output_path, "the output path"), limits: limits,
                keepsStandardOutput: task.flags & 1 != 0, serves: task.flags & 2 != 0))
    }

    private func usage(
        _ task: UInt64, _ wait: UInt64, _ out: UnsafeMutablePointer<vin_task_usage>?
    ) throws(PluginFailure) {
        guard let out, Int(out.pointee.struct_size) >= MemoryLayout<vin_task_usage>.size else {
            throw PluginFailure(.invalid, "the usage struct is missing or too short")
        }
        let size = out.pointee.struct_size
        out.pointee = try plugin.usage(task, waitMilliseconds: wait)
        out.pointee.struct_size = size
    }

    private func collect(
        _ task: UInt64, _ out: UnsafeMutablePointer<vin_task_result>?, _ output: UnsafePointer<vin_sink>?,
        _ error: UnsafePointer<vin_sink>?
    ) throws(PluginFailure) {
        guard let out, Int(out.pointee.struct_size) >= MemoryLayout<vin_task_result>.size else {
            throw PluginFailure(.invalid, "the result struct is missing or too short")
        }
        let size = out.pointee.struct_size
        let collected = try plugin.collect(task)
        out.pointee = collected.result
        out.pointee.struct_size = size
        out.pointee.usage.struct_size = UInt32(MemoryLayout<vin_task_usage>.size)
        try required(output).append(collected.standardOutput)
        try required(error).append(collected.standardError)
    }

    private func ask(
        _ task: UInt64, _ request: vin_bytes, _ wait: UInt64, _ answer: UnsafePointer<vin_sink>?
    ) throws(PluginFailure) {
        try required(answer).append(try plugin.ask(task, Array(request.raw), waitMilliseconds: wait))
    }

    private static var table: vin_runtime {
        vin_runtime(
            struct_size: UInt32(MemoryLayout<vin_runtime>.size), reserved: 0, plugin_data: nil,
            configure: { data, settings in
                RuntimeGlue.call(data) { glue throws(PluginFailure) in
                    try PluginKit.configure(glue.plugin, glue.host, settings)
                }
            },
            destroy: { data in
                guard let data else { return }
                Unmanaged<RuntimeGlue>.fromOpaque(data)._withUnsafeGuaranteedRef { $0.plugin.close() }
                PluginKit.release(data, RuntimeGlue.self)
            },
            prepare: { data, task, out in
                RuntimeGlue.call(data) { glue throws(PluginFailure) in try glue.prepare(task, out) }
            },
            start: { data, task in RuntimeGlue.call(data) { glue throws(PluginFailure) in try glue.plugin.start(task) }
            },
            usage: { data, task, wait, out in
                RuntimeGlue.call(data) { glue throws(PluginFailure) in try glue.usage(task, wait, out) }
            },
            kill: { data, task in RuntimeGlue.call(data) { glue throws(PluginFailure) in try glue.plugin.kill(task) } },
            collect: { data, task, out, output, error in
                RuntimeGlue.call(data) { glue throws(PluginFailure) in try glue.collect(task, out, output, error) }
            },
            ask: { data, task, request, wait, answer in
                RuntimeGlue.call(data) { glue throws(PluginFailure) in try glue.ask(task, request, wait, answer) }
            })
    }

    @inline(__always)
    private static func call(
        _ data: UnsafeMutableRawPointer?, _ body: (RuntimeGlue) throws(PluginFailure) -> Void
    ) -> vin_status {
        with(data, RuntimeGlue.self) { glue in glue.answer { () throws(PluginFailure) in try body(glue) } }
    }
}

extension RuntimePlugin {
    /// Of a runtime whose tasks run once.
    public func ask(_ task: UInt64, _ request: [UInt8], waitMilliseconds: UInt64) throws(PluginFailure) -> [UInt8] {
        throw PluginFailure(.unsupported, "this runtime has no serving tasks")
    }
}
