import Foundation
import TestSupport
import Testing

/// What a test has started ends with the tests, whoever started it.
@Suite struct EndWithProcessTests {
    /// One process stands for the tests; killed, it takes the program with it that a shell has started.
    @Test func theProgramEndsWithAProcessThatIsNotItsParent() async throws {
        let scratch = try TemporaryFolder()
        let tests = try Command("sleep", ["600"]).start()
        // Waits for a node that never comes.
        let words = "'\(Program.path)' wait --timeout 300 --node 'unix:\(scratch.path("api.sock"))'"
        let shell = try Command(
            "sh", ["-c", "echo begun >'\(scratch.path("begun"))'; \(words); exit 7"],
            environment: ["VINCULUM_END_WITH_PROCESS": "\(tests.identifier)", "VINCULUM_DATA": nil]
        ).start()
        for _ in 0..<300 where !FileManager.default.fileExists(atPath: scratch.path("begun")) {
            try await Task.sleep(for: .milliseconds(20))
        }
        try await Task.sleep(for: .milliseconds(200))
        tests.send(SIGKILL)
        _ = tests.wait(timeout: .seconds(10))
        let result = await shell.end(timeout: .seconds(60))
        // The shell saw the program's end; without it, the shell would have been killed after a minute.
        #expect(result.status == 7, "\(result.errors)")
    }

    @Test func whoseProcessIsGoneDoesNotBegin() throws {
        let gone = try Command("true").start()
        _ = gone.wait()
        let environment: [String: String?] = ["VINCULUM_END_WITH_PROCESS": "\(gone.identifier)"]
        let result = try Program.run("version", environment: environment)
        #expect(result.status == 1 && result.output.isEmpty)
        #expect(try Program.run("version", environment: ["VINCULUM_END_WITH_PROCESS": nil]).status == 0)
        // The tests' own, which every command of theirs gets.
        #expect(try Program.run("version").status == 0)
    }
}
