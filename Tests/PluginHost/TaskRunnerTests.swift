import PluginHost
import Primitives
import TaskRunner
import Testing

/// The runner gives every number back to the runtime, whatever happens in between.
@Suite struct TaskRunnerTests {
    @Test func aTaskThatDoesNotStartIsCollectedAllTheSame() async throws {
        let fixture = try Fixture("runtime-never-starts")
        defer { fixture.remove() }
        try fixture.writeManifest(kind: "vin.runtime/1")
        let runner = TaskRunner(lane: try PluginLane(owning: try fixture.registry().runtime("engine")))
        let task = TaskDescription(
            program: "/bin/true", programDigest: Digest.sha256([]), outputPath: "/nowhere",
            limits: .init(memoryBytes: 1, cpu: .seconds(1), wall: .seconds(1), outputBytes: 1, processes: 1))
        for _ in 0..<3 {
            let error = await #expect(throws: PluginError.self) { try await runner.run(task) }
            #expect(error?.message == "it does not start")
        }
    }
}
