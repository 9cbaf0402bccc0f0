import Glibc
import Node
import Synchronization

/// Keeps the processes of a demo alive: one that ends is started again, and that is said.
///
/// Children are started by one thread that lives as long as they do: the kernel's parent-death signal is sent when
/// the starting thread ends, and threads of the cooperative pool come and go.
final class ChildKeeper: Sendable {
    /// How a process is started.
    struct Specification: Sendable {
        let name: String
        let arguments: [String]
        let log: String
    }

    /// A process that will not stay up.
    struct KeepsEnding: Error, CustomStringConvertible {
        let name: String
        let status: Int32
        let log: String
        let tail: String

        var description: String { "\(name) keeps ending, last with \(status); its log is \(log):\n\(tail)" }
    }

    private struct Child {
        let specification: Specification
        var process: ChildProcess?
        var started = ContinuousClock.now
        var notBefore = ContinuousClock.now
        /// Ends in a row soon after a start.
        var quickEnds = 0
    }

    private struct State {
        var children: [Child] = []
        var failure: (any Error)?
        var isStopping = false
        var restarts = 0
        var stopped: CheckedContinuation<Void, Never>?
    }

    private let executable: String
    private let console: DemoConsole
    private let state = Mutex(State())

    /// A process that lives longer is taken to have worked.
    private static let settled = Duration.seconds(5)
    private static let quickEndLimit = 8
    /// What is not stopped in order by then is killed, which every process of ours is made to survive.
    private static let stopGrace = Duration.milliseconds(300)

    init(executable: String, console: DemoConsole) throws(FileError) {
        self.executable = executable
        self.console = console
        try DetachedThread.start(name: "children") { [self] in loop() }
    }

    /// Adds a process; the thread starts it at once.
    func start(_ specification: Specification) {
        state.withLock { $0.children.append(Child(specification: specification)) }
    }

    /// Throws what made it impossible to keep a process up.
    func check() throws {
        if let failure = state.withLock({ $0.failure }) { throw failure }
    }

    /// Restarts so far, all children together.
    var restarts: Int { state.withLock { $0.restarts } }

    /// Ends the children and waits for it.
    func stop() async {
        await withCheckedContinuation { continuation in
            state.withLock { state in
                state.isStopping = true
                state.stopped = continuation
            }
        }
    }

    // MARK: On the thread

    private func loop() {
        while true {
            let isStopping = state.withLock { state in
                if !state.isStopping { for index in state.children.indices { look(&state, index) } }
                return state.isStopping
            }
            if isStopping { break }
            usleep(10_000)
        }
        let children = state.withLock { state in state.children.compactMap(\.process) }
        for child in children.reversed() { child.askToEnd() }
        let deadline = ContinuousClock.now + Self.stopGrace
        for child in children.reversed() { child.stop(by: deadline) }
        state.withLock { state in
            state.children = []
            return state.stopped.take()
        }?.resume()
    }

    private func look(_ state: inout State, _ index: Int) {
        let child = state.children[index]
        if let process = child.process {
            guard let status = process.exitStatus() else { return }
            noteEnd(&state, index, status)
        } else if state.failure == nil, ContinuousClock.now >= child.notBefore {
            do throws(FileError) {
                state.children[index].process = try ChildProcess.start(
                    name: child.specification.name, executable: executable,
                    arguments: child.specification.arguments + ["--die-with-parent", "\(getpid())"],
                    logPath: child.specification.log)
                state.children[index].started = .now
            } catch {
                state.failure = error
            }
        }
    }

    private func noteEnd(_ state: inout State, _ index: Int, _ status: Int32) {
        let child = state.children[index]
        // A signal comes from outside; only a process that gives up by itself counts against its limit.
        let isQuick = status < 128 && ContinuousClock.now - child.started < Self.settled
        let quickEnds = isQuick ? child.quickEnds + 1 : 0
        state.children[index].quickEnds = quickEnds
        state.children[index].process = nil
        guard quickEnds < Self.quickEndLimit else {
            state.failure = KeepsEnding(
                name: child.specification.name, status: status, log: child.specification.log,
                tail: Self.tail(child.specification.log))
            return
        }
        state.children[index].notBefore = .now + (quickEnds > 0 ? .milliseconds(10 << quickEnds) : .zero)
        state.restarts += 1
        let how = status >= 128 ? "was killed by signal \(status - 128)" : "ended with \(status)"
        console.line(console.warning("\(child.specification.name) \(how); it is started again"))
    }

    /// The last lines of a log, for an error message.
    private static func tail(_ path: String) -> String {
        guard let bytes = try? DurableFile.read(path, limitBytes: 256 << 20) else { return "" }
        return String(decoding: bytes.suffix(2_000), as: UTF8.self).split(separator: "\n").suffix(8)
            .joined(separator: "\n")
    }
}
