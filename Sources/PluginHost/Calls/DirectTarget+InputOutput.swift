import CVinculum
import Primitives

extension DirectTarget {
    func invokeRuntime(_ call: PluginCall, _ inputs: [[UInt8]]) throws(PluginError) -> [[UInt8]] {
        let table = try table(vin_runtime.self, call)
        if call == .prepare { return try prepare(table, inputs) }
        guard let task = Plain.value(input(inputs, 0), as: UInt64.self) else {
            throw fault(.protocolBroken, call.name, "the task's number is malformed")
        }
        switch call {
        case .taskStart: return try run(call, outputs: 0) { _ in table.start?(table.plugin_data, task) ?? -1 }
        case .kill: return try run(call, outputs: 0) { _ in table.kill?(table.plugin_data, task) ?? -1 }
        case .usage:
            let wait = Plain.value(input(inputs, 1), as: UInt64.self) ?? 0
            var usage = vin_task_usage()
            usage.struct_size = UInt32(MemoryLayout<vin_task_usage>.size)
            _ = try run(call, outputs: 0) { _ in table.usage?(table.plugin_data, task, wait, &usage) ?? -1 }
            return [Plain.bytes(usage)]
        case .ask:
            let wait = Plain.value(input(inputs, 2), as: UInt64.self) ?? 0
            let request = input(inputs, 1)
            return try run(call, outputs: 1) { sinks in
                request.lend { table.ask?(table.plugin_data, task, $0, wait, sinks[0].sink) } ?? -1
            }
        default:
            var result = vin_task_result()
            result.struct_size = UInt32(MemoryLayout<vin_task_result>.size)
            result.usage.struct_size = UInt32(MemoryLayout<vin_task_usage>.size)
            let outputs = try run(call, outputs: 2) { sinks in
                table.collect?(table.plugin_data, task, &result, sinks[0].sink, sinks[1].sink) ?? -1
            }
            return [Plain.bytes(result)] + outputs
        }
    }

    /// Inputs: program, its digest, limits, flags, output path, then packed arguments, environment, host and inside
    /// paths of the inputs in turn.
    private func prepare(_ table: vin_runtime, _ inputs: [[UInt8]]) throws(PluginError) -> [[UInt8]] {
        guard let digest = Plain.value(input(inputs, 1), as: vin_digest.self),
            let limits = Plain.value(input(inputs, 2), as: vin_task_limits.self),
            let flags = Plain.value(input(inputs, 3), as: UInt32.self),
            let arguments = Packed.unpack(input(inputs, 5)), let environment = Packed.unpack(input(inputs, 6)),
            let files = Packed.unpack(input(inputs, 7)), files.count % 2 == 0
        else { throw fault(.protocolBroken, "prepare", "the task is malformed") }
        // Everything that the task borrows lives in one arena until the call has returned.
        let arena = ByteArena()
        let argumentList = arguments.map(arena.keep)
        let environmentList = environment.map(arena.keep)
        let fileList = stride(from: 0, to: files.count, by: 2).map {
            vin_task_input(host_path: arena.keep(files[$0]), inside_path: arena.keep(files[$0 + 1]))
        }
        var number: UInt64 = 0
        _ = try argumentList.withUnsafeBufferPointer { argumentPointer throws(PluginError) in
            try environmentList.withUnsafeBufferPointer { environmentPointer throws(PluginError) in
                try fileList.withUnsafeBufferPointer { filePointer throws(PluginError) in
                    var task = vin_task(
                        struct_size: UInt32(MemoryLayout<vin_task>.size), flags: flags,
                        program: arena.keep(input(inputs, 0)), program_digest: digest,
                        arguments: argumentPointer.baseAddress, arguments_count: UInt64(argumentList.count),
                        environment: environmentPointer.baseAddress, environment_count: UInt64(environmentList.count),
                        inputs: filePointer.baseAddress, inputs_count: UInt64(fileList.count),
                        output_path: arena.keep(input(inputs, 4)), limits: limits)
                    return try run(.prepare, outputs: 0) { _ in
                        table.prepare?(table.plugin_data, &task, &number) ?? -1
                    }
                }
            }
        }
        return [Plain.bytes(number)]
    }

    func invokeBridge(_ call: PluginCall, _ inputs: [[UInt8]]) throws(PluginError) -> [[UInt8]] {
        let table = try table(vin_bridge.self, call)
        let first = input(inputs, 0)
        switch call {
        case .observe:
            guard let limit = Plain.value(input(inputs, 1), as: UInt32.self),
                let wait = Plain.value(input(inputs, 2), as: UInt64.self)
            else { throw fault(.protocolBroken, call.name, "an argument has the wrong size") }
            return try run(call, outputs: 2) { sinks in
                first.lend { table.observe?(table.plugin_data, $0, limit, wait, sinks[0].sink, sinks[1].sink) } ?? -1
            }
        case .prove:
            return try run(call, outputs: 1) { sinks in
                first.lend { table.prove?(table.plugin_data, $0, sinks[0].sink) } ?? -1
            }
        case .submit:
            return try run(call, outputs: 1) { sinks in
                first.lend { table.submit?(table.plugin_data, $0, sinks[0].sink) } ?? -1
            }
        default:
            return try run(call, outputs: 2) { sinks in
                first.lend { table.confirm?(table.plugin_data, $0, sinks[0].sink, sinks[1].sink) } ?? -1
            }
        }
    }
}

/// Copies of byte strings that stay where they are until the arena dies.
private final class ByteArena {
    private var blocks: [UnsafeMutableBufferPointer<UInt8>] = []

    func keep(_ bytes: [UInt8]) -> vin_bytes {
        let block = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: max(bytes.count, 1))
        _ = block.initialize(from: bytes)
        blocks.append(block)
        return vin_bytes(data: block.baseAddress, size: UInt64(bytes.count))
    }

    deinit { for block in blocks { block.deallocate() } }
}
