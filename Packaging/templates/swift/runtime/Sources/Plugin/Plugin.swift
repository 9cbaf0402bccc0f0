// @NAME@: a runtime plugin in Swift.
//
// Steps: 1. Read draft/runtime.h: it is the specification; PluginKit is its Swift face. 2. Fill in the functions marked
// "Step". 3. `swift build -c release`, then `vinculum plugin check .`. 4. Write README.md: what it does, its settings,
// its limits.
import CVinculum
import PluginKit

@c @implementation
public func vin_plugin_entry_v1() -> UnsafePointer<vin_entry>? { PluginLibrary.entry(.runtime(MyPlugin.self)) }

/// Admits one task at a time and runs none. Where your sandbox goes.
final class MyPlugin: RuntimePlugin {
    static var description: PluginDescription {
        PluginDescription(id: "@ID@", version: "0.1.0", vendor: "@VENDOR@", licence: "Apache-2.0")
    }

    private var prepared: UInt64?
    private var count: UInt64 = 0

    init(host: HostAccess) {}

    // Step: check a task and take it on under a number.
    func prepare(_ task: TaskDescription) throws(PluginFailure) -> UInt64 {
        let limits = task.limits
        guard limits.memory_bytes > 0, limits.cpu_ms > 0, limits.wall_ms > 0, limits.output_bytes > 0,
            limits.processes > 0
        else { throw PluginFailure(.invalid, "there is no unlimited task") }
        guard prepared == nil else { throw PluginFailure(.unavailable, "a task is prepared already") }
        count += 1
        prepared = count
        return count
    }

    private func require(_ task: UInt64) throws(PluginFailure) {
        guard task == prepared else { throw PluginFailure(.notFound, "no such task") }
    }

    // Step: start the prepared task in a sandbox and return at once.
    func start(_ task: UInt64) throws(PluginFailure) {
        try require(task)
        throw PluginFailure(.unavailable, "this plugin starts no programs")
    }

    func usage(_ task: UInt64, waitMilliseconds: UInt64) throws(PluginFailure) -> vin_task_usage {
        try require(task)
        var usage = vin_task_usage()
        usage.state = vin_task_state(VIN_TASK_PREPARED)
        return usage
    }

    func kill(_ task: UInt64) throws(PluginFailure) {
        try require(task)
        prepared = nil
    }

    func collect(
        _ task: UInt64
    ) throws(PluginFailure) -> (result: vin_task_result, standardOutput: [UInt8], standardError: [UInt8]) {
        try require(task)
        throw PluginFailure(.state, "the task has not ended")
    }

    func close() { prepared = nil }
}
