import Glibc
import PluginHost
import Testing

/// Who runs where, and what becomes of a child that ends.
@Suite struct IsolationTests {
    private static let signed = """
        untrusted comment: minisign public key 4FDBD386AD42B4B1
        RWSxtEKthtPbT10jU/jH2gAMkS1+//G6sVnT19EzNoJFamlXc8NRWyCu
        """

    @Test func theOperatorsWordGoesBeforeManifestAndSigner() throws {
        let key = try MinisignPublicKey(text: Self.signed, file: "key")
        let fixture = try Fixture("good")
        defer { fixture.remove() }
        let inside = try fixture.registry().find("engine").manifest
        try fixture.writeManifest(isolation: "process")
        let outside = try fixture.registry().find("engine").manifest
        let plain = IsolationPolicy()
        #expect(plain.decide(inside, signer: .project(key)).isolation == .none)
        #expect(plain.decide(outside, signer: .project(key)).isolation == .process)
        // A manifest by somebody else cannot ask for less.
        #expect(plain.decide(inside, signer: .other(key)).isolation == .process)
        #expect(plain.decide(inside, signer: .nobody).isolation == .process)
        let named = IsolationPolicy(inProcess: [inside.id])
        #expect(named.decide(outside, signer: .other(key)).isolation == .none)
        #expect(IsolationPolicy(isolatesEverything: true).decide(inside, signer: .project(key)).isolation == .process)
        let both = IsolationPolicy(isolated: [inside.id], inProcess: [inside.id])
        #expect(both.decide(inside, signer: .project(key)).isolation == .process)
    }

    @Test func theNameOfAKeysFileSaysWhoseItIs() throws {
        for (name, isOwn) in [
            ("development.pub", true), ("vinculum-2026.pub", true), ("acme.pub", false), ("my-vinculum-.pub", false),
        ] {
            let fixture = try Fixture("good")
            defer { fixture.remove() }
            let folder = "\(fixture.prefix)/etc/vinculum/trusted-keys"
            try Fixture.write("\(folder)/\(name)", Self.signed)
            #expect(try TrustedKeys(folder: folder).projectKeys.isEmpty != isOwn, "\(name)")
        }
    }

    @Test func withoutAHostForChildrenAnIsolatedPluginIsRefused() throws {
        let fixture = try Fixture("good")
        defer { fixture.remove() }
        let error = pluginError {
            _ = try fixture.registry(isolation: IsolationPolicy(), child: nil).consensus("engine")
        }
        #expect(error?.code == .load && error?.message.contains("process of its own") == true)
        #expect(error?.remedy?.contains("plugins.in_process") == true)
    }

    @Test func theNextCallThatNeedsNoStateStartsANewChild() throws {
        let fixture = try Fixture("trap")
        defer { fixture.remove() }
        let engine = try fixture.engine(isolated: true)
        try engine.start(snapshot: [])
        #expect(pluginError { _ = try engine.step(tick) }?.code == .crashed)
        // A call that would need what the child knew says why it cannot be made.
        #expect(pluginError { _ = try engine.step(tick) }?.code == .closed)
        // The first call of a life can.
        try engine.start(snapshot: [])
        #expect(pluginError { _ = try engine.step(tick) }?.code == .crashed)
        engine.close()
        #expect(pluginError { try engine.start(snapshot: []) }?.code == .closed)
    }

    @Test func restartsAreBounded() throws {
        let fixture = try Fixture("trap")
        defer { fixture.remove() }
        var launcher = PluginChildLauncher(
            program: Fixture.childProgram, restartsMax: 2, restartWindow: .milliseconds(1500))
        launcher.callTimeout = .seconds(20)
        let engine = try fixture.registry(
            isolation: IsolationPolicy(isolated: ["org.example.engine"]), child: launcher
        ).consensus("engine")
        func crash() -> PluginError? {
            pluginError {
                try engine.start(snapshot: [])
                _ = try engine.step(tick)
            }
        }
        for _ in 0..<3 { #expect(crash()?.code == .crashed) }
        let refused = crash()
        #expect(refused?.code == .closed)
        #expect(refused?.message.contains("started again 2 times") == true, "\(refused?.message ?? "")")
        usleep(1_600_000)
        #expect(crash()?.code == .crashed)
    }

    /// The kernel takes the thread that started a child for its parent: a child must outlive that thread.
    @Test func aChildOutlivesTheThreadThatAskedForIt() async throws {
        let fixture = try Fixture("good")
        defer { fixture.remove() }
        let box = EngineBox()
        var thread = pthread_t()
        box.make = { box.engine = try? fixture.engine(isolated: true) }
        let status = pthread_create(
            &thread, nil,
            { argument in
                guard let argument else { return nil }
                Unmanaged<EngineBox>.fromOpaque(argument).takeUnretainedValue().make?()
                return nil
            }, Unmanaged.passUnretained(box).toOpaque())
        #expect(status == 0)
        pthread_join(thread, nil)
        usleep(100_000)
        let engine = try #require(box.engine)
        try engine.start(snapshot: [])
        #expect(try engine.step(tick).count == 1)
    }
}

private final class EngineBox {
    var make: (() -> Void)?
    var engine: ConsensusInstance?
}
