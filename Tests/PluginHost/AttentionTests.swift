import Glibc
import PluginHost
import Primitives
import TestSupport
import Testing

/// Plugins with a network of their own, and how they make themselves heard: ATT-1, ATT-2, HOST-3.
@Suite struct AttentionTests {
    private static let services = "\"log\", \"network\", \"attention\""
    private static let timer = ConsensusEvent(timeMilliseconds: 1000, .timer(id: 1))

    private func fixture(_ flags: String = "") throws -> Fixture {
        let fixture = try Fixture("attention", flags: "-pthread \(flags)")
        try fixture.writeManifest(services: Self.services)
        return fixture
    }

    /// Sleeps as a host does: until the descriptor is readable.
    private func sleep(_ engine: ConsensusInstance) throws -> Bool {
        let descriptor = try #require(engine.attentionDescriptor)
        var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        return engine.mayHaveWake || poll(&entry, 1, 10_000) > 0
    }

    @Test("ATT-1: a wake is heard between calls, and what came before it is there", arguments: [false, true])
    func wakes(isolated: Bool) throws {
        let fixture = try fixture()
        defer { fixture.remove() }
        let engine = try fixture.engine(isolated: isolated)
        try engine.start(snapshot: [])
        #expect(!engine.takeWake() && engine.complaint == nil)
        #expect(try engine.step(Self.timer) == [.setTimer(id: 0, timeMilliseconds: 0)])
        var isAwake = false
        for _ in 0..<10 where !isAwake {
            #expect(try sleep(engine))
            isAwake = engine.takeWake()
        }
        #expect(isAwake && !engine.takeWake())
        #expect(try engine.step(tick) == [.setTimer(id: 1, timeMilliseconds: 0)])
        // ATT-2
        #expect(engine.complaint == "something is missing")
    }

    @Test("ATT-1: a thousand wakes are hardly more than one, and hold up no call", arguments: [false, true])
    func manyWakes(isolated: Bool) throws {
        let fixture = try fixture("-DLOUD=1")
        defer { fixture.remove() }
        let engine = try fixture.engine(isolated: isolated)
        try engine.start(snapshot: [])
        _ = try engine.step(Self.timer)
        usleep(200_000)
        for _ in 0..<3 { #expect(try engine.step(tick) == [.setTimer(id: 1, timeMilliseconds: 0)]) }
        // One may be on its way while another is taken: a handful, and no thousand.
        var heard = 0
        for _ in 0..<200 {
            if engine.takeWake() { heard += 1 }
            usleep(1_000)
        }
        #expect((1...5).contains(heard), "\(heard) wakes")
    }

    @Test("a child that ends between calls is noticed there, and a new one takes its place")
    func diesBetweenCalls() throws {
        let fixture = try fixture("-DDIES=1")
        defer { fixture.remove() }
        let engine = try fixture.engine(isolated: true)
        try engine.start(snapshot: [])
        _ = try engine.step(Self.timer)
        var isAwake = false
        for _ in 0..<20 where !isAwake || !engine.isGone {
            guard !engine.isGone, try sleep(engine) else { break }
            isAwake = engine.takeWake() || isAwake
        }
        #expect(isAwake && engine.isGone && engine.complaint == nil && engine.attentionDescriptor == nil)
        #expect(pluginError { _ = try engine.step(tick) }?.message.contains("exit code 9") == true)
        try engine.start(snapshot: [])
        #expect(try engine.step(tick) == [.setTimer(id: 0, timeMilliseconds: 0)])
    }

    @Test(
        "HOST-3: whoever has a network is not flagged deterministic, and gets no digest and no threads without asking")
    func flags() throws {
        let lying = try Fixture("attention", flags: "-pthread -DFLAGS=1")
        defer { lying.remove() }
        try lying.writeManifest(services: Self.services)
        #expect(pluginError { _ = try lying.engine(isolated: false) }?.code == .descriptor)
        // Without the permission, the same library is a sans-IO engine that says it is none.
        let silent = try fixture()
        defer { silent.remove() }
        try silent.writeManifest()
        #expect(pluginError { _ = try silent.engine(isolated: true) }?.code == .descriptor)
        try silent.writeManifest(
            services: Self.services, extra: "conformance_digest = \"\(String(repeating: "0", count: 63))1\"")
        #expect(
            pluginError { _ = try silent.engine(isolated: true) }?.message
                == "conformance_digest is for sans-IO plugins")
        try silent.writeManifest(services: Self.services, kind: "vin.verifier/1")
        #expect(pluginError { _ = try silent.registry().verifier("engine") }?.code == .service)
    }

    @Test("an engine with a network reaches it and little else")
    func confinement() throws {
        let fixture = try Fixture(
            "attempts", flags: "-DTRY='socket(AF_INET, SOCK_STREAM, 0)' -DFLAGS=0 -include sys/socket.h")
        defer { fixture.remove() }
        try fixture.writeManifest(services: Self.services)
        let engine = try fixture.engine(isolated: true)
        try engine.start(snapshot: [])
        #expect(try engine.step(tick) == [.setTimer(id: 0, timeMilliseconds: 0)])
        let other = try Fixture("attempts", flags: "-DTRY='open(\"/etc/passwd\", O_RDONLY)' -DFLAGS=0")
        defer { other.remove() }
        try other.writeManifest(services: Self.services)
        let reader = try other.engine(isolated: true)
        try reader.start(snapshot: [])
        #expect(try reader.step(tick) == [.setTimer(id: UInt64(EACCES), timeMilliseconds: 0)])
    }

    @Test("a file's bytes come as a setting, and what is no file is refused by name")
    func files() throws {
        let folder = try TemporaryFolder()
        let path = try folder.write("secret", "a\nb")
        let manifest = try Manifest(
            text: """
                manifest = 1
                id = "org.example.x"
                name = "x"
                kind = "vin.consensus/1"
                version = "1.0.0"
                summary = "s"
                vendor = "v"
                licence = "Apache-2.0"
                library = "x.so"
                sha256 = ""
                language = "c"
                [abi]
                major = 1
                minor = 0
                [host]
                services = ["network"]
                [configuration.key_file]
                type = "file"
                default = ""
                summary = "A key"
                """, file: "plugin.toml")
        #expect(manifest.isolation == .process && !manifest.isSansIO)
        #expect(try manifest.settingsText(["key_file": path]) == "key_file=610a62\n")
        #expect(try manifest.settingsText([:]) == "key_file=\n")
        #expect(
            pluginError { _ = try manifest.settingsText(["key_file": "secret"]) }?.message.contains("absolute") == true)
        #expect(pluginError { _ = try manifest.settingsText(["key_file": "/nowhere"]) } != nil)
    }
}
