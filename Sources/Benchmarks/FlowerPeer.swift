import FoundationEssentials
import Glibc

/// Flower's simulation engine, as Packaging/bench/flower_simulation.py runs it in a Python that has it installed.
struct FlowerPeer {
    let python: String
    let script: String

    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    struct Run: Decodable {
        var roundSeconds: [Double]
        var medianSeconds: Double
        var accuracies: [Double]

        private enum CodingKeys: String, CodingKey {
            case roundSeconds = "round_seconds"
            case medianSeconds = "round_seconds_median"
            case accuracies = "accuracy"
        }
    }

    /// Nil without both.
    init?(python: String?, script: String?) {
        guard let python, let script else { return nil }
        self.python = python
        self.script = script
    }

    /// Runs it to its end; what it prints goes nowhere, since Ray is talkative.
    func run(rounds: Int) throws -> Run {
        let output = "/tmp/vinculum-bench-flower-\(getpid()).json"
        defer { unlink(output) }
        let words = [python, script, "--rounds", "\(rounds)", "--output", output]
        var pointers: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) } + [nil]
        defer { for pointer in pointers { free(pointer) } }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        for stream: Int32 in [1, 2] { posix_spawn_file_actions_addopen(&actions, stream, "/dev/null", O_WRONLY, 0) }
        var process = pid_t()
        guard posix_spawnp(&process, python, &actions, nil, &pointers, environ) == 0 else {
            throw Failure(description: "\(python) cannot be started")
        }
        var status: Int32 = 0
        while waitpid(process, &status, 0) < 0 && errno == EINTR {}
        guard status == 0 else { throw Failure(description: "\(script) failed with status \(status)") }
        let document = try Data(contentsOf: URL(filePath: output))
        let run = try JSONDecoder().decode(Run.self, from: document)
        guard run.accuracies.count == run.roundSeconds.count, !run.roundSeconds.isEmpty else {
            throw Failure(description: "\(script) reported no rounds")
        }
        return run
    }
}
