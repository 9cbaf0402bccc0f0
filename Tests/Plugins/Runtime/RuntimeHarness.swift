import CSodium
import CVinculum
import Glibc
import PluginKit
import TestSupport
import Testing

struct EndedTask {
    var result: vin_task_result
    var output: String
    var errors: String
    var files: [String]
}

/// A runtime behind the interface.
final class RuntimeHarness {
    let host = TestHost()
    let table: UnsafePointer<vin_runtime>
    private let temporary: TemporaryFolder
    var folder: String { temporary.root }

    init() throws {
        table = try LoadedPlugin(named: "runtime-process").instance(
            kind: VIN_KIND_RUNTIME, id: "org.vinculum.runtime-process", host: host, as: vin_runtime.self)
        temporary = try TemporaryFolder()
        chmod(temporary.root, 0o755)
    }

    deinit {
        table.pointee.destroy(table.pointee.plugin_data)
    }

    /// Prepares `sh -c script` as a task; answers its number.
    func prepare(
        _ script: String, limits: vin_task_limits, program: String = "/bin/dash", wrongDigest: Bool = false,
        digestOf: String? = nil, input: String? = nil, serves: Bool = false
    ) throws -> UInt64 {
        let outputPath = folder + "/output"
        system("rm -rf '\(outputPath)'; mkdir '\(outputPath)'")
        var number: UInt64 = 0
        // Copies that live until the call returns; freed below.
        var kept: [UnsafeMutableBufferPointer<UInt8>] = []
        func text(_ value: String) -> vin_bytes {
            let copy = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: value.utf8.count)
            _ = copy.initialize(from: value.utf8)
            kept.append(copy)
            return vin_bytes(data: copy.baseAddress, size: UInt64(copy.count))
        }
        defer { for copy in kept { copy.deallocate() } }
        let arguments = [text("-c"), text(script)]
        let environment = [text("GREETING=hello")]
        let inputs = input.map { [vin_task_input(host_path: text($0), inside_path: text("/data"))] } ?? []
        var task = vin_task()
        task.struct_size = UInt32(MemoryLayout<vin_task>.size)
        task.flags = serves ? 3 : 1
        task.program = text(program)
        task.program_digest = wrongDigest ? digest(1) : try Self.digestOfFile(digestOf ?? program)
        task.output_path = text(outputPath)
        task.limits = limits
        let status = arguments.withUnsafeBufferPointer { arguments in
            environment.withUnsafeBufferPointer { environment in
                inputs.withUnsafeBufferPointer { inputs in
                    task.arguments = arguments.baseAddress
                    task.arguments_count = UInt64(arguments.count)
                    task.environment = environment.baseAddress
                    task.environment_count = UInt64(environment.count)
                    task.inputs = inputs.baseAddress
                    task.inputs_count = UInt64(inputs.count)
                    return table.pointee.prepare(table.pointee.plugin_data, &task, &number)
                }
            }
        }
        try host.check(status)
        return number
    }

    func start(_ task: UInt64) throws { try host.check(table.pointee.start(table.pointee.plugin_data, task)) }

    func usage(_ task: UInt64, wait: UInt64) throws -> vin_task_usage {
        var usage = vin_task_usage()
        usage.struct_size = UInt32(MemoryLayout<vin_task_usage>.size)
        try host.check(table.pointee.usage(table.pointee.plugin_data, task, wait, &usage))
        return usage
    }

    /// The answer; empty for none yet.
    func ask(_ task: UInt64, _ request: String, wait: UInt64 = 10_000) throws -> String {
        var status: vin_status = 0
        let bytes = Array(request.utf8)
        let answer = bytes.withUnsafeBufferPointer { buffer in
            let (code, output) = collecting { sink in
                table.pointee.ask(
                    table.pointee.plugin_data, task,
                    vin_bytes(data: buffer.baseAddress, size: UInt64(buffer.count)), wait, sink)
            }
            status = code
            return output
        }
        try host.check(status)
        return String(decoding: answer, as: UTF8.self)
    }

    func kill(_ task: UInt64) throws { try host.check(table.pointee.kill(table.pointee.plugin_data, task)) }

    func collect(_ task: UInt64) throws -> EndedTask {
        var result = vin_task_result()
        result.struct_size = UInt32(MemoryLayout<vin_task_result>.size)
        var errors: [UInt8] = []
        let (status, output) = collecting { standardOutput in
            let inner = collecting { standardError in
                table.pointee.collect(table.pointee.plugin_data, task, &result, standardOutput, standardError)
            }
            errors = inner.1
            return inner.0
        }
        try host.check(status)
        var files: [String] = []
        if let directory = opendir(folder + "/output") {
            while let entry = readdir(directory) {
                let name = withUnsafePointer(to: &entry.pointee.d_name) {
                    $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
                }
                if name != "." && name != ".." { files.append(name) }
            }
            closedir(directory)
        }
        return EndedTask(
            result: result, output: String(decoding: output, as: UTF8.self),
            errors: String(decoding: errors, as: UTF8.self), files: files.sorted())
    }

    private static func digestOfFile(_ path: String) throws -> vin_digest {
        let file = try #require(fopen(path, "rb"))
        defer { fclose(file) }
        var bytes = [UInt8](repeating: 0, count: 1 << 22)
        bytes.removeLast(bytes.count - fread(&bytes, 1, bytes.count, file))
        var digest = [UInt8](repeating: 0, count: 32)
        crypto_generichash(&digest, 32, bytes, UInt64(bytes.count), nil, 0)
        return try #require(Bytes32(digest)).digest
    }
}

func taskLimits(
    memory: UInt64 = 64 << 20, cpu: UInt64 = 5000, wall: UInt64 = 20_000, output: UInt64 = 1 << 20,
    processes: UInt32 = 12
) -> vin_task_limits {
    vin_task_limits(
        memory_bytes: memory, cpu_ms: cpu, wall_ms: wall, output_bytes: output, processes: processes, reserved: 0)
}
