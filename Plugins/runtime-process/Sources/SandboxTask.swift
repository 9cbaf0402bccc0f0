import CSandbox
import CVinculum
import Glibc
import PluginKit

/// A task from prepare to collect. Belongs to the plugin's lane.
final class SandboxTask {
    private static let keptBytes = 64 * 1024

    /// What a serving task and this exchange; nil for one that runs once.
    private var requests: RequestSocket?
    private let task: TaskDescription
    private let settings: SandboxSettings
    private let arguments: [String]
    private var program: SealedProgram?
    private var control: Int32 = -1
    private var supervisor: pid_t = 0
    private var output: Int32 = -1
    private var last = sandbox_message()
    private(set) var state = VIN_TASK_PREPARED
    /// Why no program ran, where none did.
    private var failure: PluginFailure?
    /// Killed after its end: nobody wants its output.
    private var isGivenUp = false

    /// Checks everything that can be checked before a process exists.
    init(
        _ task: TaskDescription, _ settings: SandboxSettings, programs: inout SealedProgram.Newest
    ) throws(PluginFailure) {
        guard isPlainAbsolutePath(task.program), isPlainAbsolutePath(task.outputPath) else {
            throw PluginFailure(.invalid, "program and output path must be absolute, without '.' and '..'")
        }
        arguments = try SandboxArguments.make(task, settings)
        for input in task.inputs {
            try Readability.check(input.hostPath, user: settings.userID, group: settings.groupID)
        }
        self.task = task
        self.settings = settings
        if task.serves { requests = try RequestSocket() }
        program = try programs.program(at: task.program, digest: task.programDigest)
    }

    deinit {
        for descriptor in [control, output] where descriptor >= 0 { close(descriptor) }
    }

    func start() throws(PluginFailure) {
        guard state == VIN_TASK_PREPARED, let program else {
            throw PluginFailure(.state, "the task was started before")
        }
        var words: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) }
        defer { for word in words { free(word) } }
        guard !words.contains(nil) else { throw PluginFailure(.memory, "no memory for the task's arguments") }
        words.append(nil)
        var request = sandbox_request()
        request.limits = sandbox_limits(
            memory_bytes: task.limits.memory_bytes, cpu_ms: task.limits.cpu_ms, wall_ms: task.limits.wall_ms,
            output_bytes: task.limits.output_bytes, processes: task.limits.processes, reserved: 0)
        request.user = settings.userID
        request.group = settings.groupID
        request.program = program.descriptor
        request.keeps_standard_output = task.keepsStandardOutput ? 1 : 0
        request.requests = requests?.taskEnd ?? -1
        // The pointers outlive the fork, after which the child has its own copy of them.
        supervisor = settings.bubblewrap.withCString { bubblewrap in
            settings.mountPoint.withCString { mountPoint in
                words.withUnsafeBufferPointer { list in
                    request.bubblewrap = bubblewrap
                    request.mount_point = mountPoint
                    request.arguments = list.baseAddress
                    return sandbox_start(&request, &control)
                }
            }
        }
        guard supervisor > 0 else {
            throw PluginFailure(.unavailable, "no process could be started: \(Self.reason(errno))")
        }
        self.program = nil
        requests?.handOver()
        state = VIN_TASK_RUNNING
    }

    /// Hands a request to the task, or goes on waiting for the answer to the last one, for at most so long. Empty: none
    /// yet.
    func ask(_ request: [UInt8], waitMilliseconds: UInt64) throws(PluginFailure) -> [UInt8] {
        guard let requests, state == VIN_TASK_RUNNING else {
            throw PluginFailure(.state, requests == nil ? "the task does not serve" : "the task does not run")
        }
        if !request.isEmpty {
            // Before the line itself: the task's time begins when it can know of the request.
            sandbox_say(control, Int32(SANDBOX_REQUEST))
            try requests.send(request)
        }
        let deadline = Self.now() &+ min(waitMilliseconds, Self.waitMaxMilliseconds)
        var answer: [UInt8]?
        repeat {
            // A long answer comes in parts. A task that has let go of its end has nothing more to say, and is waited
            // for.
            let left = deadline &- min(deadline, Self.now())
            wait(milliseconds: left, forAnswerOn: requests)
            answer = try requests.receive()
        } while answer == nil && state == VIN_TASK_RUNNING && Self.now() < deadline
        guard let answer else {
            guard state == VIN_TASK_RUNNING else { throw PluginFailure(.state, "the task has ended") }
            return []
        }
        if state == VIN_TASK_RUNNING { sandbox_say(control, Int32(SANDBOX_ANSWERED)) }
        try takeFiles()
        return answer
    }

    /// Takes in what the supervisor says, for at most so long, or until the task says something on its socket.
    func wait(milliseconds: UInt64, forAnswerOn requests: RequestSocket? = nil) {
        let deadline = Self.now() &+ min(milliseconds, Self.waitMaxMilliseconds)
        while state == VIN_TASK_RUNNING {
            let left = deadline &- min(deadline, Self.now())
            var message = sandbox_message()
            var descriptor: Int32 = -1
            let got = sandbox_receive_either(
                control, requests?.awaited ?? -1, Int32(clamping: left), &message, &descriptor)
            if descriptor >= 0 {
                if output >= 0 { close(output) }
                output = descriptor
            }
            if got == 0 || got == 2 { return }
            guard got > 0 else {
                end(PluginFailure(.internalError, "the supervisor of the task was killed"))
                return
            }
            if message.kind == UInt32(SANDBOX_FAILED) { end(Self.failure(of: message)) }
            if message.kind == UInt32(SANDBOX_SAMPLE) { last = message }
            if message.kind == UInt32(SANDBOX_ENDED) {
                last = message
                end(nil)
            }
        }
    }

    private static let waitMaxMilliseconds: UInt64 = 86_400_000

    private static func now() -> UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return UInt64(time.tv_sec) * 1000 + UInt64(time.tv_nsec) / 1_000_000
    }

    private func end(_ failure: PluginFailure?) {
        self.failure = failure
        state = VIN_TASK_ENDED
        close(control)
        control = -1
        var status: Int32 = 0
        while waitpid(supervisor, &status, 0) < 0, errno == EINTR {}
    }

    /// Ends the task with all its processes, and returns when they are gone. One that has ended loses its output.
    func kill() {
        isGivenUp = true
        if state == VIN_TASK_PREPARED {
            last.end = UInt32(VIN_TASK_KILLED)
            state = VIN_TASK_ENDED
        }
        guard state == VIN_TASK_RUNNING else { return }
        sandbox_say(control, Int32(SANDBOX_KILL))
        wait(milliseconds: 10_000)
        // A supervisor that does not answer dies, and what it watches dies with it.
        if state == VIN_TASK_RUNNING {
            Glibc.kill(supervisor, SIGKILL)
            wait(milliseconds: 1000)
        }
    }

    var usage: vin_task_usage {
        vin_task_usage(
            struct_size: 0, state: UInt32(state), memory_bytes_max: last.memory_bytes_max, cpu_ms: last.cpu_ms,
            wall_ms: last.wall_ms, output_bytes: last.output_bytes)
    }

    /// Whether a call of `collect` that fails can be worth repeating.
    var mayHaveOutput: Bool { failure == nil && !isGivenUp }

    /// Copies the output of a task that exited to the host, and answers how it ended. Where the copy fails, the host
    /// may ask again, or kill the task and then learn how it ended without its output. What a task has written that was
    /// stopped is not taken over: it may be half a file. Its standard output and error are.
    func collect() throws(PluginFailure) -> (result: vin_task_result, standardOutput: [UInt8], standardError: [UInt8]) {
        guard state == VIN_TASK_ENDED else { throw PluginFailure(.state, "the task runs still") }
        if let failure { throw failure }
        var texts: [[UInt8]] = [[], []]
        if output >= 0 {
            if last.end == UInt32(VIN_TASK_EXITED), !isGivenUp { try takeOutput() }
            if task.keepsStandardOutput { texts = ["standard-output", "standard-error"].map(kept) }
        }
        let result = vin_task_result(
            struct_size: 0, end: last.end, code: last.code, reserved: 0, usage: usage)
        return (result, texts[0], texts[1])
    }

    private func takeOutput() throws(PluginFailure) {
        let from = openat(output, SANDBOX_OUTPUT, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
        defer { if from >= 0 { close(from) } }
        guard from >= 0, sandbox_take_tree(from, task.outputPath, task.limits.output_bytes) == 0 else {
            let reason = Self.reason(errno)
            throw PluginFailure(
                .inputOutput, "the task ended with code \(last.code), and its output could not be taken over: \(reason)"
            )
        }
    }

    /// Moves what a request has made to the host.
    private func takeFiles() throws(PluginFailure) {
        let from = openat(output, SANDBOX_OUTPUT, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
        defer { if from >= 0 { close(from) } }
        guard from >= 0, sandbox_take_files(from, task.outputPath, task.limits.output_bytes) == 0 else {
            throw PluginFailure(
                .inputOutput, "the files of an answer could not be taken over: \(Self.reason(errno))")
        }
    }

    private func kept(_ name: String) -> [UInt8] {
        let file = openat(output, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC)
        guard file >= 0 else { return [] }
        defer { close(file) }
        var bytes = [UInt8](repeating: 0, count: Self.keptBytes)
        let got = read(file, &bytes, bytes.count)
        return got > 0 ? Array(bytes[..<got]) : []
    }

    private static func failure(of message: sandbox_message) -> PluginFailure {
        let text = reason(message.code)
        switch Int(message.stage) {
        case SANDBOX_STAGE_DROP:
            return PluginFailure(.unavailable, "the task's user could not be taken on: \(text)")
        case SANDBOX_STAGE_NAMESPACE:
            return PluginFailure(.unavailable, "no user namespace could be made (user.max_user_namespaces?): \(text)")
        case SANDBOX_STAGE_MOUNT: return PluginFailure(.unavailable, "the output tmpfs could not be mounted: \(text)")
        case SANDBOX_STAGE_LIMIT: return PluginFailure(.unavailable, "a limit could not be set: \(text)")
        case SANDBOX_STAGE_BUBBLEWRAP:
            return PluginFailure(
                .unavailable,
                "bubblewrap ended with code \(message.code) before the program began: can the task read its inputs?"
            )
        default: return PluginFailure(.unavailable, "bubblewrap could not be started: \(text)")
        }
    }

    private static func reason(_ code: Int32) -> String { String(cString: strerror(code)) }
}
