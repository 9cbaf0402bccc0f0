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
        let folder = source.prefix + "/package"
        #expect(
            system(
                """
                mkdir '\(folder)' && cp '\(source.library)' '\(folder)' && \
                cp '\(source.manifestPath)' '\(folder)/plugin.toml'
                """
            ) == 0)
        #expect(
            system(
                "cd '\(target.prefix)/etc/vinculum' && rm -rf plugins-available plugins-enabled"
            ) == 0)
        let registry = PluginRegistry(
            folders: PluginFolders(prefix: target.prefix), allowedUnsigned: [source.sha256])
        #expect(registry.list().plugins.isEmpty)
        let installed = try registry.install(from: folder)
        #expect(installed.manifest.id == "org.example.engine" && !installed.isEnabled)
        let information = try registry.information("engine")
        #expect(information.problem == nil && information.signedBy == nil && information.librarySHA256 == source.sha256)
        try registry.enable("engine")
        let found = try registry.find("engine")
        #expect(found.isEnabled)
        #expect(registry.doctor().isEmpty)
    }

    @Test func aRefusedInstallLeavesNothingBehind() throws {
        let source = try Fixture("good")
        defer { source.remove() }
        let folder = source.prefix + "/package"
        #expect(
            system(
                """
                mkdir '\(folder)' && cp '\(source.library)' '\(folder)' && \
                cp '\(source.manifestPath)' '\(folder)/plugin.toml'
                """
            ) == 0)
        #expect(system("printf x >> '\(folder)/engine.so'") == 0)
        let prefix = source.prefix + "/other"
        let registry = PluginRegistry(folders: PluginFolders(prefix: prefix), allowedUnsigned: [source.sha256])
        #expect(pluginError { try registry.install(from: folder) }?.code == .digest)
        #expect(access(prefix, F_OK) != 0)
    }

    @Test func theDoctorNamesWhatWouldNotLoad() throws {
        let fixture = try Fixture("good")
        defer { fixture.remove() }
        #expect(fixture.registry().doctor().isEmpty)
        #expect(fixture.registry(unsigned: false).doctor().map(\.plugin) == ["org.example.engine"])
        #expect(system("ln -s ../nowhere '\(fixture.prefix)/etc/vinculum/plugins-enabled/ghost.toml'") == 0)
        #expect(fixture.registry().doctor().map(\.plugin) == ["ghost"])
    }
}
