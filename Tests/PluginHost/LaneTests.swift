import CVinculum
import PluginHost
import Testing

/// Async code reaches a plugin through a thread of the plugin's own.
@Suite struct LaneTests {
    @Test func callsFromManyTasksComeOneAfterTheOther() async throws {
        let fixture = try Fixture("good")
        defer { fixture.remove() }
        let lane = try PluginLane(owning: fixture.registry().consensus("engine"))
        try await lane.call { engine throws(PluginError) in try engine.start(snapshot: []) }
        await withTaskGroup(of: Int?.self) { group in
            for _ in 0..<100 {
                group.addTask { try? await lane.call { engine throws(PluginError) in try engine.step(tick).count } }
            }
            for await count in group { #expect(count == 1) }
        }
        let snapshot = try await lane.call { engine throws(PluginError) in try engine.snapshot() }
        #expect(snapshot == [100, 0, 0, 0, 0, 0, 0, 0])
    }

    @Test func sharedBuffersPassWithoutTheSocketAndCallsAreCheap() throws {
        let fixture = try Fixture("good")
        defer { fixture.remove() }
        let here = try fixture.engine(isolated: false)
        let there = try fixture.engine(isolated: true)
        try here.start(snapshot: [])
        try there.start(snapshot: [])
        let large = ConsensusEvent(
            timeMilliseconds: 1, .parameters(height: 1, ["text": String(repeating: "x", count: 960)]))
        let figures = try PluginCallBenchmark.steps(
            inProcess: here, isolated: there, event: tick, large: large, rounds: 20, isolatedCalls: 200)
        // Figures are for the benchmark to judge; here they only have to exist.
        #expect(figures.direct > 0 && figures.hosted > 0 && figures.isolatedKibibyte > 0)
    }
}
