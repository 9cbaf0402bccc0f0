import Glibc
import TestSupport
import Testing

/// What both sides must agree on, compiled from the headers: layouts, prototypes, constants and ids. It equals the
/// committed golden file of the minor. The file of a released minor is never edited: what changes there breaks plugins
/// that are out in the world.
@Suite struct LayoutTests {
    private static let headers = "\(Fixture.root)/Sources/CVinculum/include"
    private static let golden = "\(Fixture.root)/Tests/PluginHost/Layout/abi-1.0.txt"

    @Test func theHeadersHaveTheGoldenLayoutOfTheirMinor() throws {
        let golden = try Fixture.read(Self.golden)
        #expect(try layout(of: Self.headers) == golden)
    }

    @Test(arguments: [
        ("entry.h", "s/uint32_t abi_minor;/uint32_t added; uint32_t abi_minor;/"),
        // The same layout, and another meaning.
        ("entry.h", "s/uint32_t abi_minor;/int32_t abi_minor;/"),
        ("base.h", "s/(\\*append)(void \\*sink_data, /(*append)(/"),
        ("draft/verifier.h", "s/VIN_OUTCOME_REFUSED = 2/VIN_OUTCOME_REFUSED = 5/"),
        ("host/log.h", "s/vin.host.log.1/vin.host.log\\/2/"),
        ("draft/consensus.h", "s/16u . 1024u . 1024u/8u * 1024u/"),
    ])
    func whatChangesIsCaught(file: String, edit: String) throws {
        try TemporaryFolder.with { folder in
            let path = "\(folder)/vinculum/\(file)"
            #expect(system("cp -r '\(Self.headers)/vinculum' '\(folder)' && sed -i '\(edit)' '\(path)'") == 0)
            let original = try Fixture.read("\(Self.headers)/vinculum/\(file)")
            #expect(try Fixture.read(path) != original)
            let golden = try Fixture.read(Self.golden)
            let changed = try layout(of: folder)
            #expect(changed != golden)
        }
    }

    /// What the compiler says, by way of a program that prints them.
    private func layout(of headers: String) throws -> [UInt8] {
        try TemporaryFolder.with { folder in
            let script = "\(Fixture.root)/Tests/PluginHost/Layout/layout.sh"
            guard system("sh '\(script)' '\(headers)' '\(folder)' > '\(folder)/out' 2>'\(folder)/err'") == 0 else {
                throw Fixture.Trouble(message: "the layout cannot be compiled")
            }
            return try Fixture.read("\(folder)/out")
        }
    }
}
