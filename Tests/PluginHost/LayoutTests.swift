import Glibc
import TestSupport
import Testing

/// The layout of every struct of the interface, compiled from the headers, equals the committed golden file of the
/// minor. The file of a released minor is never edited: what changes there breaks plugins that are out in the world.
@Suite struct LayoutTests {
    private static let headers = "\(Fixture.root)/Sources/CVinculum/include"
    private static let golden = "\(Fixture.root)/Tests/PluginHost/Layout/abi-1.0.txt"

    @Test func theHeadersHaveTheGoldenLayoutOfTheirMinor() throws {
        let golden = try Fixture.read(Self.golden)
        #expect(try layout(of: Self.headers) == golden)
    }

    @Test func aFieldThatMovesIsCaught() throws {
        try TemporaryFolder.with { folder in
            let edit = "s/uint32_t abi_minor;/uint32_t added; uint32_t abi_minor;/"
            #expect(
                system("cp -r '\(Self.headers)/vinculum' '\(folder)' && sed -i '\(edit)' '\(folder)/vinculum/entry.h'")
                    == 0)
            let golden = try Fixture.read(Self.golden)
            let moved = try layout(of: folder)
            #expect(moved != golden)
        }
    }

    /// What the compiler says, by way of a program that prints sizes and offsets.
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
