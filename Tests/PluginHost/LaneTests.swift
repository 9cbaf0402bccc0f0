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
}
