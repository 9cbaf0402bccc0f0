import Glibc
import PluginHost
import Testing

/// Installing, enabling and finding faults, on a prefix of its own.
@Suite struct RegistryTests {
    @Test func anInstallFromAFolderIsListedAndNotEnabled() throws {
        let source = try Fixture("good")
        let target = try Fixture("good")
        defer {
            source.remove()
            target.remove()
        }
        let package = try source.package()
        #expect(system("cd '\(target.prefix)/etc/vinculum' && rm -rf plugins-available plugins-enabled") == 0)
        let registry = PluginRegistry(
            folders: PluginFolders(prefix: target.prefix), allowedUnsigned: [source.sha256])
        #expect(registry.list().plugins.isEmpty)
        let installed = try registry.install(manifest: package)
        #expect(installed.manifest.id == "org.example.engine" && !installed.isEnabled)
        let information = try registry.information("engine")
        #expect(information.problem == nil && information.signer == .nobody)
        #expect(information.librarySHA256 == source.sha256 && information.isolation == .process)
        try registry.enable("engine")
        let found = try registry.find("engine")
        #expect(found.isEnabled)
        #expect(registry.doctor().allSatisfy { $0.problem == nil })
    }

    @Test func aRefusedInstallLeavesNothingBehind() throws {
        let source = try Fixture("good")
        defer { source.remove() }
        let package = try source.package()
        #expect(system("printf x >> '\(source.prefix)/package/engine.so'") == 0)
        let prefix = source.prefix + "/other"
        let registry = PluginRegistry(folders: PluginFolders(prefix: prefix), allowedUnsigned: [source.sha256])
        #expect(pluginError { try registry.install(manifest: package) }?.code == .digest)
        #expect(access(prefix, F_OK) != 0)
    }

    /// What `plugin check` fails for its symbols is neither installed nor enabled, unless the operator accepts it.
    @Test func aClockInADeterministicKindIsRefusedUnlessAccepted() throws {
        let source = try Fixture("clock")
        defer { source.remove() }
        let package = try source.package()
        let prefix = source.prefix + "/other"
        let registry = PluginRegistry(folders: PluginFolders(prefix: prefix), allowedUnsigned: [source.sha256])
        let refused = pluginError { try registry.install(manifest: package) }
        #expect(refused?.code == .symbols && refused?.message.contains("clock_gettime") == true)
        #expect(refused?.remedy?.contains("--allow-symbols") == true)
        #expect(access(prefix, F_OK) != 0)
        #expect(try !registry.install(manifest: package, accepting: .foreignSymbols).isEnabled)
        #expect(pluginError { try registry.enable("engine") }?.code == .symbols)
        #expect(try !registry.find("engine").isEnabled)
        #expect(pluginError { try registry.verify(registry.find("engine")) }?.code == .symbols)
        try registry.enable("engine", accepting: .foreignSymbols)
        #expect(try registry.find("engine").isEnabled)
    }

    @Test func aSymbolTooManyIsRefusedUnlessAccepted() throws {
        let fixture = try Fixture("good", flags: "-Wl,--defsym=stray=0x10 -Wl,--export-dynamic-symbol=stray")
        defer { fixture.remove() }
        let plain = try Fixture("good")
        defer { plain.remove() }
        try plain.registry().enable("engine")
        let refused = pluginError { try fixture.registry().enable("engine") }
        #expect(refused?.code == .symbols && refused?.message.contains("stray") == true, "\(refused?.message ?? "")")
        try fixture.registry().enable("engine", accepting: .foreignSymbols)
    }

    /// A kind that does I/O may want what it likes.
    @Test func aKindThatDoesInputAndOutputMayWantAClock() throws {
        let fixture = try Fixture("clock")
        defer { fixture.remove() }
        try fixture.writeManifest(kind: "vin.runtime/1")
        try fixture.registry().enable("engine")
    }

    @Test func anInstallTakesNoPlaceOfAnotherPlugin() throws {
        let fixture = try Fixture("good")
        defer { fixture.remove() }
        let package = try fixture.package()
        for (id, name, word) in [
            ("org.example.other", "engine", "name engine"), ("org.example.other", "other", "library engine.so"),
            ("org.example.engine", "other", "under the name engine"),
        ] {
            try fixture.writeManifest(id: id, name: name)
            #expect(system("cp '\(fixture.manifestPath)' '\(package)'") == 0)
            try fixture.writeManifest()
            let error = pluginError { try fixture.registry().install(manifest: package) }
            #expect(error?.code == .exists, "\(id) \(name)")
            #expect(error?.message.contains(word) == true, "\(error?.message ?? "")")
        }
    }

    @Test func anOlderVersionThanTheInstalledOneNeedsAWord() throws {
        let fixture = try Fixture("good")
        defer { fixture.remove() }
        let package = try fixture.package()
        try fixture.writeManifest(version: "1.1.0")
        #expect(pluginError { try fixture.registry().install(manifest: package) }?.code == .downgrade)
        #expect(try fixture.registry().install(manifest: package, accepting: .olderVersion).manifest.version.minor == 0)
    }

    @Test func anUpgradeKeepsTheChoiceAndTheOldSignatureGoes() throws {
        let fixture = try Fixture("good")
        defer { fixture.remove() }
        let package = try fixture.package()
        try Fixture.write(fixture.manifestPath + ".minisig", "of an earlier version")
        #expect(try fixture.registry().install(manifest: package).isEnabled)
        #expect(access(fixture.manifestPath + ".minisig", F_OK) != 0)
    }

    @Test func relationsAreHeldBothWays() throws {
        let fixture = try Fixture("good")
        defer { fixture.remove() }
        try fixture.writeManifest(relations: "[relations]\nrequires = [\"org.example.absent\"]")
        let missing = pluginError { try fixture.registry().enable("engine") }
        #expect(missing?.code == .relation && missing?.message == "requires org.example.absent")
        #expect(missing?.remedy == "install and enable org.example.absent first")
        #expect(fixture.registry().doctor().contains { $0.problem?.contains("requires org.example.absent") == true })

        // A second plugin over the same library, for the rest.
        let first = try Fixture.read(fixture.manifestPath)
        try fixture.writeManifest(
            id: "org.example.rival", name: "rival", relations: "[relations]\nconflicts = [\"org.example.engine\"]")
        #expect(
            system("mv '\(fixture.manifestPath)' '\(fixture.prefix)/etc/vinculum/plugins-available/rival.toml'") == 0)
        try Fixture.write(fixture.manifestPath, String(decoding: first, as: UTF8.self))
        try fixture.writeManifest()
        let rival = pluginError { try fixture.registry().enable("rival") }
        #expect(rival?.code == .relation && rival?.message == "conflicts with org.example.engine")
    }

    @Test func theDoctorNamesWhatWouldNotLoad() throws {
        let fixture = try Fixture("good")
        defer { fixture.remove() }
        func problems(_ registry: PluginRegistry) -> [String] {
            registry.doctor().filter { $0.problem != nil }.map(\.plugin)
        }
        #expect(problems(fixture.registry()).isEmpty)
        #expect(problems(fixture.registry(unsigned: false)) == ["engine"])
        #expect(fixture.registry(unsigned: false).doctor().first?.remedy?.contains("trusted-keys") == true)
        #expect(system("ln -s ../nowhere '\(fixture.prefix)/etc/vinculum/plugins-enabled/ghost.toml'") == 0)
        #expect(problems(fixture.registry()) == ["ghost"])
    }

    @Test func aPluginWithABrokenManifestCanBeDisabled() throws {
        let fixture = try Fixture("good")
        defer { fixture.remove() }
        try Fixture.write(fixture.manifestPath, "manifest = 1\n[=\n")
        let doctor = fixture.registry().doctor()
        #expect(doctor.map(\.plugin) == ["engine.toml"] && doctor.first?.problem?.contains(":2:") == true)
        let disabled = try fixture.registry().disable("engine")
        #expect(disabled == nil)
        #expect(access("\(fixture.prefix)/etc/vinculum/plugins-enabled/engine.toml", F_OK) != 0)
        #expect(pluginError { try fixture.registry().disable("engine") }?.code == .manifest)
        #expect(pluginError { try fixture.registry().disable("../engine") }?.code == .notFound)
    }

    @Test func aBrokenManifestHidesNoOtherPlugin() throws {
        let fixture = try Fixture("good")
        defer { fixture.remove() }
        try Fixture.write("\(fixture.prefix)/etc/vinculum/plugins-available/broken.toml", "manifest = 1\n[=\n")
        #expect(try fixture.registry().find("engine").manifest.name == "engine")
        #expect(pluginError { _ = try fixture.registry().find("broken") }?.code == .manifest)
        let other = pluginError { _ = try fixture.registry().find("absent") }
        #expect(other?.code == .notFound && other?.remedy?.contains("plugin doctor") == true)
    }
}
