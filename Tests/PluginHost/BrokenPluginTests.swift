import Glibc
import PluginHost
import Primitives
import Testing

/// Plugins broken on purpose are refused or contained, and the reason says why.
@Suite struct BrokenPluginTests {
    /// What a plugin does that is wrong in the middle of a call cannot be seen before it is called.
    private func stepError(
        _ source: String, isolated: Bool, callTimeout: Duration = .seconds(20)
    ) throws -> PluginError? {
        let fixture = try Fixture(source)
        defer { fixture.remove() }
        return pluginError {
            let engine = try fixture.engine(isolated: isolated, callTimeout: callTimeout)
            try engine.start(snapshot: [])
            _ = try engine.step(tick)
        }
    }

    @Test(arguments: [false, true])
    func aGoodPluginWorks(isolated: Bool) throws {
        let fixture = try Fixture("good")
        defer { fixture.remove() }
        let engine = try fixture.engine(isolated: isolated)
        #expect(engine.isIsolated == isolated)
        try engine.start(snapshot: [])
        #expect(try engine.step(tick) == [.setTimer(id: 1, timeMilliseconds: 2000)])
        #expect(try engine.snapshot() == [1, 0, 0, 0, 0, 0, 0, 0])
        try engine.stop()
        engine.close()
        #expect(pluginError { _ = try engine.snapshot() }?.code == .closed)
    }

    @Test(arguments: [false, true])
    func anErrorOfThePluginNamesCallAndReason(isolated: Bool) throws {
        let fixture = try Fixture("good")
        defer { fixture.remove() }
        let engine = try fixture.engine(isolated: isolated)
        try engine.start(snapshot: [])
        let error = pluginError { _ = try engine.step(encoded: [1, 2, 3]) }
        #expect(error?.code == .failed && error?.status == 1)
        #expect(error?.description == "org.example.engine: step: the event is too short (status 1)")
        // A failed call is not the end of the instance.
        #expect(try engine.step(tick).count == 1)
    }

    @Test(arguments: [false, true])
    func anotherMajorVersionIsRefused(isolated: Bool) throws {
        #expect(try stepError("wrong-major", isolated: isolated)?.code == .abi)
    }

    @Test(arguments: [false, true])
    func aShortTableIsRefused(isolated: Bool) throws {
        #expect(try stepError("short-struct", isolated: isolated)?.code == .layout)
    }

    @Test(arguments: [false, true])
    func aLibraryWithoutEntryIsRefused(isolated: Bool) throws {
        let error = try stepError("no-entry", isolated: isolated)
        #expect(error?.code == .load)
        #expect(error?.message.contains("vin_plugin_entry_v1") == true)
    }

    @Test(arguments: [false, true])
    func aFloodPastTheSinkIsAFailure(isolated: Bool) throws {
        #expect(try stepError("past-sink", isolated: isolated)?.code == .overflow)
    }

    @Test(arguments: [false, true])
    func garbageIsNotTakenForEffects(isolated: Bool) throws {
        #expect(try stepError("garbage", isolated: isolated)?.code == .malformed)
    }

    @Test(arguments: [false, true])
    func aReservedFieldMustBeZero(isolated: Bool) throws {
        let error = try stepError("reserved-field", isolated: isolated)
        #expect(error?.code == .malformed && error?.message.contains("BASE-3") == true)
    }

    /// What `create` made is destroyed, at [control], also where the host refuses it afterwards.
    @Test func aRefusedInstanceIsDestroyed() throws {
        let fixture = try Fixture("asks-in-create")
        defer { fixture.remove() }
        try fixture.writeManifest(services: "\"log\", \"thread-check\"")
        let lines = LogLines()
        let error = pluginError { _ = try fixture.registry(services: lines.services).consensus("engine") }
        #expect(error?.code == .failed && error?.message.contains("HOST-1") == true)
        #expect(lines.all == ["destroyed at control"])
    }

    @Test func aVerifierThatTrapsIsAnErrorHere() throws {
        let fixture = try Fixture("verifier-traps")
        defer { fixture.remove() }
        try fixture.writeManifest(kind: "vin.verifier/1")
        let verifier = try fixture.registry(isolation: IsolationPolicy(isolated: ["org.example.engine"]))
            .verifier("engine")
        let job = VerifierJob(job: Digest.sha256([1]), round: 1, members: 3, isPrivate: false)
        #expect(pluginError { _ = try verifier.plan(job, beacon: Digest.sha256([2])) }?.code == .crashed)
    }

    /// Neither looking at a plugin again and again nor trying to load a broken one keeps its copies open.
    @Test func copiesOfLibrariesAreClosed() throws {
        let fixture = try Fixture("good")
        defer { fixture.remove() }
        let registry = fixture.registry()
        let plugin = try registry.find("engine")
        let before = openDescriptors()
        for _ in 0..<20 { try registry.verify(plugin) }
        #expect(openDescriptors() <= before + 1)
    }

    private func openDescriptors() -> Int { (0..<4096).count { fcntl($0, F_GETFD) >= 0 } }

    @Test func aTrapInAChildIsAnErrorHere() throws {
        let error = try stepError("trap", isolated: true)
        #expect(error?.code == .crashed)
        #expect(error?.message.contains("signal 4") == true || error?.message.contains("signal 5") == true)
    }

    @Test func aThrownAwayBufferEndsTheChildOnly() throws {
        #expect(try stepError("frees-input", isolated: true)?.code == .crashed)
    }

    @Test func aHangIsKilledInTime() throws {
        let clock = ContinuousClock()
        let begin = clock.now
        let error = try stepError("hang", isolated: true, callTimeout: .milliseconds(300))
        #expect(error?.code == .timeout)
        #expect(clock.now - begin < .seconds(30))
    }

    @Test func aChildThatBreaksTheProtocolIsKilled() throws {
        #expect(try stepError("out-of-descriptor", isolated: true)?.code == .protocolBroken)
    }

    @Test func aChildOfASansIOKindOpensNoFileAndNoSocket() throws {
        let fixture = try Fixture("opens-file")
        defer { fixture.remove() }
        let here = try fixture.engine(isolated: false)
        try here.start(snapshot: [])
        // The sample must be able to tell: in this process both can be had.
        #expect(try here.step(tick) == [.setTimer(id: 1, timeMilliseconds: 1)])
        let confined = try fixture.engine(isolated: true)
        try confined.start(snapshot: [])
        #expect(try confined.step(tick) == [.setTimer(id: 0, timeMilliseconds: 0)])
    }

    @Test func theInstanceAfterACrashSaysWhy() throws {
        let fixture = try Fixture("trap")
        defer { fixture.remove() }
        let engine = try fixture.engine(isolated: true)
        try engine.start(snapshot: [])
        #expect(pluginError { _ = try engine.step(tick) }?.code == .crashed)
        let later = pluginError { _ = try engine.snapshot() }
        #expect(later?.code == .closed)
        #expect(later?.message.contains("signal") == true)
    }
}
