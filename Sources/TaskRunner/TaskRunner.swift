import PluginHost

/// Hands tasks to a runtime plugin and waits for them: knows files and limits, not jobs.
///
/// Calls of the plugin run on the lane's own thread. One runner runs one task at a time; a task that is cancelled is
/// killed with all its processes.
public struct TaskRunner: Sendable {
    private let lane: PluginLane<RuntimeInstance>
    /// How long one call waits for the end of a task before it looks whether the task was cancelled.
    private static let slice: Duration = .milliseconds(100)

    public init(lane: PluginLane<RuntimeInstance>) {
        self.lane = lane
    }

    /// Runs a task to its end.
    ///
    /// - Throws: `PluginError` when the runtime cannot run it; `CancellationError` when the caller was cancelled. A
    ///   task that fails or breaks a limit is no error here: the result says so.
    public func run(_ task: TaskDescription) async throws -> TaskResult {
        let number = try await lane.call { (runtime) throws(PluginError) in try runtime.prepare(task) }
        do {
            try await lane.call { (runtime) throws(PluginError) in try runtime.start(number) }
            try await waitForEnd(number)
            return try await lane.call { (runtime) throws(PluginError) in try runtime.collect(number) }
        } catch {
            // A number that is never collected is one fewer of those that the runtime has. What happened first is told.
            _ = try? await lane.call { (runtime) throws(PluginError) in
                try runtime.kill(number)
                _ = try runtime.collect(number)
            }
            throw error
        }
    }

    // MARK: Tasks that serve

    /// Starts a task that lives on from request to request; it goes by the number until `end`.
    public func start(_ task: TaskDescription) async throws -> UInt64 {
        let number = try await lane.call { (runtime) throws(PluginError) in try runtime.prepare(task) }
        do {
            try await lane.call { (runtime) throws(PluginError) in try runtime.start(number) }
        } catch {
            _ = await end(number)
            throw error
        }
        return number
    }

    /// Hands a request to a serving task and waits for its answer.
    ///
    /// - Returns: the answer, or nil where the task has ended: `end` then says how.
    public func ask(_ number: UInt64, _ request: [UInt8]) async throws -> [UInt8]? {
        var request = request
        while true {
            let line = request
            let answer = try await lane.call { (runtime) throws(PluginError) in
                try runtime.ask(number, line, wait: Self.slice)
            }
            switch answer {
            case .line(let answer): return answer
            case .ended: return nil
            case .none: request = []
            }
            try Task.checkCancellation()
        }
    }

    /// Ends a task in whatever state it is; what it has not handed over is gone. Nil where the runtime knows it no
    /// more.
    public func end(_ number: UInt64) async -> TaskResult? {
        try? await lane.call { (runtime) throws(PluginError) in
            try runtime.kill(number)
            return try runtime.collect(number)
        }
    }

    private func waitForEnd(_ number: UInt64) async throws {
        while true {
            let state = try await lane.call { (runtime) throws(PluginError) in
                try runtime.usage(number, wait: Self.slice).state
            }
            if state == .ended { return }
            try Task.checkCancellation()
        }
    }
}

/// A task that did not do its work, with what it said.
public struct TaskFailed: Error, Sendable, CustomStringConvertible {
    public let program: String
    /// How it ended; nil for a task that serves and lives.
    public let end: TaskResult.End?
    /// The last line of its standard output or error.
    public let lastWords: String

    public init(program: String, result: TaskResult) {
        self.program = program
        end = result.end
        let said = result.standardError.isEmpty ? result.standardOutput : result.standardError
        lastWords = String(decoding: said, as: UTF8.self).split(separator: "\n").last.map(String.init) ?? ""
    }

    /// - Parameter answer: what a serving task has answered in place of what was asked for.
    public init(program: String, said answer: [UInt8]) {
        self.program = program
        end = nil
        lastWords = String(decoding: answer, as: UTF8.self)
    }

    public var description: String {
        let how =
            switch end {
            case nil: "did not do what it was asked"
            case .exited(let code): "ended with code \(code)"
            case .signalled(let signal): "was ended by signal \(signal)"
            case .limit(let limit): "was stopped at its limit of \(limit)"
            case .killed: "was killed"
            }
        return lastWords.isEmpty ? "\(program) \(how)" : "\(program) \(how): \(lastWords)"
    }
}
