public import CVinculum
import PluginKit

/// The library's entry.
@c @implementation
public func vin_plugin_entry_v1() -> UnsafePointer<vin_entry>? {
    PluginLibrary.entry(.runtime(ProcessRuntime.self))
}

/// Runs tasks as processes in bubblewrap. One lane; each task has a supervisor process of its own.
final class ProcessRuntime: RuntimePlugin {
    static let description = PluginDescription(
        id: "org.vinculum.runtime-process", version: "0.1.0", vendor: "Vinculum maintainers", licence: "Apache-2.0")

    /// Tasks that are not collected are refused beyond this.
    private static let tasksMax = 256

    private var settings = SandboxSettings()
    private var tasks: [UInt64: SandboxTask] = [:]
    /// Begins anywhere: a number from before this process was started again must not be that of another task.
    private var lastNumber = UInt64.random(in: 0..<(1 << 62))
    private var programs = SealedProgram.Newest()

    init(host: HostAccess) {}

    func configure(_ settings: Settings, host: HostAccess) throws(PluginFailure) {
        self.settings = try SandboxSettings(settings)
    }

    func prepare(_ task: TaskDescription) throws(PluginFailure) -> UInt64 {
        guard tasks.count < Self.tasksMax else {
            throw PluginFailure(.limit, "\(Self.tasksMax) tasks are not collected yet")
        }
        let prepared = try SandboxTask(task, settings, programs: &programs)
        lastNumber += 1
        tasks[lastNumber] = prepared
        return lastNumber
    }

    func start(_ task: UInt64) throws(PluginFailure) { try known(task).start() }

    func usage(_ task: UInt64, waitMilliseconds: UInt64) throws(PluginFailure) -> vin_task_usage {
        let task = try known(task)
        task.wait(milliseconds: waitMilliseconds)
        return task.usage
    }

    func ask(_ task: UInt64, _ request: [UInt8], waitMilliseconds: UInt64) throws(PluginFailure) -> [UInt8] {
        try known(task).ask(request, waitMilliseconds: waitMilliseconds)
    }

    func kill(_ task: UInt64) throws(PluginFailure) { try known(task).kill() }

    func collect(
        _ task: UInt64
    ) throws(PluginFailure) -> (result: vin_task_result, standardOutput: [UInt8], standardError: [UInt8]) {
        let known = try known(task)
        known.wait(milliseconds: 0)
        guard known.state == VIN_TASK_ENDED else { throw PluginFailure(.state, "the task runs still") }
        // The number ends, unless there is an output that could be taken over the next time.
        if !known.mayHaveOutput { tasks[task] = nil }
        let collected = try known.collect()
        tasks[task] = nil
        return collected
    }

    func close() {
        for task in tasks.values { task.kill() }
        tasks.removeAll()
    }

    private func known(_ task: UInt64) throws(PluginFailure) -> SandboxTask {
        guard let known = tasks[task] else { throw PluginFailure(.notFound, "there is no task \(task)") }
        return known
    }
}
